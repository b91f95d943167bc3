package verify_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// forged is a log that the holder of the keys writes past all rules, as an export.
type forged struct {
	log   audit.LogID
	lines []byte
	leafs []tlog.Hash
	time  time.Time
}

// newForged returns a log with its OPEN.
func newForged(t *testing.T, log audit.LogID) *forged {
	t.Helper()
	f := &forged{log: log, time: time.Date(2026, time.February, 3, 0, 0, 0, 0, time.UTC)}
	f.add(t, audit.Entry{Operation: audit.Opened, Reference: newKey(t, 1).Verifier().Text(ledgerName)})
	return f
}

func (f *forged) add(t *testing.T, entries ...audit.Entry) {
	t.Helper()
	for _, e := range entries {
		f.time = f.time.Add(time.Second)
		if e.Time.IsZero() {
			e.Time = f.time
		}
		if e.Ledger == "" {
			e.Ledger = ledgerName
		}
		e.Log, e.Index, e.Outcome, e.RequestID = f.log, int64(len(f.leafs)), audit.Granted, "r"
		line, err := e.Format()
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		f.lines = append(append(f.lines, line...), '\n')
		f.leafs = append(f.leafs, audit.LeafHash(line))
	}
}

// tree is the tree of the first n entries, as a CHECKPOINT has it.
func (f *forged) tree(t *testing.T, n int) string {
	t.Helper()
	return f.log.String() + " " + strconv.Itoa(n) + " " + f.root(t, n).String()
}

func (f *forged) root(t *testing.T, n int) tlog.Hash {
	t.Helper()
	var hashes []tlog.Hash
	stored := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, i := range indexes {
			found = append(found, hashes[i])
		}
		return found, nil
	})
	for i, leaf := range f.leafs[:n] {
		more, err := tlog.StoredHashesForRecordHash(int64(i), leaf, stored)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(int64(n), stored)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// save writes the two files of the log, signed by the keys.
func (f *forged) save(t *testing.T, folder string, keys ...audit.Key) {
	t.Helper()
	origin := audit.Origin(ledgerName, f.log)
	var signers []note.Signer
	for _, k := range keys {
		s, err := note.NewSigner(k.Text(origin))
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
	}
	n := len(f.leafs)
	text := torchwood.Checkpoint{Origin: origin, Tree: tlog.Tree{N: int64(n), Hash: f.root(t, n)}}.String()
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, f.log.String()+".jsonl"), f.lines)
	write(t, filepath.Join(folder, f.log.String()+".checkpoint"), signed)
}

// TestRulesOfTheSpine: what the ledger's own key has signed, and no writer writes.
func TestRulesOfTheSpine(t *testing.T) {
	one, two := newForged(t, 1), newForged(t, 2)
	one.add(t, entry(1), entry(2), entry(3))
	two.add(t, entry(1))
	list := func(trees string) audit.Entry { return audit.Entry{Operation: audit.Checkpoint, Checkpoint: trees} }
	both := list(one.tree(t, 2) + " " + two.tree(t, 2))
	prune := func(n int) audit.Entry {
		return audit.Entry{Operation: audit.Pruned, Checkpoint: one.tree(t, n), Detail: "before 2026-01-01T00:00:00.000000Z"}
	}
	keyed := func(old, next byte) audit.Entry {
		return audit.Entry{
			Operation: audit.Rekeyed, Reference: newKey(t, next).Verifier().Text(ledgerName), Detail: newKey(t, old).Verifier().Text(ledgerName),
		}
	}
	rolled := func(detail string) audit.Entry {
		return audit.Entry{Operation: audit.RolledBack, Ledger: "vault.example.com/new", Reference: ledgerName, Detail: detail}
	}
	early := both
	early.Time = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		spine []audit.Entry
		says  string // nothing: it is whole
	}{
		"whole":                   {[]audit.Entry{both, list(one.tree(t, 4) + " " + two.tree(t, 2)), prune(2), prune(3)}, ""},
		"the same again":          {[]audit.Entry{both, both}, ""},
		"a size that falls":       {[]audit.Entry{both, list(one.tree(t, 1) + " " + two.tree(t, 2))}, "line 3: its tree of log 1 does not extend"},
		"a log that is left out":  {[]audit.Entry{both, list(one.tree(t, 2))}, "line 3: it leaves out log 2"},
		"another root":            {[]audit.Entry{both, list("1 2 " + one.root(t, 3).String() + " " + two.tree(t, 2))}, "line 3: its tree of log 1"},
		"a tree that it had not":  {[]audit.Entry{list("1 3 " + one.root(t, 2).String() + " " + two.tree(t, 2))}, "log 1: line 3: it or one before it was changed: the tree up to here is not the one of entry spine/1"},
		"more than there is":      {[]audit.Entry{list("1 9 " + one.root(t, 2).String() + " " + two.tree(t, 2))}, "entry 1/4: missing: entry spine/1 has 9 entries"},
		"a log that is not there": {[]audit.Entry{both, list(one.tree(t, 2) + " " + two.tree(t, 2) + " 3 1 " + one.root(t, 1).String())}, "log 3: it was not exported"},
		"an unlisted log":         {[]audit.Entry{list(one.tree(t, 2))}, "log 2: the spine does not list it"},
		"pruned too much":         {[]audit.Entry{both, prune(3)}, "line 3: it prunes more of a log than the spine lists"},
		"pruned less":             {[]audit.Entry{both, prune(2), prune(1)}, "line 4: it prunes less than was pruned before"},
		"pruned unlisted":         {[]audit.Entry{list(two.tree(t, 2)), prune(1)}, "line 3: it prunes more"},
		"pruned at no time":       {[]audit.Entry{both, {Operation: audit.Pruned, Checkpoint: one.tree(t, 1), Detail: "before noon"}}, "line 3: detail"},
		"a read":                  {[]audit.Entry{both, entry(1)}, "line 3: READ does not stand in the spine"},
		"a later operation":       {[]audit.Entry{both, {Operation: "SOMETHING"}}, "line 3: SOMETHING does not stand in the spine"},
		"a second OPEN":           {[]audit.Entry{both, {Operation: audit.Opened, Reference: newKey(t, 1).Verifier().Text(ledgerName)}}, "line 3: a log's first entry is OPEN"},
		"time that goes back":     {[]audit.Entry{both, early}, "line 3: its time goes back"},
		"another ledger":          {[]audit.Entry{both, {Ledger: "vault.example.com/x", Operation: audit.Checkpoint, Checkpoint: both.Checkpoint}}, "line 3: not of ledger"},
		"a key of another":        {[]audit.Entry{both, keyed(3, 2)}, "line 3: it does not name the key here"},
		"the same key":            {[]audit.Entry{both, keyed(1, 1)}, "line 3: it names no other key"},
		"a key that has not signed": {
			[]audit.Entry{both, keyed(1, 2)}, "log spine: the checkpoint is not signed by the key",
		},
		"rolled back to nothing":   {[]audit.Entry{both, rolled("restored 1 " + one.root(t, 1).String())}, "line 3: it does not name the tree that it goes on from"},
		"rolled back, no detail":   {[]audit.Entry{both, rolled("")}, "line 3: detail"},
		"rolled back to itself":    {[]audit.Entry{both, {Operation: audit.RolledBack, Reference: ledgerName}}, "line 3: it does not name the ledger"},
		"rolled back from another": {[]audit.Entry{both, {Operation: audit.RolledBack, Ledger: "a", Reference: "b"}}, "line 3: it does not name the ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			spine, folder := newForged(t, audit.Spine), t.TempDir()
			spine.add(t, c.spine...)
			for _, f := range []*forged{spine, one, two} {
				f.save(t, folder, newKey(t, 1))
			}
			key := newKey(t, 1).Verifier().Text(ledgerName)
			if c.says == "" {
				run(t, 0, "ledger", folder, key)
				return
			}
			mustSay(t, run(t, 1, "ledger", folder, key), c.says)
		})
	}
}

// TestRulesOfALog is about the entries of a log other than the spine.
func TestRulesOfALog(t *testing.T) {
	key := newKey(t, 1)
	for name, c := range map[string]struct {
		entries []audit.Entry
		signers []audit.Key
		says    string
	}{
		"a later operation": {[]audit.Entry{{Operation: "SOMETHING"}}, []audit.Key{key}, ""},
		"a CHECKPOINT":      {[]audit.Entry{{Operation: audit.Checkpoint, Checkpoint: "1 1 " + tlog.Hash{}.String()}}, []audit.Key{key}, "CHECKPOINT stands in the spine only"},
		"a HOLD":            {[]audit.Entry{{Operation: audit.Held, Reference: "x"}}, []audit.Key{key}, "HOLD stands in the spine only"},
		"two keys": {
			[]audit.Entry{{Operation: audit.Rekeyed, Reference: newKey(t, 2).Verifier().Text(ledgerName), Detail: key.Verifier().Text(ledgerName)}},
			[]audit.Key{key, newKey(t, 2)}, "",
		},
		"the next key alone": {
			[]audit.Entry{{Operation: audit.Rekeyed, Reference: newKey(t, 2).Verifier().Text(ledgerName), Detail: key.Verifier().Text(ledgerName)}},
			[]audit.Key{newKey(t, 2)}, "not signed by the key",
		},
		"the old key after": {
			[]audit.Entry{{Operation: audit.Rekeyed, Reference: newKey(t, 2).Verifier().Text(ledgerName), Detail: key.Verifier().Text(ledgerName)}, entry(1)},
			[]audit.Key{key}, "not signed by the key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			f := newForged(t, 1)
			f.add(t, c.entries...)
			f.save(t, folder, c.signers...)
			args := []string{"export", filepath.Join(folder, "1.jsonl"), filepath.Join(folder, "1.checkpoint"), key.Verifier().Text(ledgerName)}
			if c.says == "" {
				run(t, 0, args...)
				return
			}
			mustSay(t, run(t, 1, args...), c.says)
		})
	}
}
