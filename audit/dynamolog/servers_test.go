package dynamolog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// skewed is a clock that differs from the machine's.
type skewed struct{ by atomic.Int64 }

func (s *skewed) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

func (s *skewed) add(d time.Duration) { s.by.Add(int64(d)) }

// server is one of several servers on one table.
type server struct {
	clock  *skewed
	ledger *audit.Ledger
	client dynamolog.API // behind a bad network
}

func (s *server) open(t *testing.T, table string) {
	t.Helper()
	store := dynamolog.New(s.client, table)
	var err error
	s.ledger, err = audit.Open(t.Context(), audit.Config{
		Store: store, Leases: store, Key: newKey(t), Name: ledgerName, Logs: 2, AppendTimeout: patience,
		Period: 20 * time.Millisecond, Now: s.clock.now,
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
}

// TestServersWithClocksThatDiffer runs three servers on one table, on a bad network, with clocks that
// differ by 5 ms to 2 s, jump, past leases too, and go back. After each round the ledger is whole and has
// every entry once, where its receipt says.
func TestServersWithClocksThatDiffer(t *testing.T) {
	x := newTable(t)
	rnd := rand.New(rand.NewPCG(12, 1)) //nolint:gosec // the same jumps each time
	var bad atomic.Bool                 // the network, but while servers start and stop
	servers := make([]*server, 3)
	for i, differs := range []time.Duration{0, 5 * time.Millisecond, -2 * time.Second} {
		plan := dynamotest.RandomTrouble(uint64(i), 12)
		servers[i] = &server{clock: &skewed{}, client: dynamotest.ProxyClient(t, func(n int) dynamotest.Trouble {
			if !bad.Load() {
				return dynamotest.Trouble{}
			}
			return plan(n)
		})}
		servers[i].clock.add(differs)
		servers[i].open(t, x.name)
	}
	receipts := map[string]audit.Receipt{}
	for round := range 6 {
		bad.Store(true)
		appendAtOnce(t, servers, round, receipts)
		bad.Store(false)
		mustHoldOnce(t, x.Store, receipts)
		for _, s := range servers {
			s.clock.add(time.Duration(rnd.IntN(4000)-2000) * time.Millisecond)
		}
		jump := []time.Duration{15 * time.Second, -15 * time.Second, 40 * 24 * time.Hour, -time.Hour, -80 * 24 * time.Hour}[round%5]
		moved := servers[round%3]
		moved.clock.add(jump)
		if round%2 == 1 { // it starts again, with the clock that it has now
			mustClose(t, moved.ledger)
			moved.open(t, x.name)
		}
	}
	for _, s := range servers {
		mustClose(t, s.ledger)
	}
	mustHoldOnce(t, x.Store, receipts)
}

// appendAtOnce has each server append entries from several goroutines.
func appendAtOnce(t *testing.T, servers []*server, round int, receipts map[string]audit.Receipt) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, s := range servers {
		for g := range 6 {
			all.Go(func() {
				for n := range 5 {
					e := audit.Entry{Operation: audit.Read, Outcome: audit.Granted, Basis: "CONTRACT", ModifiedValue: "m", RequestID: fmt.Sprintf("%d-%d-%d-%d", round, i, g, n)}
					d, err := s.ledger.Append(t.Context(), e)
					if err != nil {
						t.Errorf("append to server %d: %v", i, err)
						return
					}
					mu.Lock()
					receipts[e.RequestID] = d.Receipt()
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
}

// mustHoldOnce checks that the ledger is whole, that time does not go back in a log, and that each entry
// stands once, where its receipt says.
func mustHoldOnce(t *testing.T, s audit.Store, receipts map[string]audit.Receipt) {
	t.Helper()
	seen := 0
	for _, log := range mustBeWhole(t, s).Logs {
		var last time.Time
		for p, err := range s.Pages(t.Context(), log.Log, 0) {
			entries, parseErr := p.Entries()
			if err := errors.Join(err, parseErr); err != nil {
				t.Fatal(err)
			}
			if p.Time.Before(last) {
				t.Errorf("the time of page %s/%d is before that of the page before it", p.Log, p.Number)
			}
			last = p.Time
			for i, e := range entries {
				if e.RequestID == "" {
					continue // the ledger's own
				}
				want := audit.Receipt{Log: e.Log, Index: e.Index, Time: e.Time, LeafHash: audit.LeafHash(p.Lines[i])}
				if seen++; receipts[e.RequestID] != want {
					t.Errorf("the receipt of %s is %+v, and it stands at %s", e.RequestID, receipts[e.RequestID], e.Place())
				}
			}
		}
	}
	if seen != len(receipts) {
		t.Errorf("the ledger has %d entries that somebody appended, want %d", seen, len(receipts))
	}
}
