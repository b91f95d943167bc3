package dynamolog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// TestPruneInterruptedAtEachCall breaks off a prune at each of its calls, before the engine gets it and
// after. The stub comes first, and what it leaves below it is no finding. The same prune again completes
// it.
func TestPruneInterruptedAtEachCall(t *testing.T) {
	filled, calls := newPrunable(t), 0
	for _, c := range []struct {
		name  string
		fault dynamotest.Fault
	}{
		{"before", dynamotest.Fault{Err: errors.New("connection refused")}},
		{"after", dynamotest.Fault{Err: errors.New("connection reset"), Apply: true}},
		{"throttled", dynamotest.Throttled},
	} {
		for n, met := 1, true; met; n++ {
			if !t.Run(fmt.Sprintf("%s call %d", c.name, n), func(t *testing.T) { met = filled.interrupt(t, n, c.fault) }) {
				break
			}
			calls = max(calls, n-1)
		}
	}
	if calls < 7 { // a stub, three deletions, and the looks for what to delete
		t.Errorf("a prune of 60 pages makes %d calls", calls)
	}
}

// prunable is a ledger whose log 1 has 70 pages, of which 61 are old.
type prunable struct {
	*audit.Mem
	key  audit.Key
	old  time.Time
	stub int64 // number of the last old page
}

func newPrunable(t *testing.T) prunable {
	t.Helper()
	m, key := audit.NewMem(), newKey(t)
	now := time.Date(2026, time.October, 1, 12, 0, 0, 0, time.UTC)
	for _, pages := range []int{60, 9} {
		l, err := audit.Open(t.Context(), audit.Config{
			Store: m, Key: key, Name: ledgerName, Logs: 1, AppendTimeout: patience, Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range pages {
			mustAppend(t, l, 100*i, 2)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.AddDate(0, 1, 0)
	}
	return prunable{m, key, now.AddDate(0, -1, 0), 60}
}

// copyTo puts the ledger into a table.
func (p prunable) copyTo(t *testing.T, x table) {
	t.Helper()
	text, err := p.VerifierKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.KeepVerifierKey(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	for _, log := range []audit.LogID{audit.Spine, 1} {
		for page, err := range p.Pages(t.Context(), log, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if err := x.Commit(t.Context(), page); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// interrupt prunes a table with a client that is cut off at its n-th call, and reports whether it makes as
// many.
func (p prunable) interrupt(t *testing.T, n int, fault dynamotest.Fault) (met bool) {
	x := newTable(t)
	p.copyTo(t, x)
	calls := 0
	cut := dynamolog.New(dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault {
		if calls++; calls < n {
			return dynamotest.Fault{}
		}
		if met = true; calls > n { // the process is gone
			return dynamotest.Fault{Err: fault.Err, Status: fault.Status, Code: fault.Code}
		}
		return fault
	}), x.name)
	prune := func(s audit.Pruner) error {
		l, err := audit.Open(t.Context(), audit.Config{Store: x.Store, Key: p.key, Name: ledgerName, Logs: 1, AppendTimeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Prune(t.Context(), s, p.old, audit.Entry{Caller: "operator", Authentication: "signing key", RequestID: "prune-1"})
		return errors.Join(err, l.Close(context.WithoutCancel(t.Context())))
	}
	if err := prune(cut); (err != nil) != met {
		t.Errorf("Prune that was cut off (%t): %v", met, err)
	}
	p.mustBeStubFirst(t, x)
	mustBeWhole(t, x.Store)
	if err := prune(x.Store); err != nil {
		t.Fatalf("Prune again: %v", err)
	}
	if left := p.numbers(t, x); left[0] != p.stub || len(left) != 10 {
		t.Errorf("pages %v are left, want 60 to 69", left)
	}
	mustBeWhole(t, x.Store)
	return met
}

// mustBeStubFirst checks that no page is gone unless the stub is there.
func (p prunable) mustBeStubFirst(t *testing.T, x table) {
	t.Helper()
	for page, err := range x.Pages(t.Context(), 1, p.stub) {
		if err != nil {
			t.Fatal(err)
		}
		if left := p.numbers(t, x); !page.Stub && len(left) != 70 {
			t.Errorf("pages %v are left, and page 60 is no stub", left)
		}
		break
	}
}

func (p prunable) numbers(t *testing.T, x table) []int64 {
	t.Helper()
	var numbers []int64
	for page, err := range x.Pages(t.Context(), 1, 0) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, page.Number)
	}
	if !slices.IsSorted(numbers) {
		t.Errorf("pages out of order: %v", numbers)
	}
	return numbers
}
