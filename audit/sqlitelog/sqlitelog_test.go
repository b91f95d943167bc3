package sqlitelog_test

import (
	"errors"
	"os"
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

// TestMovedFileIsLost: the ledger hears that it need not wait for the file to come back.
func TestMovedFileIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "piinguin.db")
	s := newStore(t, path)
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	written := s.Register(t.Context(), "piinguin-1") // each write looks at the file; a read knows of it from then on
	_, read := s.Last(t.Context(), "piinguin-1")
	for call, err := range map[string]error{"Register": written, "Last": read} {
		if !errors.Is(err, audit.ErrLost) || !errors.Is(err, sqlitefile.ErrMoved) {
			t.Errorf("%s after the file was moved: %v, want ErrLost and ErrMoved", call, err)
		}
	}
}
