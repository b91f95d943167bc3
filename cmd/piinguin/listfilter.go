package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// filterFlags are the flags of list that select entries. Each may be repeated.
type filterFlags struct {
	since, until                           string
	subjects, callers                      []string
	bases, operations, outcomes            []string
	purposes, references, requestIDs, logs []string

	mine bool
}

func (o *filterFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.since, "from", "", "only entries at or after this `time` (RFC 3339), or from the start of this day in UTC")
	flags.StringVar(&o.until, "to", "", "only entries before this `time`, or to the end of this day in UTC")
	flags.StringArrayVar(&o.subjects, "subject", nil, "only entries about this `modified value`")
	flags.StringArrayVar(&o.callers, "caller", nil, "only entries of this `caller`")
	flags.StringArrayVar(&o.bases, "basis", nil, "only entries with this lawful `basis`")
	flags.StringArrayVar(&o.operations, "operation", nil, "only this `operation`, one of "+namesOf(piinguinv1.Operation_value))
	flags.StringArrayVar(&o.outcomes, "outcome", nil, "only this `outcome`, one of "+namesOf(piinguinv1.Outcome_value))
	flags.StringArrayVar(&o.purposes, "purpose", nil, "only entries that state this `purpose`, exactly")
	flags.StringArrayVar(&o.references, "reference", nil, "only entries that state this `reference`, exactly")
	flags.StringArrayVar(&o.requestIDs, "request-id", nil, "only entries of this `request`: the X-Request-Id of its answer")
	flags.StringArrayVar(&o.logs, "log", nil, "only entries of this `log`: its number, or with --operation also spine")
	flags.BoolVar(&o.mine, "mine", false, "list your own reviews as well, as --caller, --operation, --reference and --request-id do")
}

// filter selects entries: those of the query, which the ledger is asked, that have one of each field's
// values.
type filter struct {
	query question
	of    []allowed
}

// allowed is the values that a filter allows in a field; value reads the field.
type allowed struct {
	column string // of the table that shows the field
	values []string
	value  func(audit.Entry) string
	into   *string // of the query; nil: the ledger cannot be asked for it
}

func (o *filterFlags) filter() (filter, error) {
	var f filter
	var err error
	if f.query.From, err = timeFlag("from", o.since, 0); err != nil {
		return f, err
	}
	if f.query.To, err = timeFlag("to", o.until, 1); err != nil {
		return f, err
	}
	if q := f.query; !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return f, errors.New("--from is not before --to: nothing can match")
	}
	for _, e := range []struct {
		flag  string
		names []string
		known map[string]int32
	}{
		{"basis", o.bases, piinguinv1.LawfulBasisForProcessing_value},
		{"operation", o.operations, piinguinv1.Operation_value},
		{"outcome", o.outcomes, piinguinv1.Outcome_value},
	} {
		for i, name := range e.names {
			if _, err := enum(e.flag, name, e.known); err != nil {
				return f, err
			}
			e.names[i] = strings.ToUpper(name)
		}
	}
	if err := o.checkSpine(); err != nil {
		return f, err
	}
	q := &f.query
	for _, a := range []allowed{
		{"subject", o.subjects, func(e audit.Entry) string { return e.ModifiedValue }, &q.ModifiedValue},
		{"caller", o.callers, func(e audit.Entry) string { return e.Caller }, &q.Caller},
		{"basis", o.bases, func(e audit.Entry) string { return e.Basis }, &q.Basis},
		{"operation", o.operations, func(e audit.Entry) string { return string(e.Operation) }, (*string)(&q.Operation)},
		{"outcome", o.outcomes, func(e audit.Entry) string { return string(e.Outcome) }, (*string)(&q.Outcome)},
		{"purpose", o.purposes, func(e audit.Entry) string { return e.Purpose }, &q.Purpose},
		{"reference", o.references, func(e audit.Entry) string { return e.Reference }, &q.Reference},
		{"request_id", o.requestIDs, func(e audit.Entry) string { return e.RequestID }, &q.RequestID},
		{"log", o.logs, func(e audit.Entry) string { return e.Log.String() }, nil},
	} {
		if slices.Contains(a.values, "") {
			return f, fmt.Errorf("--%s is empty", strings.ReplaceAll(a.column, "_", "-"))
		}
		switch {
		case len(a.values) == 1 && a.into != nil:
			*a.into = a.values[0]
			f.of = append(f.of, a)
		case len(a.values) > 0:
			a.into = nil
			f.of = append(f.of, a)
		}
	}
	// These filters find a review by its own fields: whoever asks for one wants to see it.
	f.query.hideOwn = !o.mine && len(o.callers)+len(o.operations)+len(o.references)+len(o.requestIDs) == 0
	return f, nil
}

// ofSpine are the operations of entries that the spine has. It is listed for one of them at a time.
var ofSpine = []audit.Operation{audit.Opened, audit.Checkpoint, audit.Pruned, audit.Held, audit.Released, audit.Rekeyed, audit.RolledBack}

// checkSpine refuses questions whose answer would leave out entries of the spine.
func (o *filterFlags) checkSpine() error {
	for _, name := range o.logs {
		if _, err := audit.ParseLogID(name); err != nil {
			return errors.New("--log must be spine or the number of a log, such as 1")
		}
	}
	if slices.Contains(o.logs, audit.Spine.String()) && len(o.operations) != 1 {
		return errors.New("--log spine needs one --operation, such as CHECKPOINT or PRUNE")
	}
	for _, name := range o.operations {
		if len(o.operations) > 1 && slices.Contains(ofSpine, audit.Operation(name)) {
			return fmt.Errorf("--operation %s must be the only one: the spine is listed for one operation at a time", name)
		}
	}
	return nil
}

// timeFlag reads a time, or the start of a day that comes some days later. Nothing is the zero time.
func timeFlag(flag, s string, days int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := parseTime(s)
	if err != nil {
		return at, fmt.Errorf("--%s %w", flag, err)
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		at = at.AddDate(0, 0, days)
	}
	return at, nil
}

// local reports whether the ledger cannot be asked for all of the filter.
func (f filter) local() bool {
	return slices.ContainsFunc(f.of, func(a allowed) bool { return a.into == nil })
}

func (f filter) match(e audit.Entry) bool {
	return !slices.ContainsFunc(f.of, func(a allowed) bool { return !slices.Contains(a.values, a.value(e)) })
}

// constant reports whether every entry that matches has the same value in a column.
func (f filter) constant(column string) bool {
	return slices.ContainsFunc(f.of, func(a allowed) bool { return a.column == column && len(a.values) == 1 })
}
