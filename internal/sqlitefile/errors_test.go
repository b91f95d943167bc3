package sqlitefile_test

import (
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
