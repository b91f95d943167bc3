package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

var (
	lost    = dynamotest.Fault{Err: errors.New("connection reset after " + canary), Apply: true}
	notSent = dynamotest.Fault{Err: errors.New("connection refused while sending " + canary)}
)

// newFaultyStore returns a Store whose first requests of an operation go wrong, the
// SDK making up to 3 attempts.
func newFaultyStore(t *testing.T, op string, faults ...dynamotest.Fault) *dynamostore.Store {
	t.Helper()
	return dynamostore.New(dynamotest.FaultyClient(t, func(o string, call int) dynamotest.Fault {
		if o == op && call <= len(faults) {
			return faults[call-1]
		}
		return dynamotest.Fault{}
	}), newTestTable(t))
}

func TestPutLosesReplies(t *testing.T) {
	// The SDK tries again and is refused, for its own record stands there.
	s := newFaultyStore(t, "PutItem", lost)
	wantPut(t, s, record("k", 1), store.Replaced)
	wantRecord(t, s, record("k", 1))

	s = newFaultyStore(t, "PutItem", dynamotest.Fault{}, lost, lost)
	wantPut(t, s, record("k", 1), store.Stored)
	wantPut(t, s, record("k", 2), store.Replaced)
	wantPut(t, s, record("k", 1), store.Superseded)

	s = newFaultyStore(t, "PutItem", lost, lost, lost)
	wantUnavailable(t, "Put", s.Put(t.Context(), []store.Record{record("k", 1)})[0].Err, "PutItem")
	wantPut(t, s, record("k", 1), store.Replaced)
	wantRecord(t, s, record("k", 1))

	s = newFaultyStore(t, "PutItem", notSent, dynamotest.Throttled)
	wantPut(t, s, record("k", 1), store.Stored)
}

func TestEraseLosesReplies(t *testing.T) {
	// The SDK tries again and finds a tombstone: its own.
	s := newFaultyStore(t, "UpdateItem", lost)
	wantPut(t, s, record("k", 1), store.Stored)
	wantErase(t, s, "k", 2, true)
	wantErase(t, s, "k", 2, false)
	wantNothing(t, s, "k")

	// Nothing is there, and the reply to the second request, the tombstone's, is lost.
	s = newFaultyStore(t, "UpdateItem", dynamotest.Fault{}, lost)
	wantErase(t, s, "k", 2, false)
	wantPut(t, s, record("k", 2), store.Superseded)

	s = newFaultyStore(t, "UpdateItem", lost, lost, lost)
	wantPut(t, s, record("k", 1), store.Stored)
	wantUnavailable(t, "Erase", s.Erase(t.Context(), []string{"k"}, at(2))[0].Err, "UpdateItem")
	wantNothing(t, s, "k")
	wantErase(t, s, "k", 2, false)
}

// TestErrorsHoldNoValue gives every operation every kind of failure, each with the
// value in its text.
func TestErrorsHoldNoValue(t *testing.T) {
	service := func(status int, code string) dynamotest.Fault {
		return dynamotest.Fault{Status: status, Code: code, Message: "the item " + canary}
	}
	for name, tc := range map[string]struct {
		fault dynamotest.Fault
		word  string
	}{
		"throttled":   {service(http.StatusBadRequest, "ProvisionedThroughputExceededException"), "ProvisionedThroughputExceededException"},
		"refused":     {service(http.StatusBadRequest, "ValidationException"), "ValidationException"},
		"no access":   {service(http.StatusBadRequest, "AccessDeniedException"), "AccessDeniedException"},
		"broken":      {service(http.StatusInternalServerError, "InternalServerError"), "InternalServerError"},
		"a proxy's":   {service(http.StatusBadGateway, "<html>"+canary), ""},
		"condition":   {service(http.StatusBadRequest, "ConditionalCheckFailedException"), ""},
		"unreachable": {notSent, "no answer"},
		"lost":        {lost, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := dynamostore.New(dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault { return tc.fault }), newTestTable(t))
			wantUnavailable(t, "Put", s.Put(t.Context(), []store.Record{record("k", 1)})[0].Err, tc.word)
			for _, got := range s.Put(t.Context(), several(2, "k", 1)) {
				wantUnavailable(t, "Put of many", got.Err, tc.word)
			}
			wantUnavailable(t, "Get", s.Get(t.Context(), []string{"k"})[0].Err, tc.word)
			for _, got := range s.Get(t.Context(), []string{"k", "l"}) {
				wantUnavailable(t, "Get of many", got.Err, tc.word)
			}
			wantUnavailable(t, "Erase", s.Erase(t.Context(), []string{"k"}, at(1))[0].Err, tc.word)
			wantUnavailable(t, "Ready", s.Ready(t.Context()), tc.word)
		})
	}
}

// TestItemsFailAlone fails one put of a batch; the rest take effect, some by INSERT.
func TestItemsFailAlone(t *testing.T) {
	s := dynamostore.New(dynamotest.FaultyClient(t, func(op string, call int) dynamotest.Fault {
		switch {
		case op == "BatchExecuteStatement":
			return dynamotest.Fault{Unprocessed: 5, Code: "ThrottlingError"}
		case op == "PutItem" && call == 3:
			return notSent
		}
		return dynamotest.Fault{}
	}, dynamotest.Attempts(1)), newTestTable(t))
	var records []store.Record
	for i := range 8 {
		records = append(records, record(fmt.Sprint(i), 1))
	}
	failed := 0
	for i, got := range s.Put(t.Context(), records) {
		if got.Err != nil {
			failed++
			wantUnavailable(t, "Put", got.Err, "PutItem")
			wantNothing(t, s, records[i].ModifiedValue)
			continue
		}
		wantRecord(t, s, records[i])
	}
	if failed != 1 {
		t.Errorf("%d records failed, want 1", failed)
	}
}

func TestUnprocessedKeysAreDrained(t *testing.T) {
	var calls atomic.Int32
	s := dynamostore.New(dynamotest.FaultyClient(t, func(op string, call int) dynamotest.Fault {
		if op != "BatchGetItem" {
			return dynamotest.Fault{}
		}
		calls.Add(1)
		return []dynamotest.Fault{{Unprocessed: 1000}, {Unprocessed: 90}, {}, {Unprocessed: 1}}[call%4]
	}), newTestTable(t))
	var records []store.Record
	var keys []string
	for i := range 250 {
		records, keys = append(records, record(fmt.Sprint(i), int64(i))), append(keys, fmt.Sprint(i))
	}
	for _, got := range s.Put(t.Context(), records[:240]) {
		if got.Err != nil {
			t.Fatal(got.Err)
		}
	}
	for i, got := range s.Get(t.Context(), keys) {
		switch {
		case i >= 240 && errors.Is(got.Err, store.ErrNotFound):
		case i >= 240 || got.Err != nil || !cmp.Equal(records[i], got.Record):
			t.Fatalf("Get of key %d: %v, or another record", i, got.Err)
		}
	}
	if got := calls.Load(); got <= 3 {
		t.Errorf("%d requests for 250 keys: none was left unprocessed", got)
	}
}

// TestContextEnds ends the context while a request is under way.
func TestContextEnds(t *testing.T) {
	table := newTestTable(t)
	for name, run := range map[string]func(ctx context.Context, s store.Store) error{
		"Put": func(ctx context.Context, s store.Store) error {
			return s.Put(ctx, []store.Record{record("k", 1)})[0].Err
		},
		"Put of many": func(ctx context.Context, s store.Store) error { return s.Put(ctx, several(2, "k", 1))[1].Err },
		"Get":         func(ctx context.Context, s store.Store) error { return s.Get(ctx, []string{"k"})[0].Err },
		"Get of many": func(ctx context.Context, s store.Store) error { return s.Get(ctx, []string{"k", "l"})[1].Err },
		"Erase":       func(ctx context.Context, s store.Store) error { return s.Erase(ctx, []string{"k"}, at(1))[0].Err },
		"Ready":       func(ctx context.Context, s store.Store) error { return s.Ready(ctx) },
	} {
		for fault, end := range map[string]dynamotest.Fault{"lost": lost, "throttled": dynamotest.Throttled, "unprocessed": {Unprocessed: 1000}} {
			if end.Unprocessed > 0 && name != "Get of many" {
				continue
			}
			ctx, cancel := context.WithCancel(t.Context())
			s := dynamostore.New(dynamotest.FaultyClient(t, func(_ string, call int) dynamotest.Fault {
				if call == 2 {
					cancel()
				}
				return end
			}), table)
			if err := run(ctx, s); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s, canceled after %s: %v, want the context's error", name, fault, err)
			}
			cancel()
		}
	}
}

// TestClientTimeoutIsNoContextError has the client itself run out of time while the
// caller's context goes on.
func TestClientTimeoutIsNoContextError(t *testing.T) {
	late := dynamotest.Fault{Err: context.DeadlineExceeded}
	s := newFaultyStore(t, "GetItem", late, late, late)
	err := s.Get(t.Context(), []string{"k"})[0].Err
	wantUnavailable(t, "Get", err, "GetItem")
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get: %v, which is not the context's error", err)
	}
}

// TestLinearizableWithLostReplies loses one request of eight, before the engine has it
// or after. With the SDK's own retries a put may happen twice, so there are none here.
func TestLinearizableWithLostReplies(t *testing.T) {
	for seed := range uint64(3) {
		var calls atomic.Int32
		s := crowded{dynamostore.New(dynamotest.FaultyClient(t, func(string, int) dynamotest.Fault {
			n := calls.Add(1)
			if n%8 != 0 {
				return dynamotest.Fault{}
			}
			return []dynamotest.Fault{lost, notSent, dynamotest.Throttled}[n/8%3]
		}, dynamotest.Attempts(1)), newTestTable(t))}
		unknown, err := storetest.Linearizable(t.Context(), s, seed)
		if err != nil || unknown == 0 {
			t.Errorf("seed %d, %d failed: %v", seed, unknown, err)
		}
	}
}

// TestLinearizableThroughABadNetwork has requests arrive late as well, after a later one
// of the same caller perhaps.
func TestLinearizableThroughABadNetwork(t *testing.T) {
	for seed := range uint64(2) {
		client := dynamotest.ProxyClient(t, dynamotest.RandomTrouble(seed, 8), dynamotest.Attempts(1))
		unknown, err := storetest.Linearizable(t.Context(), crowded{dynamostore.New(client, newTestTable(t))}, seed)
		if err != nil || unknown == 0 {
			t.Errorf("seed %d, %d failed: %v", seed, unknown, err)
		}
	}
}
