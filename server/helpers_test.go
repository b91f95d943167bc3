package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

const canary = "CANARY-original-0815"

var errEngine = errors.New("engine: " + canary)

// tester is what a *testing.T and a *rapid.T have in common.
type tester interface {
	Helper()
	Context() context.Context
	Cleanup(f func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// testServer is a server, and everything that can be seen of it.
type testServer struct {
	address string
	log     *lockedBuffer // access log and net/http's
	answers *lockedBuffer // every byte of every answer
	http    *http.Client
}

// memServer is a server over stores in memory.
type memServer struct {
	testServer
	records *faultyStore
	ledger  *audit.Mem
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newMemServer starts a server whose ledger fails as faults say; nil is never. change
// may change its configuration.
func newMemServer(t *testing.T, faults func(op string, n int) audittest.Fault, change ...func(*server.Config)) *memServer {
	t.Helper()
	v := &memServer{records: &faultyStore{Mem: store.NewMem()}, ledger: audit.NewMem()}
	c := audit.Config{Store: v.ledger, AppendTimeout: time.Minute} // that nothing but a hanging fault misses
	if faults != nil {
		c.Store, c.AppendTimeout = audittest.NewFaulty(v.ledger, faults), 100*time.Millisecond
	}
	v.testServer, _ = newTestServer(t, v.records, c, change...)
	return v
}

// newTestServer starts a server over records and a ledger. Its end, which the test's end brings
// about if nothing else does before, leaves what the ledger has not written.
func newTestServer(t tester, records store.Store, c audit.Config, changes ...func(*server.Config)) (f testServer, end func()) {
	t.Helper()
	f = testServer{log: &lockedBuffer{}, answers: &lockedBuffer{}}
	c.Key, c.Name = newTestKey(t), ledgerName
	ledger, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	config := server.Config{
		Ledger: ledger, Store: records, Callers: identity.DevTokens(), Policy: policy.NewBuiltin(), Log: zerolog.New(f.log), Now: c.Now,
	}
	for _, change := range changes {
		change(&config)
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(s.Handler())
	h.Config.ErrorLog = newLogger(f.log)
	h.Start()
	f.address, f.http = h.URL, &http.Client{Transport: recording{f.answers}}
	end = sync.OnceFunc(func() {
		h.Close()
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel() // it may never close in peace
		_ = ledger.Close(ctx)
		if strings.Contains(f.log.String(), "CANARY") {
			t.Errorf("the log holds an original value:\n%s", f.log)
		}
	})
	t.Cleanup(end)
	return f, end
}

// ledgerName is the name of the tests' ledgers.
const ledgerName = "ledger.test/pii"

// openCommits is how many pages a new ledger with one log begins with: the OPEN of the spine, the
// log's own, and the CHECKPOINT that lists it.
const openCommits = 3

// newTestKey returns the same key each time.
func newTestKey(t tester) audit.Key {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// recording keeps every byte that a server answers.
type recording struct{ to io.Writer }

func (r recording) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(res.Body, r.to), res.Body}
	}
	return res, err
}

// faultyStore is a store that fails as it is told.
type faultyStore struct {
	*store.Mem
	mu  sync.Mutex
	err error  // of every item
	do  func() // before a Get
}

func (f *faultyStore) fail(err error, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.do = err, do
}

func (f *faultyStore) fault() (do func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.do, f.err
}

func (f *faultyStore) Get(ctx context.Context, keys []string) []store.GetResult {
	do, err := f.fault()
	if do != nil {
		do()
	}
	results := f.Mem.Get(ctx, keys)
	for i := range results {
		if err != nil {
			results[i].Err = err // with the record beside it, as a careless store might
		}
	}
	return results
}

func (f *faultyStore) Put(ctx context.Context, records []store.Record) []store.PutResult {
	results := f.Mem.Put(ctx, records)
	for i := range results {
		if _, err := f.fault(); err != nil {
			results[i] = store.PutResult{Err: err}
		}
	}
	return results
}

func (f *faultyStore) Erase(ctx context.Context, keys []string, at time.Time) []store.EraseResult {
	results := f.Mem.Erase(ctx, keys, at)
	for i := range results {
		if _, err := f.fault(); err != nil {
			results[i] = store.EraseResult{Err: err}
		}
	}
	return results
}

func (f *faultyStore) Ready(context.Context) error {
	_, err := f.fault()
	return err
}

func (f *testServer) as(t tester, role string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Host: f.address, Token: client.Token("dev-" + role), HTTPClient: f.http, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// put stores originals behind the server's back.
func (v *memServer) put(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		r := v.records.Mem.Put(t.Context(), []store.Record{{
			ModifiedValue: key, Original: store.NewOriginal(canary), ObservedAt: time.Now(),
		}})
		if r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
}

// entries returns all entries of its one log but OPEN, oldest first, of a ledger that is whole.
func (v *memServer) entries(t *testing.T) []audit.Entry {
	t.Helper()
	r, err := audit.Verify(t.Context(), v.ledger, audit.VerifyOptions{})
	if err != nil || len(r.Findings) > 0 {
		t.Fatalf("Verify: %v %v", r.Findings, err)
	}
	var all []audit.Entry
	for p, err := range v.ledger.Pages(t.Context(), 1, 0) {
		if err != nil {
			t.Fatal(err)
		}
		entries, err := p.Entries()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all[1:]
}

// outcomes returns the entries as "READ GRANTED a" and the like.
func (v *memServer) outcomes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, e := range v.entries(t) {
		all = append(all, strings.TrimSpace(strings.Join([]string{string(e.Operation), string(e.Outcome), e.Reason, e.ModifiedValue}, " ")))
	}
	return all
}

func readRequest(key string) *piinguinv1.ReadPiiRecordRequest {
	return &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: key, ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
		Purpose: "test", Reference: "T-1", OnBehalfOf: "somebody",
	}
}

func readsRequest(keys ...string) *piinguinv1.ReadPiiRecordsRequest {
	return &piinguinv1.ReadPiiRecordsRequest{
		ModifiedValues: keys, ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
	}
}

func createRequest(key string) *piinguinv1.CreatePiiRecordRequest {
	return &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: key, OriginalValue: canary}}
}

// wantFailure holds an error against its code and reason, and its text against
// what no text may hold.
func wantFailure(t *testing.T, what string, err error, code twirp.ErrorCode, reason string) {
	t.Helper()
	var te twirp.Error
	if !errors.As(err, &te) || te.Code() != code || te.Meta("reason") != reason {
		t.Errorf("%s: %v, want %s %s", what, err, code, reason)
		return
	}
	if te.Meta("cause") != "" || strings.Contains(te.Error(), "CANARY") {
		t.Errorf("%s: the error tells too much: %v %v", what, te, te.MetaMap())
	}
}

// wantArgument holds that a failure names a field by its path.
func wantArgument(t *testing.T, err error, argument string) {
	t.Helper()
	var te twirp.Error
	if !errors.As(err, &te) || te.Meta(piinguinv1.MetaArgument) != argument || !strings.HasPrefix(te.Msg(), argument+" ") {
		t.Errorf("%v names another field than %s", err, argument)
	}
}

// canaryAt is a record of the canary that was seen at a time.
func canaryAt(key string, at time.Time) *piinguinv1.PiiRecord {
	return &piinguinv1.PiiRecord{ModifiedValue: key, OriginalValue: canary, ObservedAt: timestamppb.New(at)}
}

// eventually waits for what the server does after its answer, far longer than it takes.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come about", what)
		}
	}
}
