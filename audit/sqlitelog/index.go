package sqlitelog

import (
	"context"
	"strings"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

const entryColumns = `time, operation, outcome, caller, basis, modified_value, line`

// row is an entry's row.
type row struct {
	audit.Columns
	line string
}

// columns returns where to scan the columns of entryColumns.
func (r *row) columns() []any {
	return []any{&r.Time, &r.Operation, &r.Outcome, &r.Caller, &r.Basis, &r.ModifiedValue, &r.line}
}

// entry parses the row's line, and checks that the columns beside it equal the line's. The error is
// an *audit.RowError.
func (r *row) entry(log string, index int64) (audit.Entry, error) {
	name := audit.EntryRow(log, index)
	e, err := audit.Parse([]byte(r.line))
	if err != nil {
		return e, &audit.RowError{Row: name, Problem: "its line is not a valid entry"}
	}
	if e.Log != log || e.Index != index {
		return e, &audit.RowError{Row: name, Problem: "its line belongs to another place"}
	}
	if r.Columns != e.Columns() {
		return e, &audit.RowError{Row: name, Problem: "a field beside its line differs from the line"}
	}
	return e, nil
}

// List implements audit.Index.
func (s rows) List(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	where, args := conditions(q)
	query := `SELECT log, idx, ` + entryColumns + ` FROM audit_entries` + where + ` ORDER BY time DESC, log DESC, idx DESC LIMIT ?`
	var entries []audit.Entry
	err := s.each(ctx, "list", query, append(args, q.Limit), func(scan sqlitefile.Scan) error {
		var log string
		var index int64
		var r row
		if err := scan(append([]any{&log, &index}, r.columns()...)...); err != nil {
			return err
		}
		e, err := r.entry(log, index)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func conditions(q audit.Query) (string, []any) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		terms, args = append(terms, term), append(args, values...)
	}
	if !q.From.IsZero() {
		// An entry's time has whole microseconds: one that is not before From is not
		// before From rounded up either.
		add("time >= ?", roundUp(q.From))
	}
	if !q.To.IsZero() {
		add("time < ?", roundUp(q.To))
	}
	if q.ModifiedValue != "" {
		add("modified_value <> ''") // says to SQLite that the partial index serves
	}
	for _, equal := range []struct{ column, value string }{
		{"modified_value", q.ModifiedValue}, {"caller", q.Caller}, {"basis", q.Basis},
		{"operation", string(q.Operation)}, {"outcome", string(q.Outcome)},
	} {
		if equal.value != "" {
			add(equal.column+" = ?", equal.value)
		}
	}
	for _, member := range []struct{ field, value string }{
		{"purpose", q.Purpose}, {"reference", q.Reference}, {"request_id", q.RequestID},
	} {
		if member.value != "" {
			add("instr(line, ?) > 0", audit.Member(member.field, member.value))
		}
	}
	if p := q.HideReviews; p != (audit.Principal{}) {
		add("NOT (operation = ? AND caller = ? AND instr(line, ?) > 0)",
			string(audit.Review), p.Caller, audit.Member("authentication", p.Authentication))
	}
	if b := q.Before; b != nil {
		add("(time, log, idx) < (?, ?, ?)", b.Time.UTC().Format(timeLayout), b.Log, b.Index)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// Entry implements audit.Index.
func (s rows) Entry(ctx context.Context, log string, index int64) (audit.Entry, error) {
	var r row
	err := s.first(ctx, "read entry", `SELECT `+entryColumns+` FROM audit_entries WHERE log = ? AND idx = ?`,
		sqlitefile.Args{log, index}, r.columns()...)
	if err != nil {
		return audit.Entry{}, err
	}
	return r.entry(log, index)
}

// Logs implements audit.Registry.
func (s *Store) Logs(ctx context.Context) (logs []string, err error) {
	err = s.own.read(ctx, "read logs", func(r sqlitefile.Reader) (err error) {
		logs, err = texts(r, `SELECT log FROM audit_logs ORDER BY log`)
		return err
	})
	return logs, err
}

// texts returns the first column of a query's answer.
func texts(r sqlitefile.Reader, query string) (all []string, err error) {
	err = r.Each(query, nil, func(scan sqlitefile.Scan) error {
		var v string
		err := scan(&v)
		all = append(all, v)
		return err
	})
	return all, err
}
