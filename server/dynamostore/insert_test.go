package dynamostore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/dynamotest"
	"github.com/piinguin/piinguin/server/dynamostore"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

// crowded is a Store where no put is alone, so that all are tried by INSERT.
type crowded struct{ *dynamostore.Store }

func (c crowded) Put(ctx context.Context, records []store.Record) []store.PutResult {
	if len(records) == 0 || len(records) == store.MaxBatch {
		return c.Store.Put(ctx, records)
	}
	return c.Store.Put(ctx, append(records[:len(records):len(records)], record("beside-"+rand.Text(), 1)))[:len(records)]
}

// alternating has each call made by another of two servers.
type alternating struct {
	stores [2]store.Store
	calls  *atomic.Int32
}

func (a alternating) next() store.Store { return a.stores[a.calls.Add(1)%2] }

func (a alternating) Put(ctx context.Context, records []store.Record) []store.PutResult {
	return a.next().Put(ctx, records)
}

func (a alternating) Get(ctx context.Context, keys []string) []store.GetResult {
	return a.next().Get(ctx, keys)
}

func (a alternating) Erase(ctx context.Context, keys []string, at time.Time) []store.EraseResult {
	return a.next().Erase(ctx, keys, at)
}

func (a alternating) Ready(ctx context.Context) error { return a.next().Ready(ctx) }

// TestConformanceByInsert is the suite where every put is tried by INSERT first.
func TestConformanceByInsert(t *testing.T) {
	client, table := dynamotest.Client(t), newTestTable(t)
	storetest.Run(t, func(*testing.T) store.Store { return crowded{dynamostore.New(client, table)} })
}

func TestLinearizableByTwoServers(t *testing.T) {
	for seed := range uint64(3) {
		client, table := dynamotest.Client(t), newTestTable(t)
		s := alternating{[2]store.Store{crowded{dynamostore.New(client, table)}, crowded{dynamostore.New(client, table)}}, &atomic.Int32{}}
		if _, err := storetest.Linearizable(t.Context(), s, seed); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// counted is a Store, and counts its requests by operation. Those of one operation go wrong.
func counted(t *testing.T, op string, faults ...dynamotest.Fault) (s *dynamostore.Store, requests func(op string) int32) {
	t.Helper()
	counts := map[string]*atomic.Int32{"PutItem": {}, "BatchExecuteStatement": {}}
	client := dynamotest.FaultyClient(t, func(o string, call int) dynamotest.Fault {
		if n, ok := counts[o]; ok {
			n.Add(1)
		}
		if o == op && len(faults) > 0 {
			return faults[min(call, len(faults))-1] // the last stays
		}
		return dynamotest.Fault{}
	})
	return dynamostore.New(client, newTestTable(t)), func(op string) int32 { return counts[op].Load() }
}

func several(n int, prefix string, seconds int64) (records []store.Record) {
	for i := range n {
		records = append(records, record(fmt.Sprint(prefix, i), seconds))
	}
	return records
}

func wantPuts(t *testing.T, s store.Store, records []store.Record, want ...store.PutOutcome) {
	t.Helper()
	for i, got := range s.Put(t.Context(), records) {
		if want := want[i%len(want)]; got.Err != nil || got.Outcome != want {
			t.Fatalf("Put of record %d = %v, %v; want %v", i, got.Outcome, got.Err, want)
		}
	}
}

func TestNewRecordsShareRequests(t *testing.T) {
	s, requests := counted(t, "")
	records := several(60, "a", 5)
	wantPuts(t, s, records, store.Stored)
	if puts, batches := requests("PutItem"), requests("BatchExecuteStatement"); puts != 0 || batches != 3 {
		t.Errorf("60 new records took %d PutItems and %d batches, want 0 and 3", puts, batches)
	}
	for _, r := range records[:3] {
		wantRecord(t, s, r)
	}
	wantErase(t, s, "a0", 6, true)
	wantPuts(t, s, several(2, "a", 6), store.Superseded, store.Replaced)
	wantNothing(t, s, "a0")
	wantPuts(t, s, several(2, "a", 7), store.Stored, store.Replaced)

	// The records of one key take effect in their order, the first perhaps by INSERT.
	wantPuts(t, s, []store.Record{record("k", 2), record("l", 1), record("k", 1), record("k", 3), record("l", 2)},
		store.Stored, store.Stored, store.Superseded, store.Replaced, store.Replaced)
	wantRecord(t, s, record("k", 3))
	wantPut(t, s, record("alone", 1), store.Stored)
}

// TestPutsOfOneMoment has callers of one record each, some of the same key.
func TestPutsOfOneMoment(t *testing.T) {
	s, requests := counted(t, "")
	type put struct {
		record store.Record
		result store.PutResult
	}
	done := make(chan put)
	for i := range 200 {
		go func() {
			r := record(fmt.Sprint(i/2), int64(i%2))
			done <- put{r, s.Put(t.Context(), []store.Record{r})[0]}
		}()
	}
	stored := map[string]int{}
	for range 200 {
		p := <-done
		if p.result.Err != nil {
			t.Fatal(p.result.Err)
		}
		if p.result.Outcome == store.Stored {
			stored[p.record.ModifiedValue]++
		}
	}
	for i := range 100 {
		wantRecord(t, s, record(fmt.Sprint(i), 1))
		if n := stored[fmt.Sprint(i)]; n != 1 {
			t.Errorf("%d puts of key %d say Stored", n, i)
		}
	}
	if n := requests("BatchExecuteStatement"); n == 0 || n > 100 {
		t.Errorf("%d batches for 200 puts of one moment", n)
	}
}

// TestInsertLosesReplies is TestPutLosesReplies for INSERT.
func TestInsertLosesReplies(t *testing.T) {
	statements := func(n int, code string, apply bool) dynamotest.Fault {
		return dynamotest.Fault{Unprocessed: n, Code: code, Message: canary, Apply: apply}
	}
	for name, tc := range map[string]struct {
		faults []dynamotest.Fault
		want   []store.PutOutcome
	}{
		"the SDK finds its own records":   {[]dynamotest.Fault{lost}, []store.PutOutcome{store.Replaced}},
		"sent at last":                    {[]dynamotest.Fault{notSent, dynamotest.Throttled}, []store.PutOutcome{store.Stored}},
		"throttled":                       {[]dynamotest.Fault{dynamotest.Throttled, dynamotest.Throttled, dynamotest.Throttled}, []store.PutOutcome{store.Stored}},
		"some throttled":                  {[]dynamotest.Fault{statements(1, "ThrottlingError", false)}, []store.PutOutcome{store.Stored}},
		"some failed, yet stored":         {[]dynamotest.Fault{statements(1, "InternalServerError", true)}, []store.PutOutcome{store.Stored, store.Replaced}},
		"some without an answer":          {[]dynamotest.Fault{statements(1, "", false)}, []store.PutOutcome{store.Stored}},
		"some without an answer, stored":  {[]dynamotest.Fault{statements(1, "", true)}, []store.PutOutcome{store.Stored, store.Replaced}},
		"all without an answer, not done": {[]dynamotest.Fault{statements(9, "", false)}, []store.PutOutcome{store.Stored}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := counted(t, "BatchExecuteStatement", append(tc.faults, dynamotest.Fault{})...)
			wantPuts(t, s, several(2, "k", 1), tc.want...)
			wantRecord(t, s, record("k0", 1))
			wantRecord(t, s, record("k1", 1))
		})
	}
	s, requests := counted(t, "BatchExecuteStatement", lost)
	for _, got := range s.Put(t.Context(), several(2, "k", 1)) {
		wantUnavailable(t, "Put", got.Err, "BatchExecuteStatement")
	}
	if n := requests("PutItem"); n > 0 {
		t.Errorf("%d PutItems after a call whose outcome is not known", n)
	}
	wantRecord(t, s, record("k0", 1))
}

// overtaken is a client whose INSERTs lose their replies, and another server puts meanwhile.
type overtaken struct {
	*dynamodb.Client
	other func()
}

func (c overtaken) BatchExecuteStatement(ctx context.Context, in *dynamodb.BatchExecuteStatementInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchExecuteStatementOutput, error) {
	if _, err := c.Client.BatchExecuteStatement(ctx, in, o...); err != nil {
		return nil, err
	}
	c.other()
	return nil, errors.New("connection reset")
}

// TestALostInsertUndoesNothing: of two values of one instant the later stays, so a put must not take effect twice.
func TestALostInsertUndoesNothing(t *testing.T) {
	client, table := dynamotest.Client(t), newTestTable(t)
	later := record("k0", 1)
	later.Original = store.NewOriginal("later")
	s := dynamostore.New(overtaken{client, func() { wantPut(t, dynamostore.New(client, table), later, store.Replaced) }}, table)
	for _, got := range s.Put(t.Context(), several(2, "k", 1)) {
		wantUnavailable(t, "Put", got.Err, "BatchExecuteStatement")
	}
	wantRecord(t, s, later)
}

// TestInsertIsNotAllowed: a server whose role lacks the right puts by PutItem, and does not ask again each time.
func TestInsertIsNotAllowed(t *testing.T) {
	for name, fault := range map[string]dynamotest.Fault{
		"the call":       {Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: canary},
		"each statement": {Unprocessed: 1000, Code: "AccessDenied", Message: canary},
		"unknown":        {Status: http.StatusBadRequest, Code: "UnknownOperationException"},
	} {
		s, requests := counted(t, "BatchExecuteStatement", fault)
		for i := range 5 {
			wantPuts(t, s, several(20, fmt.Sprint(i, "-"), 1), store.Stored)
		}
		if puts, batches := requests("PutItem"), requests("BatchExecuteStatement"); puts != 100 || batches != 1 {
			t.Errorf("%s: 100 records took %d PutItems and %d batches, want 100 and 1", name, puts, batches)
		}
	}
}

// TestRepeatsAreNotInserted: where pairs repeat the budget ends, and no INSERT is charged beside the PutItems.
func TestRepeatsAreNotInserted(t *testing.T) {
	s, requests := counted(t, "")
	records := several(store.MaxBatch, "k", 1)
	wantPuts(t, s, records, store.Stored)
	for range 4 {
		wantPuts(t, s, records, store.Replaced)
	}
	before := requests("BatchExecuteStatement")
	wantPuts(t, s, records, store.Replaced)
	if n := requests("BatchExecuteStatement"); n != before || n > 100 {
		t.Errorf("%d batches of INSERT after %d", n, before)
	}
}

// TestRightToInsert: the look for rights tells both kinds of refusal, and writes nothing.
func TestRightToInsert(t *testing.T) {
	for want, fault := range map[string]dynamotest.Fault{
		"":      {},
		"call":  {Status: http.StatusBadRequest, Code: "AccessDeniedException", Message: canary},
		"batch": {Unprocessed: 1, Code: "AccessDenied", Message: canary},
	} {
		s, _ := counted(t, "BatchExecuteStatement", fault)
		var missing []string
		for _, r := range awsx.Missing(t.Context(), s.Rights()) {
			missing = append(missing, r.Action)
		}
		if diff := cmp.Diff(map[bool][]string{true: nil, false: {"dynamodb:PartiQLInsert"}}[want == ""], missing); diff != "" {
			t.Errorf("%s: missing rights (-want +got):\n%s", want, diff)
		}
		wantNothing(t, s, "ready")
	}
}

// TestPutEndsWithItsContext has a batch begin after its end.
func TestPutEndsWithItsContext(t *testing.T) {
	s, requests := counted(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, got := range s.Put(ctx, several(3, "k", 1)) {
		if !errors.Is(got.Err, context.Canceled) || errors.Is(got.Err, store.ErrUnavailable) {
			t.Errorf("Put: %v, want the context's error", got.Err)
		}
	}
	if n := requests("BatchExecuteStatement") + requests("PutItem"); n > 0 {
		t.Errorf("%d requests for nobody", n)
	}
}
