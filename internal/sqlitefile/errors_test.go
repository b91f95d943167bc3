package sqlitefile_test

import (
	"errors"
	"testing"

	"github.com/piinguin/piinguin/internal/sqlitefile"
)

func TestEngineCode(t *testing.T) {
	for code, want := range map[int]string{13: "SQLITE_FULL", 14: "SQLITE_CANTOPEN", 1544: "SQLITE_READONLY", 778: "SQLITE_IOERR", 99: ""} {
		if got := (&sqlitefile.Error{Code: code}).EngineCode(); got != want {
			t.Errorf("the code of error %d is %q, want %q", code, got, want)
		}
	}
}

// Errors that are not SQLite's have a code as well, also in a driver's error around them.
func TestEngineCodeOfOwnErrors(t *testing.T) {
	path := newTestPath(t)
	f := newTestFile(t, path)
	var number int
	failed := f.Read(t.Context(), func(r sqlitefile.Reader) error {
		_, err := r.First(`SELECT 'no number'`, nil, &number)
		return err
	})
	reader, err := sqlitefile.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	readOnly := reader.WritePage(t.Context(), exec(`CREATE TABLE t (x)`))
	mustClose(t, reader)
	for want, err := range map[string]error{
		"DriverFailed": failed, "FileReadOnly": readOnly, "FileMoved": sqlitefile.ErrMoved,
		"FileClosed": reader.Read(t.Context(), func(sqlitefile.Reader) error { return nil }),
	} {
		var coded interface{ EngineCode() string }
		if !errors.As(err, &coded) || coded.EngineCode() != want {
			t.Errorf("%v has the code %v, want %s", err, coded, want)
		}
	}
}
