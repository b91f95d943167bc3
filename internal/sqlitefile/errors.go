package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
)

var (
	// ErrInUse says that another server has the file open. It ends a start: no request meets it.
	ErrInUse = errors.New("sqlitefile: another server is using this file")
	// ErrMoved says that the path no longer leads to the files that were opened. The File
	// fails every call from then on.
	ErrMoved error = &coded{"FileMoved", "sqlitefile: the file was moved, removed or replaced while it was open"}
	// ErrClosed says that the File is closed.
	ErrClosed error = &coded{"FileClosed", "sqlitefile: closed"}
	// ErrReadOnly says that the File was opened by OpenReadOnly.
	ErrReadOnly error = &coded{"FileReadOnly", "sqlitefile: the file was opened to read only"}
)

// errDriver says that a value is not of the type that was asked for, or that a statement has other
// parameters.
var errDriver error = &coded{"DriverFailed", "sqlitefile: a value or parameter has another type"}

// coded is an error that is not SQLite's own. Operators find it in the log by its code.
type coded struct{ code, text string }

func (e *coded) Error() string { return e.text }

// EngineCode returns a word that stays the same from one release to the next.
func (e *coded) EngineCode() string { return e.code }

// Error is an error of SQLite. It holds the result code and none of SQLite's own text, which
// may quote a stored value.
type Error struct {
	Code int // SQLite's extended result code
}

// Error implements error. The text depends on the code alone.
func (e *Error) Error() string {
	code := e.primary()
	return fmt.Sprintf("SQLite error %d (%v: %s)", e.Code, code, code.Message())
}

// EngineCode returns the name of SQLite's primary result code, such as SQLITE_FULL. It never holds a
// value.
func (e *Error) EngineCode() string {
	name := e.primary().String()
	if !strings.HasPrefix(name, "SQLITE_") {
		return "" // it is of no code that has a name
	}
	return name
}

func (e *Error) primary() sqlite.ResultCode { return sqlite.ResultCode(e.Code & primary) }

// primary masks the primary result code out of an extended one.
const primary = 0xff

// Primary result codes of SQLite.
const (
	readOnly     = 8  // SQLITE_READONLY
	cannotOpen   = 14 // SQLITE_CANTOPEN
	notADatabase = 26 // SQLITE_NOTADB
)

// classify replaces an error of SQLite by one with a fixed text. Once the context is done it
// returns the context's error: SQLite then says no more than that it was interrupted.
func classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &Error{int(sqlite.ErrCode(err))}
}
