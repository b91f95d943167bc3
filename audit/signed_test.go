package audit

import (
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// mustFindRow puts a log beside a spine that lists its OPEN, and expects a first finding.
func mustFindRow(t *testing.T, row string, f *forger) {
	t.Helper()
	spine := newForger(t, Spine)
	spine.add(t, listing(LogTree{1, newForger(t, 1).trees[0]}))
	got := findings(t, forgedStore(t, spine, f))
	if len(got) == 0 || got[0] != row {
		t.Errorf("findings %v, want the first to be %s", got, row)
	}
}

func TestSignedLogThatIsWhole(t *testing.T) {
	spine, f := newForger(t, Spine), newForger(t, 1)
	f.add(t, readEntry, readEntry)
	spine.add(t, listing(LogTree{1, f.trees[0]}), listing(LogTree{1, f.trees[1]}))
	f.add(t, readEntry)
	if diff := cmp.Diff([]string{}, findings(t, forgedStore(t, spine, f)), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestSignedTimeGoesBack(t *testing.T) {
	f := newForger(t, 1)
	f.add(t, readEntry)
	f.time = f.time.Add(-time.Second - time.Microsecond)
	f.add(t, readEntry)
	f.pages[2].Time = f.time
	mustFindRow(t, EntryRow(1, 2), f)
}

func TestSignedFirstEntry(t *testing.T) {
	f := &forger{log: 1, keys: []Key{forgingKey(t)}, time: time.Date(2026, time.February, 3, 0, 0, 0, 0, time.UTC)}
	f.add(t, readEntry)
	mustFindRow(t, EntryRow(1, 0), f)
	again := newForger(t, 1)
	again.add(t, Entry{Operation: Opened, Outcome: Granted, Reference: again.keys[0].Verifier().Text(forgedName)})
	mustFindRow(t, EntryRow(1, 1), again)
}

func TestSignedTimesInOnePage(t *testing.T) {
	f := newForger(t, 1)
	f.add(t, readEntry)
	f.pages[1].Time = f.pages[1].Time.Add(time.Second)
	mustFindRow(t, PageRow(1, 1), f)
}

func TestSignedLineOfAnotherPlace(t *testing.T) {
	for name, place := range map[string]func(f *forger){
		"log":   func(f *forger) { f.log = 2 },
		"index": func(f *forger) { f.size++ },
	} {
		f := newForger(t, 1)
		was, edge := *f, f.edge
		place(f)
		f.add(t, readEntry)
		p := f.pages[1]
		p.Log, p.First = 1, was.size
		p.Edge = edge.grow(was.size, LeafHash(p.Lines[0]))
		p.Root = edge.grow(was.size, LeafHash(p.Lines[0])).root()
		was.sign(&p)
		was.pages = append(was.pages[:1:1], p)
		t.Run(name, func(t *testing.T) { mustFindRow(t, PageRow(1, 1), &was) })
	}
}

func TestSignedEntryOfAnotherLedger(t *testing.T) {
	f := newForger(t, 1)
	other := readEntry
	other.Ledger = "vault.example.com/other"
	f.add(t, other)
	mustFindRow(t, PageRow(1, 1), f) // it is signed under the name here
	f.pages[1].Checkpoint = signCheckpoint(Origin(other.Ledger, 1), f.pages[1].Tree(), f.keys...)
	mustFindRow(t, EntryRow(1, 1), f)
}

func TestSignedLineThatIsNoEntry(t *testing.T) {
	f := newForger(t, 1)
	f.add(t, readEntry)
	p := &f.pages[1]
	p.Lines[0] = []byte(`{"a":1}`)
	p.Edge = edge(f.pages[0].Edge).grow(1, LeafHash(p.Lines[0]))
	p.Root = edge(p.Edge).root()
	f.sign(p)
	mustFindRow(t, PageRow(1, 1), f)
}

func TestSignedCheckpointOfAnotherKind(t *testing.T) {
	f := newForger(t, 1)
	tree := f.trees[0]
	for _, c := range []torchwood.Checkpoint{
		{Origin: Origin(forgedName, 1), Tree: tree, Extension: "more\n"},
		{Origin: Origin(forgedName, 2), Tree: tree},
		{Origin: forgedName, Tree: tree},
		{Origin: Origin(forgedName, 1), Tree: tlog.Tree{N: 2, Hash: tree.Hash}},
		{Origin: Origin(forgedName, 1), Tree: tlog.Tree{N: 1}},
	} {
		signer, err := note.NewSigner(f.keys[0].Text(Origin(forgedName, 1)))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := note.Sign(&note.Note{Text: c.String()}, signer)
		if err != nil {
			t.Fatal(err)
		}
		f.pages[0].Checkpoint = signed
		mustFindRow(t, PageRow(1, 0), f)
	}
}
