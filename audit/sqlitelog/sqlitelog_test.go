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

func newFile(t testing.TB, path string) *sqlitefile.File {
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
	return file
}

func newStore(t testing.TB, path string) *sqlitelog.Store {
	t.Helper()
	s, err := sqlitelog.New(t.Context(), newFile(t, path))
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
	_, written := s.KeepVerifierKey(t.Context(), "key") // each write looks at the file; a read knows of it from then on
	put := s.PutBlobs(t.Context(), []audit.Blob{{Log: 1, Kind: "tile/0", Data: []byte("x")}})
	_, read := s.Last(t.Context(), 1)
	for call, err := range map[string]error{"KeepVerifierKey": written, "PutBlobs": put, "Last": read} {
		if !errors.Is(err, audit.ErrLost) || !errors.Is(err, sqlitefile.ErrMoved) {
			t.Errorf("%s after the file was moved: %v, want ErrLost and ErrMoved", call, err)
		}
	}
}
