package audit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

// modelServer is a server with a clock of its own.
type modelServer struct {
	ledger *audit.Ledger
	differ time.Duration // of its clock
}

// model is a store with servers on it that come, go, stop, prune and lose replies, and whose clocks
// differ, jump and go back.
type model struct {
	store   *audit.Mem
	faulty  audit.Store
	fault   audittest.Fault // of the next write
	now     time.Time
	servers []*modelServer
	written map[string]audit.Place
	kept    []audit.KeptFile
	n       int // entries
	steps   int
}

func newModel() *model {
	m := &model{store: audit.NewMem(), now: time.Date(2026, time.February, 28, 12, 0, 0, 0, time.UTC), written: map[string]audit.Place{}}
	m.faulty = audittest.NewFaulty(m.store, func(op string, _ int) audittest.Fault {
		if op != audittest.Commit {
			return audittest.Fault{}
		}
		f := m.fault
		m.fault = audittest.Fault{}
		return f
	})
	return m
}

func (m *model) open(t *rapid.T, key audit.Key) {
	if len(m.servers) == 4 {
		t.Skip("enough servers")
	}
	s := &modelServer{differ: time.Duration(rapid.SampledFrom([]int{0, 5, -5, 300, 2000, -2000}).Draw(t, "differ")) * time.Millisecond}
	l, err := audit.Open(context.Background(), audit.Config{
		Store: m.faulty, Key: key, Name: ledgerName, Logs: rapid.IntRange(1, 2).Draw(t, "logs"), Period: 10_000 * time.Hour, AppendTimeout: time.Minute,
		Now: func() time.Time { return m.now.Add(s.differ) },
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	s.ledger = l
	m.servers = append(m.servers, s)
}

// server draws one of the servers.
func (m *model) server(t *rapid.T) *modelServer {
	if len(m.servers) == 0 {
		t.Skip("no server")
	}
	return m.servers[rapid.IntRange(0, len(m.servers)-1).Draw(t, "server")]
}

func (m *model) append(t *rapid.T) {
	s := m.server(t)
	if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
		m.fault = audittest.Fault{Err: errEngine, Fate: audittest.Fate(rapid.IntRange(0, 2).Draw(t, "fate"))}
	}
	entries := make([]audit.Entry, rapid.SampledFrom([]int{1, 2, 3, 40}).Draw(t, "entries"))
	for i := range entries {
		entries[i] = newEntry(m.n)
		m.n++
	}
	for i, r := range s.ledger.AppendAll(context.Background(), entries) {
		if r.Err != nil {
			t.Fatalf("append: %v", r.Err)
		}
		m.written[entries[i].RequestID] = r.Durable.Entry().Place()
	}
	m.fault = audittest.Fault{}
}

func (m *model) close(t *rapid.T) {
	if len(m.servers) == 0 {
		t.Skip("no server")
	}
	if err := m.servers[0].ledger.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
	m.servers = m.servers[1:]
}

func (m *model) prune(t *rapid.T) {
	before := m.now.Add(time.Duration(rapid.IntRange(-100, 10).Draw(t, "before")) * time.Hour)
	_, err := m.server(t).ledger.Prune(context.Background(), m.store, before, audit.Entry{Caller: "operator", RequestID: fmt.Sprintf("prune-%d", m.n)})
	if err != nil && !errors.Is(err, audit.ErrHeld) {
		t.Fatalf("Prune: %v", err)
	}
}

func (m *model) hold(t *rapid.T) {
	_, err := m.server(t).ledger.Hold(context.Background(), audit.Entry{
		Operation: rapid.SampledFrom([]audit.Operation{audit.Held, audit.Released}).Draw(t, "operation"),
		Reference: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reference"), RequestID: fmt.Sprintf("hold-%d", m.n),
	})
	if err != nil {
		t.Fatalf("Hold: %v", err)
	}
}

func (m *model) keep(t *rapid.T) {
	if len(m.servers) == 0 {
		t.Skip("perhaps no ledger")
	}
	data, _, err := audit.Keep(context.Background(), m.store)
	if err != nil {
		t.Fatalf("Keep: %v", err)
	}
	m.kept = append(m.kept, audit.KeptFile{Name: fmt.Sprint(len(m.kept)), Data: data})
}

// check verifies all, with everything that was kept, and looks for each entry where its receipt said.
func (m *model) check(t *rapid.T, key audit.VerifierKey) {
	if len(m.written) == 0 {
		return
	}
	r, err := audit.Verify(context.Background(), m.store, audit.VerifyOptions{Key: &key, Kept: each(m.kept...)})
	if err != nil || len(r.Findings) > 0 || r.Kept != len(m.kept) {
		t.Fatalf("Verify: %v, %v, %d of %d kept files", r.Findings, err, r.Kept, len(m.kept))
	}
	x := audit.OpenIndex(m.store)
	pruned := map[audit.LogID]int64{}
	for _, l := range r.Logs {
		pruned[l.Log] = l.Pruned
	}
	for id, p := range m.written {
		e, err := x.Entry(context.Background(), p.Log, p.Index)
		if gone := p.Index < pruned[p.Log]; gone && !errors.Is(err, audit.ErrNotFound) || !gone && (err != nil || e.RequestID != id) {
			t.Fatalf("%s is not at %s: %v, %v", id, p, e.RequestID, err)
		}
	}
}

// TestModel does random things, one after the other, and verifies everything after every few of them.
func TestModel(t *testing.T) {
	key := newKey(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		t.Repeat(map[string]func(*rapid.T){
			"open":   func(t *rapid.T) { m.open(t, key) },
			"append": m.append,
			"again":  m.append,
			"close":  m.close,
			"prune":  m.prune,
			"hold":   m.hold,
			"keep":   m.keep,
			"jump": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(-2_000, 100_000).Draw(t, "jump")) * time.Second)
			},
			"": func(t *rapid.T) {
				if m.steps++; m.steps%4 == 0 {
					m.check(t, key.Verifier())
				}
			},
		})
		for len(m.servers) > 0 {
			m.close(t)
		}
		m.check(t, key.Verifier())
	})
}
