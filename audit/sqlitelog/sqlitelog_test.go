package sqlitelog_test

import (
	"path/filepath"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/sqlitelog"
)

func newStore(t *testing.T, path string) *sqlitelog.Store {
	t.Helper()
	s, err := sqlitelog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	audittest.Run(t, audittest.Driver{Open: func(t *testing.T) audit.Store {
		return newStore(t, filepath.Join(t.TempDir(), "a?b#c%41 .db"))
	}})
}
