package audittest

import (
	"errors"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// stubOf returns the stub of a page as pruning leaves it, if no full tile ends before it.
func stubOf(t *testing.T, pages ...audit.Page) audit.Page {
	t.Helper()
	stub := pages[len(pages)-1]
	if stub.Size() >= torchwood.TileWidth {
		t.Fatalf("the stub is of %d entries", stub.Size())
	}
	stub.Leaves = nil
	for _, p := range pages {
		for _, line := range p.Lines {
			stub.Leaves = append(stub.Leaves, tlog.RecordHash(line))
		}
	}
	stub.First, stub.Time, stub.Lines, stub.Stub = stub.Size(), time.Time{}, nil, true
	return stub
}

// pruneContract replaces a page by its stub, again and again, and leaves all else as it is.
func pruneContract(t *testing.T, s audit.Store) {
	pages := smallPages(t, 9)
	mustCommit(t, s, pages...)
	for _, p := range pages { // another log, whose pages have the same numbers
		p.Log = 2
		mustCommit(t, s, p)
	}
	kept := newBlob(1, "tile/0", 0)
	mustPut(t, s, kept)
	other := stubOf(t, newPages(t, batch(70, 2), batch(80, 1))...)
	beyond := stubOf(t, pages[:4]...)
	beyond.Number = 40
	for name, wrong := range map[string]audit.Page{"of another page": other, "of no page": beyond} {
		if err := s.Prune(t.Context(), wrong); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Prune with a stub %s: %v, want ErrNotFound", name, err)
		}
	}
	mustHavePages(t, s, pages)
	for _, at := range []int{0, 3, 3, 4, 7} {
		stub := stubOf(t, pages[:at+1]...)
		if err := s.Prune(t.Context(), stub); err != nil {
			t.Fatalf("Prune up to page %d: %v", at, err)
		}
		mustHavePages(t, s, append([]audit.Page{stub}, pages[at+1:]...))
	}
	if err := s.Prune(t.Context(), stubOf(t, pages[:4]...)); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Prune up to a page that is gone: %v, want ErrNotFound", err)
	}
	if err := s.Commit(t.Context(), pages[7]); !errors.Is(err, audit.ErrTaken) {
		t.Errorf("Commit of a page that is a stub: %v, want ErrTaken", err)
	}
	last := stubOf(t, pages...)
	if err := s.Prune(t.Context(), last); err != nil {
		t.Fatalf("Prune of all pages: %v", err)
	}
	mustHavePages(t, s, []audit.Page{last})
	if diff := diffBlobs([]audit.Blob{kept}, blobsOf(t, s, 1, "tile/0", 0)); diff != "" {
		t.Errorf("Prune changed a blob (-want +got):\n%s", diff)
	}
	if got := pagesOf(t, s, 2, 0); len(got) != len(pages) {
		t.Errorf("Prune left %d pages of another log, want %d", len(got), len(pages))
	}
}

// mustHavePages compares the pages of log 1 as each way of reading returns them.
func mustHavePages(t *testing.T, s audit.Store, want []audit.Page) {
	t.Helper()
	if diff := diffPages(want, pagesOf(t, s, 1, 0)); diff != "" {
		t.Fatalf("pages (-want +got):\n%s", diff)
	}
	last, err := s.Last(t.Context(), 1)
	if diff := diffPages(want[len(want)-1:], []audit.Page{last}); err != nil || diff != "" {
		t.Fatalf("Last: %v (-want +got):\n%s", err, diff)
	}
}

// pruneMany removes more pages than an engine removes at once.
func pruneMany(t *testing.T, s audit.Store) {
	pages := smallPages(t, 90)
	mustCommit(t, s, pages...)
	stub := stubOf(t, pages[:80]...)
	if err := s.Prune(t.Context(), stub); err != nil {
		t.Fatalf("Prune: %v", err)
	}
	mustHavePages(t, s, append([]audit.Page{stub}, pages[80:]...))
}
