package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

// rpcs is every method of the API as a call that succeeds, and may be repeated, where
// "a" and "b" hold the canary.
var rpcs = []struct {
	method, role string
	call         func(ctx context.Context, c *client.Client) reply
}{
	{"CreatePiiRecord", "writer", func(ctx context.Context, c *client.Client) reply {
		return doCreate(ctx, c, canaryAt("c", time.Now()))
	}},
	{"CreatePiiRecords", "writer", func(ctx context.Context, c *client.Client) reply {
		return doCreate(ctx, c, canaryAt("c", time.Now()), canaryAt("a", time.Now()))
	}},
	{"ReadPiiRecord", "reader", func(ctx context.Context, c *client.Client) reply { return doRead(ctx, c, "a") }},
	{"ReadPiiRecords", "reader", func(ctx context.Context, c *client.Client) reply { return doRead(ctx, c, "a", "b", "a") }},
	{"DeletePiiRecord", "eraser", func(ctx context.Context, c *client.Client) reply { return doDelete(ctx, c, "a") }},
	{"DeletePiiRecords", "eraser", func(ctx context.Context, c *client.Client) reply { return doDelete(ctx, c, "a", "b") }},
	{"ListEntries", "auditor", func(ctx context.Context, c *client.Client) reply {
		return doReview(c.ListEntries(ctx, &piinguinv1.ListEntriesRequest{}))
	}},
	{"Summarize", "auditor", func(ctx context.Context, c *client.Client) reply {
		return doReview(c.Summarize(ctx, summarizeRequest()))
	}},
	{"GetEntry", "auditor", func(ctx context.Context, c *client.Client) reply {
		return doReview(c.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: "1"}))
	}},
	{"GetCheckpoint", "auditor", func(ctx context.Context, c *client.Client) reply {
		return doReview(c.GetCheckpoint(ctx, &piinguinv1.GetCheckpointRequest{}))
	}},
	{"ProveEntry", "auditor", func(ctx context.Context, c *client.Client) reply {
		return doReview(c.ProveEntry(ctx, &piinguinv1.ProveEntryRequest{Log: "1"}))
	}},
	{"ProveConsistency", "auditor", func(ctx context.Context, c *client.Client) reply {
		return doReview(c.ProveConsistency(ctx, &piinguinv1.ProveConsistencyRequest{Log: "1", OldSize: 1}))
	}},
}

// point is a call that the server makes of its store or its ledger, or of the engine
// below: the k-th of an operation since the request began.
type point struct {
	op string
	k  int
}

// has reports whether a call is at the point, or one of those right after it.
func (p point) has(op string, k, row int) bool { return op == p.op && k >= p.k && k < p.k+row }

// probe counts those calls, and says when the one is there that a fault is for.
type probe struct {
	mu    sync.Mutex
	on    bool
	count map[string]int
	at    point
	row   int    // how many calls from there on; 0 is one
	met   func() // nil: only count
	times int
}

func (p *probe) watch(at point, met func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on, p.count, p.at, p.met = true, map[string]int{}, at, met
}

func (p *probe) hit(op string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on || isDeriving() {
		return false
	}
	p.count[op]++
	if p.met == nil || !p.at.has(op, p.count[op], max(p.row, 1)) {
		return false
	}
	p.times++
	p.met()
	return true
}

// isDeriving reports whether the ledger makes the call behind the commits, at a time of its own, and
// so for no request.
func isDeriving() bool { return bytes.Contains(debug.Stack(), []byte("audit.(*deriver).")) }

// hits is how often the fault was met.
func (p *probe) hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times
}

// points returns the calls that were counted.
func (p *probe) points() []point {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []point
	for _, op := range slices.Sorted(maps.Keys(p.count)) {
		for k := range p.count[op] {
			all = append(all, point{op, k + 1})
		}
	}
	return all
}

// faultCase is how the call at a point goes wrong.
type faultCase struct {
	name   string
	store  storetest.Fault
	ledger audittest.Fault
	leaves bool // the caller goes away at this very point
}

// faultCases returns those of an operation: {error, time-out, gone caller} by what can
// become of its effect.
func faultCases(op string) []faultCase {
	switch op {
	case storetest.Put, storetest.Erase, storetest.Get:
		return []faultCase{
			{name: "fails", store: storetest.Fault{Err: store.ErrUnavailable}},
			{name: "fails, yet applied", store: storetest.Fault{Err: store.ErrUnavailable, Apply: true}},
			{name: "too late", store: storetest.Fault{Err: context.DeadlineExceeded}},
			{name: "too late, yet applied", store: storetest.Fault{Err: context.DeadlineExceeded, Apply: true}},
			{name: "caller leaves before", store: storetest.Fault{Hang: true}, leaves: true},
			{name: "caller leaves after", store: storetest.Fault{Hang: true, Apply: true}, leaves: true},
			{name: "caller leaves meanwhile", leaves: true},
		}
	case audittest.Commit:
		all := []faultCase{{name: "caller leaves meanwhile", leaves: true}}
		for name, fate := range map[string]audittest.Fate{"lost": audittest.Lost, "stored": audittest.Stored, "late": audittest.Late} {
			all = append(all,
				faultCase{name: "fails, " + name, ledger: audittest.Fault{Err: errEngine, Fate: fate}},
				faultCase{name: "hangs, " + name, ledger: audittest.Fault{Hang: true, Fate: fate}},
				faultCase{name: "fails, caller leaves, " + name, ledger: audittest.Fault{Err: errEngine, Fate: fate}, leaves: true})
		}
		return all
	}
	return []faultCase{
		{name: "fails", ledger: audittest.Fault{Err: errEngine}},
		{name: "too late", ledger: audittest.Fault{Err: context.DeadlineExceeded}},
		{name: "caller leaves before", ledger: audittest.Fault{Hang: true}, leaves: true},
		{name: "caller leaves meanwhile", leaves: true},
	}
}

// probedServer is a server over faulty stores in memory.
type probedServer struct {
	testServer
	records *store.Mem
	ledger  *audit.Mem
	probe   *probe
}

func newProbedServer(t *testing.T, w faultCase, patience time.Duration) *probedServer {
	t.Helper()
	s := &probedServer{records: store.NewMem(), ledger: audit.NewMem(), probe: &probe{}}
	c := audit.Config{AppendTimeout: time.Minute}
	if w.ledger.Hang {
		c.AppendTimeout = patience
	}
	c.Store = audittest.NewFaulty(s.ledger, func(op string, _ int) audittest.Fault {
		if s.probe.hit(op) {
			return w.ledger
		}
		return audittest.Fault{}
	})
	records := storetest.NewFaulty(s.records, func(op string, _ int) storetest.Fault {
		if s.probe.hit(op) {
			return w.store
		}
		return storetest.Fault{}
	})
	s.testServer, _ = newTestServer(t, records, c)
	for _, key := range []string{"a", "b"} {
		s.records.Put(t.Context(), []store.Record{{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Unix(1, 0)}})
	}
	return s
}

// TestFaultTable has the server meet every fault at every call that it makes of its store
// and its ledger, one at a time, for every method of the API.
func TestFaultTable(t *testing.T) {
	for _, rpc := range rpcs {
		clean := newProbedServer(t, faultCase{}, 0)
		clean.probe.watch(point{}, nil)
		if r := rpc.call(t.Context(), clean.as(t, rpc.role)); len(r.errs) > 0 {
			t.Fatalf("%s without a fault: %v", rpc.method, r.errs)
		}
		points := clean.probe.points()
		if len(points) == 0 {
			t.Errorf("%s makes no call that could fail", rpc.method)
		}
		for _, at := range points {
			for _, w := range faultCases(at.op) {
				t.Run(fmt.Sprintf("%s/%s %d %s", rpc.method, at.op, at.k, w.name), func(t *testing.T) {
					faultyRPC(t, rpc.role, rpc.call, at, w)
				})
			}
		}
	}
}

// faultyRPC makes a call that meets a fault, and holds its answer, the stores and all that
// can be seen against the promise; then the same call again, which has to succeed.
func faultyRPC(t *testing.T, role string, call func(context.Context, *client.Client) reply, at point, w faultCase) {
	s, r := meetFault(t, role, call, at, w)
	c := s.as(t, role)
	r.wantProper(t, w.leaves)
	if len(r.errs) == 0 && (w.store.Err != nil || w.leaves) {
		t.Error("a call that failed has an answer")
	}
	s.wantChangesAudited(t)
	s.keepsPromise(t, s.ledger, r)
	again := call(t.Context(), c)
	for len(again.errs) > 0 && t.Context().Err() == nil {
		again.wantProper(t, false)
		again = call(t.Context(), c)
	}
	s.wantChangesAudited(t)
	s.keepsPromise(t, s.ledger, r, again)
	for _, value := range slices.Concat(r.values, again.values) {
		if value != canary {
			t.Errorf("a wrong value: %q", value)
		}
	}
}

// meetFault makes the call on a new server. A call waits for a hanging ledger as short as can
// be, and on a busy machine its deadline may end before it meets the fault: then it is made
// again, on another server and with more patience.
func meetFault(t *testing.T, role string, call func(context.Context, *client.Client) reply, at point, w faultCase) (*probedServer, reply) {
	t.Helper()
	for patience := 20 * time.Millisecond; ; patience *= 10 {
		s := newProbedServer(t, w, patience)
		ctx, leave := context.WithCancel(t.Context())
		s.probe.watch(at, func() {
			if w.leaves {
				leave()
			}
		})
		r := call(ctx, s.as(t, role))
		leave()
		switch n := s.probe.hits(); {
		case n == 1:
			return s, r
		case n > 1 || !w.ledger.Hang || patience > time.Second:
			t.Fatalf("the fault was met %d times", n)
		}
	}
}

// wantChangesAudited wants no record to have changed without an entry. A caller that
// left may leave a server at work, so the records are looked at first.
func (s *probedServer) wantChangesAudited(t *testing.T) {
	t.Helper()
	got := s.records.Get(t.Context(), []string{"a", "b", "c"})
	entries := allEntries(t, s.ledger)
	asked := func(op audit.Operation, key string) bool {
		return slices.ContainsFunc(entries, func(e audit.Entry) bool {
			return e.Operation == op && e.Outcome == audit.Granted && e.ModifiedValue == key
		})
	}
	for i, key := range []string{"a", "b"} {
		if errors.Is(got[i].Err, store.ErrNotFound) && !asked(audit.Delete, key) {
			t.Errorf("%s was erased without an entry", key)
		}
	}
	if created := got[2].Err == nil || got[0].Record.ObservedAt.After(time.Unix(1, 0)); created && !asked(audit.Create, "") {
		t.Error("a record was stored without an entry")
	}
}

// TestFaultsInARow keeps faults coming while callers of each kind go on, and lets
// them pass then.
func TestFaultsInARow(t *testing.T) {
	var mu sync.Mutex
	calls, failing := 0, false
	next := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		return calls, failing
	}
	fail := func(on bool) {
		mu.Lock()
		defer mu.Unlock()
		failing = on
	}
	records, ledger := store.NewMem(), audit.NewMem()
	faultyLedger := audittest.NewFaulty(ledger, func(op string, _ int) audittest.Fault {
		if n, on := next(); on && n%2 == 0 {
			return audittest.Fault{Err: errEngine, Fate: audittest.Fate(n / 2 % 3), Hang: op == audittest.Commit && n%16 == 0}
		}
		return audittest.Fault{}
	})
	faultyRecords := storetest.NewFaulty(records, func(string, int) storetest.Fault {
		if n, on := next(); on && n%3 == 0 {
			return storetest.Fault{Err: store.ErrUnavailable, Apply: n%2 == 0}
		}
		return storetest.Fault{}
	})
	f, _ := newTestServer(t, faultyRecords, audit.Config{Store: faultyLedger, Logs: 2, AppendTimeout: 50 * time.Millisecond})
	fail(true)
	for _, key := range []string{"a", "b"} {
		records.Put(t.Context(), []store.Record{{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Unix(1, 0)}})
	}
	var replies []reply
	var wg sync.WaitGroup
	for _, rpc := range rpcs {
		if strings.HasPrefix(rpc.method, "Delete") {
			continue // there would soon be nothing to read
		}
		c := f.as(t, rpc.role)
		wg.Go(func() {
			for range 15 {
				r := rpc.call(t.Context(), c)
				r.wantProper(t, false)
				mu.Lock()
				replies = append(replies, r)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fail(false)
	f.keepsPromise(t, ledger, replies...)
	for _, rpc := range rpcs {
		r := rpc.call(t.Context(), f.as(t, rpc.role))
		for len(r.errs) > 0 && t.Context().Err() == nil {
			r = rpc.call(t.Context(), f.as(t, rpc.role))
		}
		replies = append(replies, r)
	}
	f.keepsPromise(t, ledger, replies...)
}
