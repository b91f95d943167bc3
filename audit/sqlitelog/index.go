package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/piinguin/piinguin/audit"
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
func (s *Store) List(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	where, args := conditions(q)
	query := `SELECT log, idx, ` + entryColumns + ` FROM audit_entries` + where + ` ORDER BY time DESC, log DESC, idx DESC LIMIT ?` //nolint:gosec // columns and conditions are constants, values are arguments
	rows, err := s.read.QueryContext(ctx, query, append(args, q.Limit)...)
	if err != nil {
		return nil, failure("list", err)
	}
	defer func() { _ = rows.Close() }()
	var entries []audit.Entry
	for rows.Next() {
		var log string
		var index int64
		var r row
		if err := rows.Scan(append([]any{&log, &index}, r.columns()...)...); err != nil {
			return nil, failure("list", err)
		}
		e, err := r.entry(log, index)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, failure("list", err)
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
	if b := q.Before; b != nil {
		add("(time, log, idx) < (?, ?, ?)", b.Time.UTC().Format(timeLayout), b.Log, b.Index)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// Entry implements audit.Index.
func (s *Store) Entry(ctx context.Context, log string, index int64) (audit.Entry, error) {
	var r row
	err := s.read.QueryRowContext(ctx, `SELECT `+entryColumns+` FROM audit_entries WHERE log = ? AND idx = ?`, log, index).
		Scan(r.columns()...)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Entry{}, audit.ErrNotFound
	}
	if err != nil {
		return audit.Entry{}, failure("read entry", err)
	}
	return r.entry(log, index)
}

// Logs implements audit.Registry.
func (s *Store) Logs(ctx context.Context) ([]string, error) {
	return strs(ctx, s.read, "read logs", `SELECT log FROM audit_logs ORDER BY log`)
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func strs(ctx context.Context, db queryer, operation, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, failure(operation, err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, failure(operation, err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, failure(operation, err)
	}
	return all, nil
}
