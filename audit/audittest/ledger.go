package audittest

import (
	"errors"
	"fmt"
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
			last := map[string]int64{}
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
		mustSign(t, r.Log, checkpoint, treeOf(t, s, r.Log))
		mustSign(t, r.Log, checkpoint, tree)
		before = tree
	}
	if _, _, err := l.Checkpoint(t.Context(), "piinguin-3"); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Checkpoint of an unknown log: %v, want ErrNotFound", err)
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
	l, err := audit.Open(t.Context(), audit.Config{Store: s, Key: newKey(t, 2), Logs: 2})
	if !errors.Is(err, audit.ErrOtherKey) {
		t.Errorf("Open with another key: %v, %v; want ErrOtherKey", l, err)
	}
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": 2})
}
