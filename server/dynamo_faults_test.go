package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/rpc/client"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
)

// tables is an empty pair of tables, and direct ways to them.
type tables struct {
	records, ledger string
	store           store.Store
	log             audit.Store
}

func newTables(t *testing.T) tables {
	t.Helper()
	c := dynamotest.Client(t)
	d := tables{records: dynamotest.Table(t, "records"), ledger: dynamotest.Table(t, "audit")}
	for _, schema := range []*dynamodb.CreateTableInput{dynamostore.Schema(d.records), dynamolog.Schema(d.ledger)} {
		if _, err := c.CreateTable(t.Context(), schema); err != nil {
			t.Fatal(err)
		}
	}
	d.store, d.log = dynamostore.New(c, d.records), dynamolog.New(c, d.ledger)
	return d
}

// seed stores the canary at "a" and "b", behind the server's back.
func (d tables) seed(t *testing.T) {
	t.Helper()
	for _, key := range []string{"a", "b"} {
		got := d.store.Put(t.Context(), []store.Record{{ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Now()}})
		if got[0].Err != nil {
			t.Fatal(got[0].Err)
		}
	}
}

// dynamoFault is how a request to DynamoDB goes wrong, and whether the caller goes away at
// that very point.
type dynamoFault struct {
	fault  dynamotest.Fault
	leaves bool
}

var dynamoFaults = map[string]dynamoFault{
	"not applied":                {dynamotest.Fault{Err: errEngine}, false},
	"applied":                    {dynamotest.Fault{Err: errEngine, Apply: true}, false},
	"throttled":                  {dynamotest.Throttled, false},
	"caller leaves, not applied": {dynamotest.Fault{Err: errEngine}, true},
	"caller leaves, applied":     {dynamotest.Fault{Err: errEngine, Apply: true}, true},
}

// TestDynamoFaultTable has the server meet a fault at every request that it sends to
// DynamoDB, one at a time, for every method of the API.
func TestDynamoFaultTable(t *testing.T) {
	for _, rpc := range rpcs {
		d := newTables(t)
		points := d.faultyRPC(t, rpc.role, rpc.call, point{}, dynamoFault{})
		if len(points) == 0 {
			t.Errorf("%s sends no request that could fail", rpc.method)
		}
		for name, w := range dynamoFaults {
			if w.leaves && (rpc.role == "auditor" || strings.HasSuffix(rpc.method, "s")) {
				continue // they end as the single calls do
			}
			for _, at := range points {
				t.Run(fmt.Sprintf("%s/%s %d %s", rpc.method, at.op, at.k, name), func(t *testing.T) {
					d.faultyRPC(t, rpc.role, rpc.call, at, w)
				})
			}
		}
	}
}

// sdkAttempts is how often the SDK sends a request. All of them have to go wrong for the
// server to see it.
const sdkAttempts = 3

// faultyRPC makes a call, of which the request at a point goes wrong, and then the same again,
// which has to succeed. It returns the requests of the first.
func (d tables) faultyRPC(t *testing.T, role string, call func(context.Context, *client.Client) reply, at point, w dynamoFault) []point {
	d.seed(t)
	p := probe{row: sdkAttempts}
	c := dynamotest.FaultyClient(t, func(op string, _ int) dynamotest.Fault {
		if p.hit(op) {
			return w.fault
		}
		return dynamotest.Fault{}
	})
	f, _ := newTestServer(t, dynamostore.New(c, d.records), audit.Config{Store: dynamolog.New(c, d.ledger), AppendTimeout: time.Minute})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	p.watch(at, func() {
		if w.leaves {
			leave()
		}
	})
	r := call(ctx, f.as(t, role))
	points := p.points()
	if at != (point{}) && p.hits() == 0 {
		t.Error("the fault was not met")
	}
	r.wantProper(t, w.leaves)
	again := call(t.Context(), f.as(t, role))
	if len(again.errs) > 0 {
		t.Errorf("the call after it: %v", again.errs)
	}
	f.keepsPromise(t, d.log, r, again)
	return points
}

// wave is readers and writers of some keys.
type wave struct {
	mu      sync.Mutex
	replies []reply
	stored  map[string]int64 // the newest time of each key that was answered as stored
	tried   map[string]int64 // or sent
}

const (
	waveKeys  = 4
	waveCalls = 25 // of each of the readers and writers
)

func waveKey(n int) string { return fmt.Sprintf("w%d", n%waveKeys) }

// write stores ever newer records, with older ones between.
func (w *wave) write(t *testing.T, c *client.Client, who, writers int) {
	for i := range waveCalls {
		n := int64(i*writers + who + 1)
		if i%5 == 4 {
			n = max(1, n-int64(3*writers))
		}
		key := waveKey(i)
		r := doCreate(t.Context(), c, canaryAt(key, time.Unix(n, 0)))
		r.wantProper(t, false)
		w.mu.Lock()
		w.replies = append(w.replies, r)
		w.tried[key] = max(w.tried[key], n)
		if len(r.errs) == 0 {
			w.stored[key] = max(w.stored[key], n)
		}
		w.mu.Unlock()
	}
}

// read reads single records and many. What is there may not get older.
func (w *wave) read(t *testing.T, c *client.Client) {
	seen := map[string]time.Time{}
	for i := range waveCalls {
		keys := []string{waveKey(i)}
		if i%4 == 0 {
			keys = append(keys, waveKey(i+1), waveKey(i+2))
		}
		r := doRead(t.Context(), c, keys...)
		r.wantProperOr(t, "not_found")
		for k, key := range r.released {
			if r.observed[k].Before(seen[key]) || r.values[k] != canary {
				t.Errorf("%s is of %v after one of %v, or another value", key, r.observed[k], seen[key])
			}
			seen[key] = r.observed[k]
		}
		w.mu.Lock()
		w.replies = append(w.replies, r)
		w.mu.Unlock()
	}
}

// TestDynamoThroughABadNetwork lets readers and writers call two servers on the same
// tables, whose requests are late, cut anywhere and throttled.
func TestDynamoThroughABadNetwork(t *testing.T) {
	d := newTables(t)
	var calm atomic.Bool
	calm.Store(true) // until the ledgers are open
	var servers []testServer
	for seed := range uint64(2) {
		plan := dynamotest.RandomTrouble(seed, 4)
		c := dynamotest.ProxyClient(t, func(n int) dynamotest.Trouble {
			if calm.Load() {
				return dynamotest.Trouble{}
			}
			return plan(n)
		})
		f, _ := newTestServer(t, dynamostore.New(c, d.records), audit.Config{Store: dynamolog.New(c, d.ledger), Logs: 2})
		servers = append(servers, f)
	}
	calm.Store(false)
	w := wave{stored: map[string]int64{}, tried: map[string]int64{}}
	var wg sync.WaitGroup
	for i, f := range slices.Concat(servers, servers) {
		writer, reader := f.as(t, "writer"), f.as(t, "reader")
		wg.Go(func() { w.write(t, writer, i, 4) })
		wg.Go(func() { w.read(t, reader) })
	}
	wg.Wait()
	for _, f := range servers {
		f.keepsPromise(t, d.log)
	}
	calm.Store(true)
	w.settle(t, d, servers[0])
	// Both servers' answers are of one ledger.
	servers[1].keepsPromise(t, d.log, w.replies...)
}

// settle holds the records against what was answered: the last seen wins.
func (w *wave) settle(t *testing.T, d tables, f testServer) {
	t.Helper()
	for k := range waveKeys {
		key := waveKey(k)
		got := d.store.Get(t.Context(), []string{key})[0]
		n := got.Record.ObservedAt.Unix()
		if got.Err != nil || n < w.stored[key] || n > w.tried[key] {
			t.Errorf("%s is of %d, %v; want %d, or up to %d if a lost one was stored", key, n, got.Err, w.stored[key], w.tried[key])
		}
		r := doRead(t.Context(), f.as(t, "reader"), key)
		for len(r.errs) > 0 && t.Context().Err() == nil {
			r = doRead(t.Context(), f.as(t, "reader"), key)
		}
		w.replies = append(w.replies, r)
		if !slices.Equal(r.observed, []time.Time{got.Record.ObservedAt}) {
			t.Errorf("%s is answered as of %v, and is of %v", key, r.observed, got.Record.ObservedAt)
		}
	}
}
