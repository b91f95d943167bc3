package sqlitefile_test

import (
	"fmt"
	"testing"

	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// refusal is a way in which SQLite refuses every write for a while.
type refusal struct {
	begin func(t *testing.T, f *sqlitefile.File, path string) (end func())
	code  string // what the error begins with
}

var refusals = map[string]refusal{
	"disk full": {func(t *testing.T, f *sqlitefile.File, _ string) func() {
		full(t, f)
		return func() { mustPragma(t, f, "max_page_count = 1000000") }
	}, "SQLite error 13 "},
	"read-only": {func(t *testing.T, f *sqlitefile.File, _ string) func() {
		mustPragma(t, f, "query_only = 1")
		return func() { mustPragma(t, f, "query_only = 0") }
	}, "SQLite error 8 "},
	"locked by another": {func(t *testing.T, f *sqlitefile.File, path string) func() {
		mustPragma(t, f, "busy_timeout = 1")
		return mustLock(t, path)
	}, "SQLite error 5 "},
}

// full lets the file grow no more.
func full(t *testing.T, f *sqlitefile.File) {
	t.Helper()
	mustPragma(t, f, fmt.Sprint("max_page_count = ", mustPragma(t, f, "page_count")))
}
