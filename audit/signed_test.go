package audit

import (
	"bytes"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What these tests store is signed by the ledger's own key: a faulty writer, or
// one whose key was stolen. What a signed tree cannot show, the entries do.

func newSigner(t *testing.T, log string) (Key, note.Signer) {
	t.Helper()
	key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := key.signer(log)
	if err != nil {
		t.Fatal(err)
	}
	return key, signer
}

// mustNext is head.next, of times in seconds.
func mustNext(t *testing.T, h head, second int64, entries ...Entry) (Page, head) {
	t.Helper()
	_, signer := newSigner(t, h.log)
	p, after, err := h.nextPage(entries, time.Unix(second, 0), signer)
	if err != nil {
		t.Fatal(err)
	}
	return p, after
}

// mustFindRow stores pages of piinguin-1 and expects a first finding.
func mustFindRow(t *testing.T, row string, pages ...Page) {
	t.Helper()
	m := NewMem()
	for _, p := range pages {
		if err := m.Commit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Register(t.Context(), "piinguin-1"); err != nil {
		t.Fatal(err)
	}
	key, _ := newSigner(t, "piinguin-1")
	given := key.Verifier()
	r, err := Verify(t.Context(), m, VerifyOptions{Key: &given})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Row != row {
		t.Errorf("findings %v, want one of %s", r.Findings, row)
	}
}

var (
	openEntry = Entry{Operation: Opened, Outcome: Granted}
	readEntry = Entry{Operation: Read, Outcome: Granted, RequestID: "r-1"}
)

func TestSignedTimeGoesBack(t *testing.T) {
	first, after := mustNext(t, head{log: "piinguin-1"}, 100, openEntry)
	after.time = time.Time{} // forgets what keeps time from going back
	second, _ := mustNext(t, after, 99, readEntry)
	mustFindRow(t, EntryRow("piinguin-1", 1), first, second)
}

func TestSignedTimesInOnePage(t *testing.T) {
	first, after := mustNext(t, head{log: "piinguin-1"}, 100, openEntry)
	page, _ := mustNext(t, after, 101, readEntry)
	page.Number, page.First = 0, 0
	page.Lines = append(first.Lines, page.Lines...)
	page.Leaves = append(first.Leaves, page.Leaves...)
	mustFindRow(t, EntryRow("piinguin-1", 1), page)
}

func TestSignedFirstEntry(t *testing.T) {
	page, _ := mustNext(t, head{log: "piinguin-1"}, 100, readEntry)
	mustFindRow(t, EntryRow("piinguin-1", 0), page)
}

func TestSignedLineOfAnotherPlace(t *testing.T) {
	other, _ := mustNext(t, head{log: "piinguin-2"}, 100, openEntry)
	mustFindRow(t, EntryRow("piinguin-1", 0), mustResign(t, other, torchwood.Checkpoint{
		Origin: "piinguin-1", Tree: tlog.Tree{N: 1, Hash: other.Root},
	}))
	later, _ := mustNext(t, head{log: "piinguin-1", size: 2, edge: edge{{}}}, 100, openEntry)
	later.First, later.Edge, later.Root = 0, later.Leaves, later.Leaves[0]
	mustFindRow(t, EntryRow("piinguin-1", 0), mustResign(t, later, torchwood.Checkpoint{
		Origin: "piinguin-1", Tree: tlog.Tree{N: 1, Hash: later.Root},
	}))
}

func TestSignedLineThatIsNoEntry(t *testing.T) {
	page, _ := mustNext(t, head{log: "piinguin-1"}, 100, openEntry)
	page.Lines[0] = []byte(`{"a":1}`)
	leaf := LeafHash(page.Lines[0])
	page.Leaves, page.Edge, page.Root = []tlog.Hash{leaf}, []tlog.Hash{leaf}, leaf
	mustFindRow(t, EntryRow("piinguin-1", 0), mustResign(t, page, torchwood.Checkpoint{
		Origin: "piinguin-1", Tree: tlog.Tree{N: 1, Hash: leaf},
	}))
}

func TestSignedCheckpointOfAnotherKind(t *testing.T) {
	page, _ := mustNext(t, head{log: "piinguin-1"}, 100, openEntry)
	tree := tlog.Tree{N: 1, Hash: page.Root}
	for _, c := range []torchwood.Checkpoint{
		{Origin: "piinguin-1", Tree: tree, Extension: "more\n"},
		{Origin: "piinguin-2", Tree: tree},
		{Origin: "piinguin-1", Tree: tlog.Tree{N: 2, Hash: page.Root}},
		{Origin: "piinguin-1", Tree: tlog.Tree{N: 1}},
	} {
		mustFindRow(t, PageRow("piinguin-1", 0), mustResign(t, page, c))
	}
}

// mustResign puts a page into piinguin-1 under another checkpoint.
func mustResign(t *testing.T, p Page, c torchwood.Checkpoint) Page {
	t.Helper()
	_, signer := newSigner(t, "piinguin-1")
	signed, err := note.Sign(&note.Note{Text: c.String()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	p.Log, p.Checkpoint = "piinguin-1", signed
	return p
}

// TestFaultsAreFindings holds that what a driver reports of a page's rows comes
// first, for a page whose own row is whole.
func TestFaultsAreFindings(t *testing.T) {
	page, _ := mustNext(t, head{log: "piinguin-1"}, 100, openEntry)
	page.Lines = [][]byte{nil}
	page.Faults = []*RowError{{EntryRow("piinguin-1", 0), "missing"}}
	mustFindRow(t, EntryRow("piinguin-1", 0), page)
	page.Root[0] ^= 1
	mustFindRow(t, PageRow("piinguin-1", 0), page)
}
