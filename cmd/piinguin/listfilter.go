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
	flags.StringArrayVar(&o.requestIDs, "request-id", nil, "only entries of this `request`: the X-Request-Id of its answer; needs --from and\n--to, at most 24 hours apart")
	flags.StringArrayVar(&o.logs, "log", nil, "only entries of this `log`: its number, or spine")
	flags.BoolVar(&o.mine, "mine", false, "list your own reviews as well, as --caller, --operation, --reference and --request-id do")
}

// question returns what to ask a ledger.
func (o *filterFlags) question() (question, error) {
	var q question
	var err error
	if q.From, err = timeFlag("from", o.since, 0); err != nil {
		return q, err
	}
	if q.To, err = timeFlag("to", o.until, 1); err != nil {
		return q, err
	}
	if err := o.check(q.From, q.To); err != nil {
		return q, err
	}
	q.Subjects, q.Callers, q.Purposes, q.References, q.RequestIDs = o.subjects, o.callers, o.purposes, o.references, o.requestIDs
	if q.Bases, err = names[string]("basis", o.bases, piinguinv1.LawfulBasisForProcessing_value); err != nil {
		return q, err
	}
	if q.Operations, err = names[audit.Operation]("operation", o.operations, piinguinv1.Operation_value); err != nil {
		return q, err
	}
	if q.Outcomes, err = names[audit.Outcome]("outcome", o.outcomes, piinguinv1.Outcome_value); err != nil {
		return q, err
	}
	for _, name := range o.logs {
		log, err := audit.ParseLogID(name)
		if err != nil {
			return q, errors.New("--log must be spine or the number of a log, such as 1")
		}
		q.Logs = append(q.Logs, log)
	}
	// These filters find a review by its own fields: whoever asks for one wants to see it.
	q.hideOwn = !o.mine && len(o.callers)+len(o.operations)+len(o.references)+len(o.requestIDs) == 0
	return q, nil
}

// check refuses what no ledger answers.
func (o *filterFlags) check(from, to time.Time) error {
	for _, f := range []struct {
		flag   string
		values []string
	}{
		{"subject", o.subjects}, {"caller", o.callers}, {"basis", o.bases}, {"operation", o.operations}, {"outcome", o.outcomes},
		{"purpose", o.purposes}, {"reference", o.references}, {"request-id", o.requestIDs}, {"log", o.logs},
	} {
		if slices.Contains(f.values, "") {
			return fmt.Errorf("--%s is empty", f.flag)
		}
		if len(f.values) > audit.MaxValues {
			return fmt.Errorf("--%s is given more than %d times", f.flag, audit.MaxValues)
		}
	}
	both := !from.IsZero() && !to.IsZero()
	switch {
	case both && !from.Before(to):
		return errors.New("--from is not before --to: nothing can match")
	case len(o.requestIDs) > 0 && (!both || to.Sub(from) > audit.MaxRequestWindow):
		return errors.New("--request-id needs --from and --to, at most 24 hours apart, such as the same day twice")
	}
	return nil
}

// names reads names of an enum, in any case.
func names[S ~string](flag string, given []string, known map[string]int32) (all []S, err error) {
	for _, name := range given {
		if _, err := enum(flag, name, known); err != nil {
			return nil, err
		}
		all = append(all, S(strings.ToUpper(name)))
	}
	return all, nil
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

// constant reports whether every entry that matches has the same value in a column.
func (q question) constant(column string) bool {
	return map[string]int{
		"subject": len(q.Subjects), "caller": len(q.Callers), "basis": len(q.Bases), "operation": len(q.Operations), "outcome": len(q.Outcomes),
		"purpose": len(q.Purposes), "reference": len(q.References), "request_id": len(q.RequestIDs),
	}[column] == 1
}
