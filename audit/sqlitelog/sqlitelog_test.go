package sqlitelog_test

import (
	"path/filepath"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/sqlitelog"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

func newStore(t *testing.T, path string) *sqlitelog.Store {
	t.Helper()
	file, err := sqlitefile.Open(t.Context(), path, sqlitefile.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := sqlitelog.New(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	audittest.Run(t, audittest.Driver{Open: func(t *testing.T) audit.Store {
		return newStore(t, filepath.Join(t.TempDir(), "a?b#c%41 .db"))
	}})
}
