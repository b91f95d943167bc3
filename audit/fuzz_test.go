package audit_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// newSame is newFilled, of one log that is the same in each process: a target's workers would otherwise
// search in another ledger than the one that the seeds are of.
func newSame(f *testing.F) *audit.Mem {
	f.Helper()
	m, now := audit.NewMem(), time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	fill(f, openAt(f, m, &now), 4)
	return m
}

// FuzzParseTilePath: a path that is taken is the path of its tile, and whatever tile it names, a
// small tree has it or says that it has not.
func FuzzParseTilePath(f *testing.F) {
	for _, path := range []string{
		"tile/0/000", "tile/0/000.p/2", "tile/entries/000.p/3", "tile/1/x001/234", "tile/7/x999/x999/999.p/255", "tile/data/000", "checkpoint",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/-1/000", "tile/entries/x9223372036854775807/000", "tile/63/000", canary,
	} {
		f.Add(path)
	}
	m, size := newSame(f), int64(8) // of which there are a few more
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
		data, err := audit.TileData(t.Context(), m, 1, size, tile)
		if err != nil && !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("TileData: %v, want ErrNotFound", err)
		}
		if err == nil && len(data) == 0 {
			t.Errorf("the tile %q is empty", path)
		}
	})
}

// FuzzKeptFile: of a ledger that is whole, a kept file is either one that says what its ledger was, or
// an error, or a finding.
func FuzzKeptFile(f *testing.F) {
	m := newSame(f)
	good := mustKeep(f, m, "it").Data
	line, proof, _ := bytes.Cut(good, []byte("\n"))
	f.Add(good)
	f.Add(append(bytes.Clone(good), "— witness.example AAAAAAAA\n"...))
	f.Add(good[:len(good)-20])
	f.Add(good[:len(line)+1])
	f.Add(proof)
	f.Add(bytes.Replace(good, []byte("index 2"), []byte("index 1"), 1))
	f.Add(bytes.Replace(good, []byte("\n3\n"), []byte("\n9223372036854775807\n"), 1))
	f.Add(append(bytes.Clone(good), make([]byte, audit.MaxKept)...))
	f.Add([]byte(canary + "\n" + canary))
	key := newKey(f, 1).Verifier()
	f.Fuzz(func(t *testing.T, data []byte) {
		k := audit.KeptFile{Name: "it", Data: data}
		name, size, placeErr := audit.KeptPlace(k)
		mustNotQuote(t, placeErr)
		for _, o := range []audit.VerifyOptions{{Key: &key, Kept: each(k)}, {Key: &key, From: &k}} {
			r, err := audit.Verify(t.Context(), m, o)
			mustNotQuote(t, err)
			if err != nil || len(r.Findings) > 0 {
				continue
			}
			if got, _, _ := bytes.Cut(data, []byte("\n")); !bytes.Equal(got, line) && !bytes.Contains(got, []byte(`"index":1,`)) {
				t.Errorf("%q passes for what the ledger was", data)
			}
			if placeErr != nil || name != ledgerName || size < 1 {
				t.Errorf("KeptPlace: %s, %d, %v", name, size, placeErr)
			}
		}
	})
}

// FuzzCheckProof: what a proof proves is a line of the ledger, whatever stands in the two files.
func FuzzCheckProof(f *testing.F) {
	m := newSame(f)
	lines := map[string]bool{}
	for _, p := range m.RawPages(1) {
		for i, line := range p.Lines {
			lines[string(line)] = true
			proof, err := audit.ProveEntry(f.Context(), m, 1, p.First+int64(i))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(proof, line)
			f.Add([]byte(nil), bytes.Replace(line, []byte("GRANTED"), []byte("DENIED"), 1))
			f.Add(append(bytes.Clone(proof), "— witness.example AAAAAAAA\n"...), line)
			f.Add(proof[:len(proof)/2], append(bytes.Clone(line), '\n'))
		}
	}
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\n"), []byte("{}"))
	key := newKey(f, 1).Verifier()
	f.Fuzz(func(t *testing.T, proof, line []byte) {
		err := audit.CheckProof(key, proof, line)
		if err == nil && !lines[string(line)] {
			t.Errorf("%q proves %q", proof, line)
		}
		if err != nil && !errors.Is(err, audit.ErrProof) && !errors.Is(err, audit.ErrEntry) {
			t.Errorf("CheckProof: %v", err)
		}
	})
}

// FuzzVerifyPage: a ledger with another page than its own in one place has a finding.
func FuzzVerifyPage(f *testing.F) {
	m := newSame(f)
	pages := m.RawPages(1)
	at := len(pages) / 2
	own := pages[at]
	join := func(hashes []tlog.Hash) (b []byte) {
		for _, h := range hashes {
			b = append(b, h[:]...)
		}
		return b
	}
	f.Add(own.Number, own.First, bytes.Join(own.Lines, []byte("\n")), join(own.Edge), own.Root[:], own.Checkpoint)
	f.Add(own.Number, own.First, bytes.Join(own.Lines, []byte("\n")), join(own.Edge), own.Root[:], append(bytes.Clone(own.Checkpoint), "— witness.example AAAAAAAA\n"...))
	next := pages[at+1]
	f.Add(own.Number, own.First, bytes.Join(next.Lines, []byte("\n")), join(next.Edge), next.Root[:], next.Checkpoint)
	f.Add(int64(-1), int64(1)<<62, []byte("{}\n"), []byte{}, []byte{}, []byte("vault.example.com/pii/1\n1\nAAAA\n\n"))
	key := newKey(f, 1).Verifier()
	f.Fuzz(func(t *testing.T, number, first int64, lines, edge, root, checkpoint []byte) {
		changed := own
		changed.Number, changed.First, changed.Lines, changed.Edge, changed.Checkpoint = number, first, bytes.Split(lines, []byte("\n")), nil, checkpoint
		for chunk := range slices.Chunk(edge, tlog.HashSize) {
			var h tlog.Hash
			copy(h[:], chunk)
			changed.Edge = append(changed.Edge, h)
		}
		changed.Root = tlog.Hash{}
		copy(changed.Root[:], root)
		now := slices.Clone(pages)
		now[at] = changed
		m.SetRawPages(1, now)
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &key})
		if err != nil {
			t.Fatalf("the ledger cannot be checked: %v", err)
		}
		same := cmp.Equal(own, changed, cmpopts.IgnoreUnexported(audit.Page{}), cmpopts.EquateEmpty())
		if same != (len(r.Findings) == 0) {
			t.Errorf("the page is its own: %v, findings: %v", same, r.Findings)
		}
	})
}
