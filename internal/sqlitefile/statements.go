package sqlitefile

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// Args are the values of a statement's parameters: nil, a string, a []byte, an int or an int64.
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
// row and returns that error as it is. row may run other queries on the same Reader.
func (r Reader) Each(query string, args Args, row func(Scan) error) error {
	s, err := r.prepare(query, args)
	if err != nil {
		return err
	}
	defer finish(s)
	scan := func(into ...any) error { return scanRow(s, into) }
	for {
		switch more, err := r.step(s); {
		case err != nil:
			return err
		case !more:
			return nil
		}
		if err := row(scan); err != nil {
			return err
		}
	}
}

// First scans the first row of a query's answer, and reports whether there is one.
func (r Reader) First(query string, args Args, into ...any) (found bool, err error) {
	s, err := r.prepare(query, args)
	if err != nil {
		return false, err
	}
	defer finish(s)
	found, err = r.step(s)
	if found {
		err = scanRow(s, into)
	}
	return found && err == nil, err
}

// Exec runs a statement and returns how many rows it changed.
func (w Writer) Exec(text string, args ...any) (changed int64, err error) {
	s, err := w.prepare(text, args)
	if err != nil {
		return 0, err
	}
	defer finish(s)
	for more := true; more && err == nil; {
		more, err = w.step(s)
	}
	return int64(w.on.sqlite.Changes()), err
}

// prepare returns the statement of a text with its parameters set.
func (r Reader) prepare(text string, args Args) (*sqlite.Stmt, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	s, err := r.on.sqlite.Prepare(text)
	if err != nil {
		return nil, classify(r.ctx, err)
	}
	if s.BindParamCount() != len(args) {
		return nil, errDriver
	}
	for i, value := range args {
		if !bind(s, i+1, value) {
			finish(s)
			return nil, errDriver
		}
	}
	return s, nil
}

// step reports whether there is one more row.
func (r Reader) step(s *sqlite.Stmt) (bool, error) {
	if err := r.ctx.Err(); err != nil {
		return false, err
	}
	more, err := s.Step()
	return more, classify(r.ctx, err)
}

// finish ends the statement's hold on a state of the file, and drops the values it was given.
func finish(s *sqlite.Stmt) {
	_ = s.Reset() // it repeats the error of step
	_ = s.ClearBindings()
}
