package relay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

func TestSendStoresTheSamples(t *testing.T) {
	s := relaytest.New(t)
	lines := sampleLines(t, "pii_events.tsv")[:5]
	events := mustDecode(t, append(lines, sampleLines(t, "pii_events.jsonl")...)...)
	got, err := newTestRelay(t, s).Send(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	f := relay.Finished
	want := relay.Result{Outcomes: []relay.Outcome{f, f, f, f, f, f}, Pairs: 14, Merged: 2, Stored: 12}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(samplePairs(t), s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if s.Calls() != 1 {
		t.Errorf("%d calls for one batch", s.Calls())
	}
}

func TestSendNothing(t *testing.T) {
	s := relaytest.New(t)
	if _, err := newTestRelay(t, s).Send(t.Context(), []relay.Event{{}}); err != nil || s.Calls() != 0 {
		t.Errorf("err %v after %d calls", err, s.Calls())
	}
}

func TestSendKeepsToTheLimitsOfACall(t *testing.T) {
	var many, large []string
	for i := range 1001 {
		many = append(many, pairsLine(tstamp, fmt.Sprintf("m%d", i), ""))
	}
	for i := range 200 {
		large = append(large, pairsLine(tstamp, fmt.Sprintf("m%d", i), strings.Repeat("x", 32<<10)))
	}
	for name, tc := range map[string]struct {
		lines []string
		want  []int
	}{
		"500 pairs": {many, []int{500, 500, 1}},
		"3 MiB":     {large, []int{95, 95, 10}},
	} {
		t.Run(name, func(t *testing.T) {
			s := relaytest.New(t)
			if _, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, tc.lines...)); err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, call := range s.Sent() {
				got = append(got, len(call))
			}
			slices.SortFunc(got, func(a, b int) int { return b - a }) // they run side by side
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("sizes of the calls (-want +got):\n%s", diff)
			}
			if len(s.Originals()) != len(tc.lines) {
				t.Errorf("%d stored", len(s.Originals()))
			}
		})
	}
}

func TestSendMergesByTime(t *testing.T) {
	s := relaytest.New(t)
	events := mustDecode(t,
		pairsLine(at(2), "late", "newest", "tie", "first"),
		pairsLine(at(1), "late", "older"),
		pairsLine(at(2), "tie", "second"),
	)
	got, err := newTestRelay(t, s).Send(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if got.Merged != 2 || got.Stored != 2 {
		t.Errorf("merged %d, stored %d", got.Merged, got.Stored)
	}
	if diff := cmp.Diff(map[string]string{"late": "newest", "tie": "second"}, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func itemError(code twirp.ErrorCode) *piinguinv1.CreatePiiRecordResult {
	return &piinguinv1.CreatePiiRecordResult{Error: &piinguinv1.Error{Code: string(code), Reason: canary}}
}

func TestSendTellsItemsApart(t *testing.T) {
	for _, tc := range []struct {
		result *piinguinv1.CreatePiiRecordResult
		want   relay.Outcome
		code   twirp.ErrorCode
	}{
		{&piinguinv1.CreatePiiRecordResult{Superseded: true}, relay.Finished, ""},
		{&piinguinv1.CreatePiiRecordResult{Replaced: true}, relay.Finished, ""},
		{itemError(twirp.InvalidArgument), relay.Refused, ""},
		{itemError(twirp.Unavailable), relay.Unfinished, twirp.Unavailable},
		{itemError(twirp.PermissionDenied), relay.Unfinished, twirp.PermissionDenied},
		{itemError(twirp.FailedPrecondition), relay.Unfinished, twirp.FailedPrecondition},
		{itemError(canary), relay.Unfinished, twirp.Unknown},
		{itemError(""), relay.Unfinished, twirp.Unknown},
	} {
		s := relaytest.New(t)
		s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
			if r.ModifiedValue == "bad" {
				return tc.result
			}
			return nil
		})
		events := mustDecode(t, pairsLine(tstamp, "m1", canary), pairsLine(tstamp, "m2", "", "bad", canary), pairsLine(tstamp, "m3", ""))
		got, err := newTestRelay(t, s).Send(t.Context(), events)
		if diff := cmp.Diff([]relay.Outcome{relay.Finished, tc.want, relay.Finished}, got.Outcomes); diff != "" {
			t.Errorf("%v: outcomes (-want +got):\n%s", tc.result, diff)
		}
		wantFailure(t, got, err, tc.code)
		if len(s.Originals()) != 3 {
			t.Errorf("the others were not stored: %d of 3", len(s.Originals()))
		}
	}
}

// TestRefusedNewestDoesNotTakeTheOlderWithIt: what was merged away must be stored
// after all when the pair that stood for it is refused.
func TestRefusedNewestDoesNotTakeTheOlderWithIt(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
		if r.ObservedAt.AsTime().Second() == 9 {
			return itemError(twirp.InvalidArgument)
		}
		return nil
	})
	events := mustDecode(t,
		pairsLine(at(9), "m", "future"), pairsLine(at(2), "m", "two"), pairsLine(at(9), "m", "future"), pairsLine(at(1), "m", "one"))
	got, err := newTestRelay(t, s).Send(t.Context(), events)
	want := relay.Result{
		Outcomes: []relay.Outcome{relay.Refused, relay.Finished, relay.Refused, relay.Finished},
		Pairs:    4, Stored: 2, Refused: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, result (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(map[string]string{"m": "two"}, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if s.Calls() != 2 {
		t.Errorf("%d calls", s.Calls())
	}
}

func TestFailedNewestFailsTheOlder(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(func(*piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult { return itemError(twirp.Unavailable) })
	events := mustDecode(t, pairsLine(at(1), "m", "one"), pairsLine(at(2), "m", "two"))
	got, err := newTestRelay(t, s).Send(t.Context(), events)
	want := relay.Result{Outcomes: []relay.Outcome{relay.Unfinished, relay.Unfinished}, Pairs: 2, Failed: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantFailure(t, got, err, twirp.Unavailable)
}

// TestSendFailsAsAWhole: no failure of a call makes a record refused, and none
// quotes what a server or a proxy said.
func TestSendFailsAsAWhole(t *testing.T) {
	type fault struct {
		name string
		do   relaytest.OnCall
		want twirp.ErrorCode
	}
	faults := []fault{
		{"no token", func(_ int, w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.Header.Del("Authorization")
			next.ServeHTTP(w, r)
		}, twirp.Unauthenticated},
		{"cut", relaytest.Cut, twirp.Unavailable},
		{"dropped", relaytest.Drop, twirp.Unavailable},
		{"code unknown to Twirp", relaytest.Fail(canary, canary), twirp.Internal},
		{"proxy 500", relaytest.Status(500, canary), twirp.Unknown},
		{"proxy 502", relaytest.Status(502, canary), twirp.Unavailable},
		{"proxy 413", relaytest.Status(413, canary), twirp.Unknown},
		{"redirect", relaytest.Status(302, canary), twirp.Internal},
		{"another server", relaytest.Status(404, canary), twirp.BadRoute},
		{"not protobuf", relaytest.Status(200, canary), twirp.Internal},
		{"no results", relaytest.Status(200, ""), twirp.Internal},
		{"a result too few", relaytest.Results(1), ""},
		{"a result too many", relaytest.Results(3), ""},
	}
	for _, code := range []twirp.ErrorCode{
		twirp.Canceled, twirp.Unknown, twirp.InvalidArgument, twirp.Malformed, twirp.DeadlineExceeded, twirp.NotFound,
		twirp.BadRoute, twirp.AlreadyExists, twirp.PermissionDenied, twirp.Unauthenticated, twirp.ResourceExhausted,
		twirp.FailedPrecondition, twirp.Aborted, twirp.OutOfRange, twirp.Unimplemented, twirp.Internal,
		twirp.Unavailable, twirp.DataLoss,
	} {
		faults = append(faults, fault{string(code), relaytest.Fail(code, canary), code})
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			s := relaytest.New(t)
			s.OnCall(relaytest.First(1, f.do))
			r := newTestRelay(t, s)
			events := mustDecode(t, pairsLine(tstamp, "m1", canary), pairsLine(tstamp, "m2", canary))
			got, err := r.Send(t.Context(), events)
			want := relay.Result{Outcomes: []relay.Outcome{relay.Unfinished, relay.Unfinished}, Pairs: 2, Failed: 2}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			wantFailure(t, got, err, f.want)
			if s.Calls() != 1 {
				t.Errorf("%d calls", s.Calls())
			}
			if got, err := r.Send(t.Context(), events); err != nil || got.Stored != 2 {
				t.Errorf("the retry stored %d: %v", got.Stored, err)
			}
		})
	}
}

// miscounting answers so many results, as rpc/client does not let a server do.
type miscounting struct {
	piinguinv1.Piinguin
	results int
}

func (m miscounting) CreatePiiRecords(context.Context, *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	return &piinguinv1.CreatePiiRecordsResponse{Results: make([]*piinguinv1.CreatePiiRecordResult, m.results)}, nil
}

// TestSendWithAnyClient: results that do not fit the pairs say nothing of any pair, whatever
// client lets them through.
func TestSendWithAnyClient(t *testing.T) {
	for _, results := range []int{0, 1, 3} {
		events := mustDecode(t, pairsLine(tstamp, "m1", canary), pairsLine(tstamp, "m2", canary))
		got, err := relay.New(miscounting{results: results}).Send(t.Context(), events)
		if got.Failed != 2 {
			t.Errorf("%d results: %+v", results, got)
		}
		wantFailure(t, got, err, twirp.Internal)
	}
}

func TestSendStopsAfterACallThatFailed(t *testing.T) {
	var lines []string
	for i := range 8000 { // 16 calls
		lines = append(lines, pairsLine(tstamp, fmt.Sprintf("m%d", i), ""))
	}
	s := relaytest.New(t)
	s.OnCall(func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n == 2 {
			next = http.NotFoundHandler()
		}
		next.ServeHTTP(w, r)
	})
	got, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, lines...))
	wantFailure(t, got, err, twirp.BadRoute)
	if got.Failed < 500 || got.Stored+got.Failed != 8000 || s.Calls() > 12 {
		t.Errorf("stored %d, failed %d in %d calls", got.Stored, got.Failed, s.Calls())
	}
	originals := s.Originals()
	for i, outcome := range got.Outcomes {
		if _, there := originals[fmt.Sprintf("m%d", i)]; there != (outcome == relay.Finished) {
			t.Fatalf("event %d is stored: %t, and its outcome is %d", i, there, outcome)
		}
	}
}

func TestTransportFailures(t *testing.T) {
	release := make(chan struct{})
	blocked := relaytest.New(t)
	blocked.OnCall(func(int, http.ResponseWriter, *http.Request, http.Handler) { <-release })
	defer close(release)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	unresolved := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: canary, Name: canary, IsTimeout: true}
		},
	}}
	for name, tc := range map[string]struct {
		cfg  client.Config
		want string
	}{
		"timeout":   {client.Config{Host: blocked.URL, Timeout: time.Millisecond}, "relay: the server did not answer in time (deadline_exceeded)"},
		"refused":   {client.Config{Host: closed.URL}, "relay: nothing listens at the server's address (unavailable)"},
		"untrusted": {client.Config{Host: untrusted.URL}, "relay: the server's certificate is not trusted (unavailable)"},
		"no name":   {client.Config{HTTPClient: unresolved}, "relay: the server's name could not be looked up (unavailable)"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newTestRelayAt(t, tc.cfg).Send(t.Context(), mustDecode(t, pairsLine(tstamp, "m", canary)))
			if err == nil || err.Error() != tc.want || got.Failed != 1 {
				t.Errorf("failed %d: %v, want %s", got.Failed, err, tc.want)
			}
		})
	}
}

// wantFailure checks that an error stands exactly beside failed pairs, has the
// code, and quotes nothing.
func wantFailure(t *testing.T, got relay.Result, err error, code twirp.ErrorCode) {
	t.Helper()
	wantNoCanary(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err))
	var f *relay.Failure
	switch {
	case (err != nil) != (got.Failed > 0):
		t.Errorf("%d pairs failed beside the error %v", got.Failed, err)
	case code != "" && (!errors.As(err, &f) || f.Code != code):
		t.Errorf("error %v, want the code %s", err, code)
	case errors.Unwrap(err) != nil:
		t.Error("the failure wraps an error that may quote data")
	}
}
