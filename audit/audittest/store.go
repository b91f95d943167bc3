package audittest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// cancelledContext calls each method with a context that is done. The error must not say anything
// about what is stored.
func cancelledContext(t *testing.T, s audit.Store) {
	pages := smallPages(t, 3)
	mustBegin(t, s)
	mustCommit(t, s, pages[:2]...)
	mustPut(t, s, newBlob(9, "tile/0", 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first := func(of func(r audit.Reader, log audit.LogID, yield func(error) bool), log audit.LogID) func() error {
		return func() (err error) {
			for _, r := range []audit.Reader{s, s.Reviews()} {
				err = nil
				of(r, log, func(e error) bool { err = e; return false })
				if err == nil {
					return nil
				}
			}
			return err
		}
	}
	pagesIn := func(r audit.Reader, log audit.LogID, yield func(error) bool) {
		r.Pages(ctx, log, 0)(func(_ audit.Page, err error) bool { return yield(err) })
	}
	blobsIn := func(r audit.Reader, log audit.LogID, yield func(error) bool) {
		r.Blobs(ctx, log, "tile/0", 0)(func(_ audit.Blob, err error) bool { return yield(err) })
	}
	for name, call := range map[string]func() error{
		"Commit":                  func() error { return s.Commit(ctx, pages[2]) },
		"Last":                    func() error { _, err := s.Last(ctx, 1); return err },
		"Pages":                   first(pagesIn, 1),
		"Pages of an unknown log": first(pagesIn, 9),
		"Blobs":                   first(blobsIn, 9),
		"Blobs of an unknown log": first(blobsIn, 1),
		"BlobsAt":                 func() error { _, err := s.BlobsAt(ctx, 1, "tile/0", []int64{0, 1}); return err },
		"PruneBlobs":              func() error { return s.PruneBlobs(ctx, 1, "tile/0", 0, 1) },
		"PutBlobs":                func() error { return s.PutBlobs(ctx, []audit.Blob{newBlob(1, "tile/0", 0)}) },
		"KeepVerifierKey":         func() error { _, err := s.KeepVerifierKey(ctx, "key"); return err },
		"VerifierKey":             func() error { _, err := s.VerifierKey(ctx); return err },
		"Survey":                  func() error { _, err := s.Survey(ctx, func(*audit.RowError) {}); return err },
		"Prune":                   func() error { return s.Prune(ctx, stubOf(t, pages[1])) },
	} {
		var row *audit.RowError
		err := call()
		if err == nil || errors.Is(err, audit.ErrTaken) || errors.Is(err, audit.ErrNotFound) || errors.As(err, &row) {
			t.Errorf("%s: %v, want an error that is none of those with a meaning", name, err)
		}
	}
	if err := s.Commit(t.Context(), pages[2]); err != nil && !errors.Is(err, audit.ErrTaken) {
		t.Errorf("Commit again: %v", err)
	}
	if last, err := s.Last(t.Context(), 1); err != nil || last.Number != 2 {
		t.Errorf("Last is page %d, %v; want 2", last.Number, err)
	}
}

// verifierKey has several servers begin a ledger at once, each under a name of its own.
func verifierKey(t *testing.T, s audit.Store) {
	if _, err := s.VerifierKey(t.Context()); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("VerifierKey of an empty store: %v, want ErrNotFound", err)
	}
	given, kept := make([]string, 8), make([]string, 8)
	var wg sync.WaitGroup
	for i := range kept {
		given[i] = newKey(t, byte(i)).Verifier().Text(fmt.Sprintf("server-%d.example.com/pii", i))
		wg.Go(func() {
			var err error
			if kept[i], err = s.KeepVerifierKey(t.Context(), given[i]); err != nil {
				t.Errorf("KeepVerifierKey: %v", err)
			}
		})
	}
	wg.Wait()
	first, err := s.VerifierKey(t.Context())
	if err != nil || !slices.Contains(given, first) {
		t.Fatalf("VerifierKey: %q, %v; want one that was given", first, err)
	}
	again, err := s.KeepVerifierKey(t.Context(), given[0])
	for i, k := range append(kept, again) {
		if k != first {
			t.Errorf("KeepVerifierKey of server %d returned %q, %v, and %q is kept", i, k, err, first)
		}
	}
	if reviewed, err := s.Reviews().VerifierKey(t.Context()); err != nil || reviewed != first {
		t.Errorf("VerifierKey of Reviews: %q, %v; want %q", reviewed, err, first)
	}
}

func emptyStore(t *testing.T, s audit.Store) {
	survey, err := s.Survey(t.Context(), func(e *audit.RowError) { t.Errorf("Survey found %v", e) })
	if err != nil || len(survey.Logs)+len(survey.Blobs) > 0 {
		t.Errorf("Survey: %v, %v; want nothing", survey, err)
	}
	if _, err := audit.Logs(t.Context(), s); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Logs: %v, want ErrNotFound", err)
	}
	if _, _, err := audit.Keep(t.Context(), s); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Keep: %v, want ErrNotFound", err)
	}
	if _, err := audit.OpenIndex(s).Entry(t.Context(), 1, 0); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Entry: %v, want ErrNotFound", err)
	}
	if _, err := audit.Verify(t.Context(), s, audit.VerifyOptions{}); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Verify: %v, want ErrNotFound, as nothing was verified", err)
	}
	if err := s.Prune(t.Context(), stubOf(t, smallPages(t, 2)[1])); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Prune: %v, want ErrNotFound", err)
	}
}

// reviews holds that what Reviews returns sees what was committed and put before.
func reviews(t *testing.T, s audit.Store) {
	r := s.Reviews()
	for _, p := range smallPages(t, 6) {
		mustCommit(t, s, p)
		b := newBlob(1, "tile/0", p.Number)
		mustPut(t, s, b)
		last, err := r.Last(t.Context(), 1)
		if diff := diffPages([]audit.Page{p}, []audit.Page{last}); err != nil || diff != "" {
			t.Fatalf("Last: %v (-want +got):\n%s", err, diff)
		}
		for got, err := range r.Pages(t.Context(), 1, p.Number) {
			// A question reads pages and blobs inside another reading, more deeply than a pool
			// has connections.
			readInside(t, r, 6)
			if diff := diffPages([]audit.Page{p}, []audit.Page{got}); err != nil || diff != "" {
				t.Fatalf("Pages: %v (-want +got):\n%s", err, diff)
			}
		}
		for got, err := range r.Blobs(t.Context(), 1, "tile/0", p.Number) {
			if diff := diffBlobs([]audit.Blob{b}, []audit.Blob{got}); err != nil || diff != "" {
				t.Fatalf("Blobs: %v (-want +got):\n%s", err, diff)
			}
		}
	}
}

func readInside(t *testing.T, r audit.Reader, depth int) {
	t.Helper()
	if depth == 0 {
		return
	}
	for _, err := range r.Pages(t.Context(), 1, 0) {
		if err != nil {
			t.Fatalf("Pages: %v", err)
		}
		for _, err := range r.Blobs(t.Context(), 1, "tile/0", 0) {
			if err != nil {
				t.Fatalf("Blobs: %v", err)
			}
			readInside(t, r, depth-1)
			return
		}
	}
}
