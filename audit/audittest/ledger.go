package audittest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// appendConcurrently has each goroutine append some entries, one after the other, to one of the
// ledgers. It returns the receipts by request id. A goroutine's entries keep their order in a log.
func appendConcurrently(t *testing.T, goroutines, each int, ledgers ...*audit.Ledger) map[string]audit.Receipt {
	t.Helper()
	var mu sync.Mutex
	receipts := map[string]audit.Receipt{}
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			last := map[audit.LogID]int64{}
			for i := range each {
				e := newEntry(1000*g + i)
				d, err := ledgers[g%len(ledgers)].Append(t.Context(), e)
				if err != nil {
					t.Errorf("append %s: %v", e.RequestID, err)
					return
				}
				r := d.Receipt()
				if r.Index <= last[r.Log] {
					t.Errorf("%s stands at %s/%d, before what was appended earlier", e.RequestID, r.Log, r.Index)
				}
				last[r.Log] = r.Index
				mu.Lock()
				receipts[e.RequestID] = r
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return receipts
}

func ledgerConcurrent(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 4)
	receipts := appendConcurrently(t, 32, 6, l)
	mustHoldOnce(t, s, receipts)
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	// Several entries of one call stay together in their order.
	many := mustAppend(t, l, batch(50_000, 300)...)
	for i, r := range many {
		if r.Log != many[0].Log || r.Index != many[0].Index+int64(i) {
			t.Fatalf("entry %d of one call is %s/%d, and the first is %s/%d", i, r.Log, r.Index, many[0].Log, many[0].Index)
		}
	}
	mustBeAt(t, s, "r-50000", many[0])
	mustBeAt(t, s, "r-50299", many[299])
	mustBeWhole(t, s)
}

// ledgersShareLogs runs two servers on the same logs. Each loses page numbers to the other.
func ledgersShareLogs(t *testing.T, s audit.Store) {
	receipts := appendConcurrently(t, 32, 6, newLedger(t, s, 2), newLedger(t, s, 2))
	if len(receipts) != 32*6 {
		t.Fatalf("%d receipts, want %d", len(receipts), 32*6)
	}
	mustHoldOnce(t, s, receipts)
}

// ledgerAfterACrash opens the ledger again and again, and closes none: those before can still write.
func ledgerAfterACrash(t *testing.T, s audit.Store) {
	receipts := map[string]audit.Receipt{}
	var crashed []*audit.Ledger
	for i := range 6 {
		l := newLedger(t, s, i%2+1)
		for k, r := range mustAppend(t, l, batch(100*i, i+1)...) {
			receipts[fmt.Sprintf("r-%d", 100*i+k)] = r
		}
		mustHoldOnce(t, s, receipts)
		crashed = append(crashed, l)
	}
	for i, l := range crashed {
		receipts[fmt.Sprintf("r-%d", 9000+i)] = mustAppend(t, l, newEntry(9000+i))[0]
	}
	mustHoldOnce(t, s, receipts)
}

func ledgerCheckpoint(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 2)
	var before tlog.Tree
	for i := range 5 {
		r := mustAppend(t, l, batch(10*i, 3)...)[2]
		checkpoint, tree, err := l.Checkpoint(t.Context(), r.Log)
		if err != nil {
			t.Fatalf("Checkpoint: %v", err)
		}
		if tree.N != r.Index+1 || tree == before {
			t.Errorf("the checkpoint's tree is %v after entry %d", tree, r.Index)
		}
		mustSign(t, audit.Origin(ledgerName, r.Log), checkpoint, tree)
		before = tree
	}
	mustBeWhole(t, s)
	if _, _, err := l.Checkpoint(t.Context(), 3); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Checkpoint of an unknown log: %v, want ErrNotFound", err)
	}
}

// ledgerSpine holds that the spine lists a log before the log takes its first entry, and all that was
// appended when a ledger is closed.
func ledgerSpine(t *testing.T, s audit.Store) {
	m := map[audit.LogID]int64{}
	watched := &beforeCommit{Store: s, f: func(p audit.Page) {
		if p.Log == audit.Spine || p.Number == 0 {
			return
		}
		logs, err := audit.Logs(t.Context(), s)
		if err != nil || !slices.Contains(logs, p.Log) {
			t.Errorf("log %s takes page %d, and the spine lists %v, %v", p.Log, p.Number, logs, err)
		}
	}}
	for i := range 4 {
		l := newLedger(t, watched, i%3+1)
		for k := range 6 {
			r := mustAppend(t, l, newEntry(10*i+k))[0]
			m[r.Log] = r.Index + 1
		}
		closeLedger(t, l)
		for log, size := range m {
			if got := lastListed(t, s)[log]; got != size {
				t.Errorf("after Close the spine lists log %s with %d entries, want %d", log, got, size)
			}
		}
		mustBeWhole(t, s)
		was := len(pagesOf(t, s, audit.Spine, 0))
		closeLedger(t, newLedger(t, s, 1))
		if got := len(pagesOf(t, s, audit.Spine, 0)); got != was {
			t.Errorf("the spine got %d pages though nothing moved", got-was)
		}
	}
}

// beforeCommit calls a function before each Commit.
type beforeCommit struct {
	audit.Store
	f func(p audit.Page)
}

// Commit implements audit.Log.
func (s *beforeCommit) Commit(ctx context.Context, p audit.Page) error {
	s.f(p)
	return s.Store.Commit(ctx, p)
}

// lastListed returns the sizes that the newest CHECKPOINT lists.
func lastListed(t *testing.T, s audit.Store) sizes {
	t.Helper()
	for _, p := range slices.Backward(pagesOf(t, s, audit.Spine, 0)) {
		entries, err := p.Entries()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(entries) {
			if e.Operation != audit.Checkpoint {
				continue
			}
			listed := sizes{}
			for words := strings.Fields(e.Checkpoint); len(words) > 0; words = words[3:] {
				log, err := audit.ParseLogID(words[0])
				size, sizeErr := strconv.ParseInt(words[1], 10, 64)
				if err != nil || sizeErr != nil {
					t.Fatalf("a CHECKPOINT lists %q", e.Checkpoint)
				}
				listed[log] = size
			}
			return listed
		}
	}
	t.Fatal("the spine has no CHECKPOINT")
	return nil
}

// ledgerKeep keeps a file after each append. Verify accepts all of them, trusts what is before one of
// them, and finds that later entries are gone.
func ledgerKeep(t *testing.T, s audit.Store) {
	var files []audit.KeptFile
	for i := range 4 {
		l := newLedger(t, s, i%2+1)
		mustAppend(t, l, batch(10*i, 2)...)
		closeLedger(t, l)
		data, size, err := audit.Keep(t.Context(), s)
		if err != nil {
			t.Fatalf("Keep: %v", err)
		}
		f := audit.KeptFile{Name: strconv.Itoa(i), Data: data}
		if name, n, err := audit.KeptPlace(f); err != nil || name != ledgerName || n != size {
			t.Errorf("KeptPlace: %s, %d, %v; want %s, %d", name, n, err, ledgerName, size)
		}
		files = append(files, f)
	}
	kept := func(yield func(audit.KeptFile, error) bool) {
		for _, f := range files {
			if !yield(f, nil) {
				return
			}
		}
	}
	r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{Kept: kept})
	if err != nil || len(r.Findings) > 0 || r.Kept != len(files) {
		t.Errorf("Verify with kept files: %v, %v, %d of them; want %d", r.Findings, err, r.Kept, len(files))
	}
	r, err = audit.Verify(t.Context(), s, audit.VerifyOptions{From: &files[1], Kept: kept})
	if err != nil || len(r.Findings) > 0 || r.Logs[0].From == 0 || r.Logs[1].From == 0 {
		t.Errorf("Verify from a kept file: %+v, %v", r, err)
	}
}

func ledgerClose(t *testing.T, s audit.Store) {
	l := newLedger(t, s, 1)
	receipts := map[string]audit.Receipt{"r-0": mustAppend(t, l, newEntry(0))[0]}
	closeLedger(t, l)
	closeLedger(t, l)
	if _, err := l.Append(t.Context(), newEntry(1)); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("append after Close: %v, want ErrUnavailable", err)
	}
	if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("Ready after a failed append: %v, want ErrUnavailable", err)
	}
	mustHoldOnce(t, s, receipts)
}

func ledgerOtherKey(t *testing.T, s audit.Store) {
	mustAppend(t, newLedger(t, s, 1), newEntry(0))
	c := config(t, s)
	c.Key, c.Logs = newKey(t, 2), 2
	if l, err := audit.Open(t.Context(), c); !errors.Is(err, audit.ErrOtherKey) || errors.Is(err, audit.ErrRotated) {
		t.Errorf("Open with another key: %v, %v; want ErrOtherKey", l, err)
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: 2})
}

func ledgerOtherName(t *testing.T, s audit.Store) {
	mustAppend(t, newLedger(t, s, 1), newEntry(0))
	c := config(t, s)
	c.Name = "vault.example.com/other"
	if l, err := audit.Open(t.Context(), c); !errors.Is(err, audit.ErrOtherName) {
		t.Errorf("Open with another name: %v, %v; want ErrOtherName", l, err)
	}
	mustHaveSizes(t, s, sizes{0: 2, 1: 2})
	c.Name = ""
	l := openLedger(t, c)
	if l.Name() != ledgerName {
		t.Errorf("a ledger that was opened without a name is %s, want the stored name", l.Name())
	}
}
