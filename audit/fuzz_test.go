package audit_test

import (
	"bytes"
	"errors"
	"testing"

	"filippo.io/torchwood"

	"github.com/piinguin/piinguin/audit"
)

// FuzzParseTilePath: a path that is taken is the path of its tile, and whatever tile it names, a
// small tree has it or says that it has not.
func FuzzParseTilePath(f *testing.F) {
	for _, path := range []string{
		"tile/0/000", "tile/0/000.p/2", "tile/entries/000.p/3", "tile/1/x001/234", "tile/7/x999/x999/999.p/255", "tile/data/000", "checkpoint",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/-1/000", "tile/entries/x9223372036854775807/000", "tile/63/000", canary,
	} {
		f.Add(path)
	}
	m, size := newFilled(f, 1), int64(8) // of which there are a few more
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := audit.ParseTilePath(path)
		if err != nil {
			if !errors.Is(err, audit.ErrNotFound) {
				t.Errorf("ParseTilePath: %v, want ErrNotFound", err)
			}
			mustNotQuote(t, err)
			return
		}
		if again := torchwood.TilePath(tile); again != path {
			t.Errorf("%q is taken, and its tile's path is %q", path, again)
		}
		data, err := audit.TileData(t.Context(), m, "piinguin-1", size, tile)
		if err != nil && !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("TileData: %v, want ErrNotFound", err)
		}
		if err == nil && len(data) == 0 {
			t.Errorf("the tile %q is empty", path)
		}
	})
}

// FuzzKeptCheckpoint: of a ledger that is whole, a kept note is either one that the ledger's key
// signed, or an error, or a finding.
func FuzzKeptCheckpoint(f *testing.F) {
	m := newFilled(f, 1)
	kept := checkpointsOf(m, "piinguin-1")
	for _, k := range kept {
		f.Add(k.Note)
		f.Add(append(bytes.Clone(k.Note), "— witness.example AAAAAAAA\n"...))
		f.Add(bytes.Replace(k.Note, []byte("\n1\n"), []byte("\n2\n"), 1))
	}
	f.Add([]byte("piinguin-1\n1\nAAAA\n\n— piinguin-1 AAAAAAAA\n"))
	f.Add([]byte(canary))
	key := newKey(f, 1).Verifier()
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key, Kept: []audit.KeptCheckpoint{{Name: "it", Note: text}}})
		if err != nil || len(r.Findings) > 0 {
			return
		}
		for _, k := range kept {
			if signed, _, _ := bytes.Cut(k.Note, []byte("\n\n")); bytes.HasPrefix(text, append(signed, "\n\n"...)) {
				return
			}
		}
		t.Errorf("%q passes for a checkpoint of the ledger", text)
	})
}
