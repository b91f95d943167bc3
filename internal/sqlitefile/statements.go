package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
)

// Args are the values of a statement's parameters.
type Args = []any

// Scan copies the columns of a row into the variables that the pointers name. NULL goes into
// a pointer to a pointer, which becomes nil.
type Scan func(into ...any) error

// Reader runs queries on one connection. It serves until the function that was given it
// returns. Its errors are an *Error, the context's error, or have another fixed text.
type Reader struct {
	ctx context.Context
	on  *conn
}

// Writer runs statements in a job's part of a transaction.
type Writer struct{ Reader }

// Each runs a query and calls row for each row of the answer. It ends at the first error of
// row and returns that error as it is. row may run further statements on the same Reader.
func (r Reader) Each(query string, args Args, row func(Scan) error) error {
	s, err := r.on.statement(r.ctx, query)
	if err != nil {
		return classify(r.ctx, err)
	}
	rows, err := s.QueryContext(r.ctx, args...)
	if err != nil {
		return classify(r.ctx, err)
	}
	defer func() { _ = rows.Close() }()
	scan := func(into ...any) error { return classify(r.ctx, rows.Scan(into...)) }
	for rows.Next() {
		if err := row(scan); err != nil {
			return err
		}
	}
	return classify(r.ctx, rows.Err())
}

// First scans the first row of a query's answer, and reports whether there is one.
func (r Reader) First(query string, args Args, into ...any) (found bool, err error) {
	s, err := r.on.statement(r.ctx, query)
	if err != nil {
		return false, classify(r.ctx, err)
	}
	err = s.QueryRowContext(r.ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, classify(r.ctx, err)
}

// Exec runs a statement and returns how many rows it changed.
func (w Writer) Exec(text string, args ...any) (changed int64, err error) {
	s, err := w.on.statement(w.ctx, text)
	if err != nil {
		return 0, classify(w.ctx, err)
	}
	done, err := s.ExecContext(w.ctx, args...)
	if err != nil {
		return 0, classify(w.ctx, err)
	}
	changed, err = done.RowsAffected()
	return changed, classify(w.ctx, err)
}
