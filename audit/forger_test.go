package audit

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// What these tests store is signed by the ledger's own key: a faulty writer, or one whose key was
// stolen. What a signed tree cannot show, the entries do.

const forgedName = "vault.example.com/pii"

func forgingKey(t *testing.T) Key {
	t.Helper()
	key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// forger writes a log past all rules.
type forger struct {
	log   LogID
	keys  []Key
	pages []Page
	trees []tlog.Tree // after each page
	size  int64
	edge  edge
	time  time.Time
}

// newForger returns a log with its OPEN.
func newForger(t *testing.T, log LogID) *forger {
	t.Helper()
	f := &forger{log: log, keys: []Key{forgingKey(t)}, time: time.Date(2026, time.February, 3, 0, 0, 0, 0, time.UTC)}
	f.add(t, Entry{Operation: Opened, Outcome: Granted, Reference: f.keys[0].Verifier().Text(forgedName)})
	return f
}

// add writes a page of entries, a second after the one before it.
func (f *forger) add(t *testing.T, entries ...Entry) {
	t.Helper()
	f.time = f.time.Add(time.Second)
	p := Page{Log: f.log, Number: int64(len(f.pages)), First: f.size, Time: f.time}
	for _, e := range entries {
		if e.Ledger == "" {
			e.Ledger = forgedName
		}
		e.Log, e.Index, e.Time = f.log, f.size, f.time
		line, err := e.Format()
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		f.edge = f.edge.grow(f.size, LeafHash(line))
		f.size++
		p.Lines = append(p.Lines, line)
	}
	p.Edge, p.Root = f.edge, f.edge.root()
	f.sign(&p)
	f.pages, f.trees = append(f.pages, p), append(f.trees, p.Tree())
}

// sign signs a page by all keys that the forger has.
func (f *forger) sign(p *Page) {
	name := forgedName
	if e, err := Parse(p.Lines[len(p.Lines)-1]); err == nil && e.Operation == RolledBack {
		name = e.Ledger
	}
	p.Checkpoint = signCheckpoint(Origin(name, f.log), p.Tree(), f.keys...)
}

// listing is a CHECKPOINT of trees.
func listing(trees ...LogTree) Entry {
	return Entry{Operation: Checkpoint, Outcome: Granted, Checkpoint: formatTrees(trees)}
}

var readEntry = Entry{Operation: Read, Outcome: Granted, RequestID: "r-1"}

// forgedStore stores logs under the name and key of newForger.
func forgedStore(t *testing.T, logs ...*forger) *Mem {
	t.Helper()
	m := NewMem()
	if _, err := m.KeepVerifierKey(t.Context(), forgingKey(t).Verifier().Text(forgedName)); err != nil {
		t.Fatal(err)
	}
	for _, f := range logs {
		m.SetRawPages(f.log, f.pages)
	}
	return m
}

// findings are the rows of what Verify finds with the reviewer's own key.
func findings(t *testing.T, s Evidence) []string {
	t.Helper()
	key := forgingKey(t).Verifier()
	r, err := Verify(t.Context(), s, VerifyOptions{Key: &key})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	var rows []string
	for _, f := range r.Findings {
		rows = append(rows, f.Row)
	}
	return rows
}
