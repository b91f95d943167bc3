package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

var errInput = errors.New("the input failed")

var why = &piinguinv1.ReadPiiRecordsRequest{ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT}

// source is an input that counts what was taken of it.
type source[T any] struct {
	items []T
	fail  bool // with an error behind the items
	taken int
}

func (s *source[T]) all(yield func(T, error) bool) {
	for _, item := range s.items {
		s.taken++
		if !yield(item, nil) {
			return
		}
	}
	if s.fail {
		var none T
		yield(none, errInput)
	}
}

// record is the nth of a stream, which its original value tells.
func record(value string, n int) *piinguinv1.PiiRecord {
	return &piinguinv1.PiiRecord{ModifiedValue: value, OriginalValue: strconv.Itoa(n)}
}

func records(n int) *source[*piinguinv1.PiiRecord] {
	s := &source[*piinguinv1.PiiRecord]{}
	for i := range n {
		s.items = append(s.items, record("v"+strconv.Itoa(i), i))
	}
	return s
}

func values(n int) *source[string] {
	s := &source[string]{}
	for i := range n {
		s.items = append(s.items, strconv.Itoa(i))
	}
	return s
}

// answers turns what a stream yields into words: the item that a result belongs to, or
// the code of its error and the reason.
func answers[Out interface {
	GetReceipt() *piinguinv1.AuditReceipt
}](stream iter.Seq2[Out, error]) []string {
	var all []string
	for out, err := range stream {
		all = append(all, answer(out.GetReceipt(), err))
	}
	return all
}

func answer(receipt *piinguinv1.AuditReceipt, err error) string {
	var failure twirp.Error
	switch {
	case err == nil:
		return receipt.GetLog()
	case receipt != nil:
		return "a result beside an error"
	case errors.Is(err, errInput):
		return "input"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &failure):
		return strings.TrimSpace(string(failure.Code()) + " " + failure.Meta("reason"))
	}
	return err.Error()
}

// numbers is what answers makes of n results.
func numbers(n int) []string { return values(n).items }

func wantAnswers(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d answers, want %d (-want +got):\n%s", len(got), len(want), diff)
	}
}

func newTestVault(t *testing.T) (*vault, *client.Client) {
	t.Helper()
	v, url, end := newVault()
	t.Cleanup(end)
	return v, newTestClient(t, client.Config{Host: url, Attempts: 1, Timeout: time.Hour})
}

func TestStreamsDoWhatCallsDo(t *testing.T) {
	_, c := newTestVault(t)
	const n = 1201
	wantAnswers(t, numbers(n), answers(c.CreateStream(t.Context(), records(n).all)))
	in := &source[string]{}
	var want []string
	for i := range n {
		in.items = append(in.items, "v"+strconv.Itoa(i))
		want = append(want, in.items[i])
	}
	in.items, want = append(in.items, "unknown"), append(want, "not_found not_found")
	i := 0
	for out, err := range c.ReadStream(t.Context(), why, in.all) {
		if got := answer(out.GetReceipt(), err); got != want[i] || err == nil && out.GetPiiRecord().GetOriginalValue() != strconv.Itoa(i) {
			t.Fatalf("read %d: %s", i, got)
		}
		i++
	}
	want[n] = "unknown" // which is no failure to erase
	wantAnswers(t, want, answers(c.DeleteStream(t.Context(), in.all)))
	for _, err := range c.ReadStream(t.Context(), why, in.all) {
		_ = wantCode(t, err, twirp.NotFound)
	}
}

// Four calls are answered from the last to the first.
func TestStreamKeepsTheOrder(t *testing.T) {
	v, c := newTestVault(t)
	var answered [5]chan struct{}
	for i := range answered {
		answered[i] = make(chan struct{})
	}
	close(answered[4])
	v.onCall = func(_ string, items []string) error {
		first, err := strconv.Atoi(items[0])
		<-answered[first/500+1]
		close(answered[first/500])
		return err
	}
	wantAnswers(t, numbers(2000), answers(c.CreateStream(t.Context(), records(2000).all)))
}

func TestStreamIsBounded(t *testing.T) {
	v, c := newTestVault(t)
	var inFlight, most atomic.Int32
	var four sync.WaitGroup // the first four calls wait for each other
	four.Add(4)
	var calls atomic.Int32
	v.onCall = func(string, []string) error {
		most.Store(max(most.Load(), inFlight.Add(1)))
		defer inFlight.Add(-1)
		if calls.Add(1) <= 4 {
			four.Done()
		}
		four.Wait()
		return nil
	}
	in := records(5000)
	read := 0
	for range c.CreateStream(t.Context(), in.all) {
		if ahead := in.taken - read; ahead > 4*500 {
			t.Fatalf("%d taken before %d was read", in.taken, read)
		}
		read++
	}
	if n := most.Load(); n != 4 {
		t.Errorf("%d calls at once", n)
	}
}

func TestItemErrorsAreErrors(t *testing.T) {
	v, c := newTestVault(t)
	v.onItem = func(item string) *piinguinv1.Error {
		switch item {
		case "3":
			return refusal(twirp.ResourceExhausted, "too_many_requests")
		case "4":
			return refusal("code_of_tomorrow", "news")
		case "5":
			return &piinguinv1.Error{}
		}
		return nil
	}
	want := numbers(600)
	want[3], want[4], want[5] = "resource_exhausted too_many_requests", "unknown news", "unknown"
	wantAnswers(t, want, answers(c.CreateStream(t.Context(), records(600).all)))
	wantAnswers(t, want, answers(c.DeleteStream(t.Context(), values(600).all)))
}

// An item that cannot be encoded would take the other 499 of its call with it.
func TestUnsendableItemFailsAlone(t *testing.T) {
	_, c := newTestVault(t)
	in := records(5)
	in.items[2] = &piinguinv1.PiiRecord{ModifiedValue: "m", Source: &piinguinv1.Source{Schema: "\xff"}}
	in.items[3] = nil
	want := numbers(5)
	want[2], want[3] = "invalid_argument pii_record_not_utf8", "invalid_argument modified_value_required"
	wantAnswers(t, want, answers(c.CreateStream(t.Context(), in.all)))

	keys := values(5)
	keys.items[4] = "\xff"
	want = numbers(5)
	want[4] = "invalid_argument modified_value_not_utf8"
	wantAnswers(t, want, answers(c.DeleteStream(t.Context(), keys.all)))
}

// A call that fails is the failure of its items alone.
func TestStreamGoesOnAfterAFailure(t *testing.T) {
	v, c := newTestVault(t)
	v.onCall = func(_ string, items []string) error {
		if items[0] == "500" {
			return twirp.Unavailable.Error("fixed").WithMeta("reason", "store_unavailable")
		}
		return nil
	}
	want := numbers(1100)
	for i := 500; i < 1000; i++ {
		want[i] = "unavailable store_unavailable"
	}
	wantAnswers(t, want, answers(c.CreateStream(t.Context(), records(1100).all)))
}

func TestStreamIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{}
		failed := map[string]bool{}
		var mu sync.Mutex
		v.onCall = func(_ string, items []string) error {
			mu.Lock()
			defer mu.Unlock()
			if !failed[items[0]] {
				failed[items[0]] = true
				return twirp.Unavailable.Error("fixed")
			}
			return nil
		}
		cfg := v.config()
		cfg.Attempts = 2
		wantAnswers(t, numbers(1100), answers(newTestClient(t, cfg).CreateStream(t.Context(), records(1100).all)))
	})
}

func TestInputErrorEndsTheStream(t *testing.T) {
	_, c := newTestVault(t)
	for _, n := range []int{0, 3, 500, 2700} {
		in := records(n)
		in.fail = true
		wantAnswers(t, append(numbers(n), "input"), answers(c.CreateStream(t.Context(), in.all)))
	}
}

// miscounting is a server that answers one result for whatever it is asked.
type miscounting struct{ vault }

func (m *miscounting) CreatePiiRecords(context.Context, *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	return &piinguinv1.CreatePiiRecordsResponse{Results: []*piinguinv1.CreatePiiRecordResult{{}}}, nil
}

func TestMiscountedAnswer(t *testing.T) {
	srv := newTestServer(t, piinguinv1.NewPiinguinServer(&miscounting{}).ServeHTTP)
	c := newTestClient(t, client.Config{Host: srv.URL})
	wantAnswers(t, []string{"internal", "internal"}, answers(c.CreateStream(t.Context(), records(2).all)))
}

// A context that ends is the error of each item that was taken, and nothing more is.
func TestContextEndsAStream(t *testing.T) {
	v, c := newTestVault(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v.onCall = func(_ string, items []string) error {
		if items[0] == "500" {
			cancel()
		}
		return nil
	}
	in := records(5000)
	got := answers(c.CreateStream(ctx, in.all))
	want := numbers(len(got))
	for i, word := range got {
		if word == "canceled" {
			want[i] = word
		}
	}
	wantAnswers(t, want, got)
	if len(got) != in.taken || in.taken > 2500 || got[500] != "canceled" {
		t.Errorf("%d answers for %d taken, %q to the call that was cancelled", len(got), in.taken, got[500])
	}
}

// It says so, and sends nothing.
func TestStreamOverAnEndedContext(t *testing.T) {
	v, c := newTestVault(t)
	v.onCall = func(string, []string) error { t.Error("a call"); return nil }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := records(1000)
	wantAnswers(t, []string{"canceled"}, answers(c.CreateStream(ctx, in.all)))
	if in.taken != 1 {
		t.Errorf("%d taken", in.taken)
	}
}

// slow counts requests, and takes a minute to give one up that was cancelled.
type slow struct {
	next            http.RoundTripper
	active, stopped atomic.Int32
}

// RoundTrip implements http.RoundTripper.
func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.active.Add(1)
	defer s.active.Add(-1)
	answer, err := s.next.RoundTrip(r)
	if err != nil {
		time.Sleep(time.Minute)
		s.stopped.Add(1)
	}
	return answer, err
}

// A loop that is left cancels the calls in flight, and waits until they are gone.
func TestBreakLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		v := &vault{}
		var others sync.WaitGroup
		others.Add(3)
		s := &slow{next: roundTripper(func(r *http.Request) (*http.Response, error) {
			if first(t, r) == "0" {
				others.Wait()
				return v.RoundTrip(r)
			}
			others.Done()
			return hang(r)
		})}
		c := newTestClient(t, client.Config{HTTPClient: &http.Client{Transport: s}, Timeout: 24 * time.Hour})
		in := records(5000)
		for range c.CreateStream(t.Context(), in.all) {
			break
		}
		if s.active.Load() != 0 || s.stopped.Load() != 3 || in.taken != 2000 {
			t.Errorf("%d calls go on, %d were cancelled, %d items taken", s.active.Load(), s.stopped.Load(), in.taken)
		}
		if took := time.Since(begun); took > time.Hour {
			t.Errorf("the break took %s", took)
		}
	})
}

// first is the original value of a request's first record.
func first(t *testing.T, r *http.Request) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	in := &piinguinv1.CreatePiiRecordsRequest{}
	if err := proto.Unmarshal(text, in); err != nil {
		t.Error(err)
	}
	return in.GetPiiRecords()[0].GetOriginalValue()
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Two creates or erasures of one value are never under way at once; reads may be.
func TestSameValueTravelsInOrder(t *testing.T) {
	twice := values(2000) // 0 to 499, then four times 250 of them and 250 others
	for i := range twice.items {
		if i >= 500 && i%2 == 0 {
			twice.items[i] = strconv.Itoa(i % 500)
		}
	}
	repeated := &source[*piinguinv1.PiiRecord]{}
	for i, value := range twice.items {
		repeated.items = append(repeated.items, record(value, i))
	}
	for name, tc := range map[string]struct {
		run  func(context.Context, *client.Client) int
		took time.Duration
	}{
		"create": {func(ctx context.Context, c *client.Client) int {
			return len(answers(c.CreateStream(ctx, repeated.all)))
		}, 4 * time.Minute},
		"delete": {func(ctx context.Context, c *client.Client) int { return len(answers(c.DeleteStream(ctx, twice.all))) }, 4 * time.Minute},
		"read": {func(ctx context.Context, c *client.Client) int {
			return len(answers(c.ReadStream(ctx, why, twice.all)))
		}, time.Minute},
		"apart": {func(ctx context.Context, c *client.Client) int {
			return len(answers(c.DeleteStream(ctx, values(2000).all)))
		}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &vault{onCall: func(string, []string) error { time.Sleep(time.Minute); return nil }}
				cfg := v.config()
				cfg.Timeout = time.Hour
				begun := time.Now()
				if n := tc.run(t.Context(), newTestClient(t, cfg)); n != 2000 || time.Since(begun) != tc.took {
					t.Errorf("%d answers in %s, want %s", n, time.Since(begun), tc.took)
				}
			})
		})
	}
}

// sizes is a client whose requests' sizes and numbers of items are noted.
func sizes(t *testing.T) (c *client.Client, bodies func() []int64, items func() []int) {
	t.Helper()
	var mu sync.Mutex
	var all []int64
	var counts []int
	v := &vault{onCall: func(_ string, items []string) error {
		mu.Lock()
		defer mu.Unlock()
		counts = append(counts, len(items))
		return nil
	}}
	srv := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		all = append(all, r.ContentLength)
		mu.Unlock()
		v.handler().ServeHTTP(w, r)
	})
	c = newTestClient(t, client.Config{Host: srv.URL, Attempts: 1, Timeout: time.Hour})
	return c, func() []int64 { return all }, func() []int { return counts }
}

// A call is as large as the limit allows and no larger, but for an item that is.
func TestStreamSplitsBySize(t *testing.T) {
	const limit = 3 << 20
	c, bodies, counts := sizes(t)
	in := records(200)
	for _, r := range in.items {
		r.ModifiedValue = "same" // calls come one by one
		r.OriginalValue = strings.Repeat("x", 32<<10)
	}
	huge := proto.CloneOf(in.items[0])
	huge.OriginalValue = strings.Repeat("x", limit)
	in.items = append(in.items, huge, record("same", 0))
	one := int64(proto.Size(&piinguinv1.CreatePiiRecordsRequest{PiiRecords: in.items[:1]}))
	fits := int(limit / one)
	if n := len(answers(c.CreateStream(t.Context(), in.all))); n != 202 {
		t.Errorf("%d answers", n)
	}
	if diff := cmp.Diff([]int{fits, fits, 200 - 2*fits, 1, 1}, counts()); diff != "" {
		t.Errorf("items of the calls (-want +got):\n%s", diff)
	}
	for i, size := range bodies() {
		if size > limit && i != 3 {
			t.Errorf("call %d has %d bytes", i, size)
		}
	}
}

// What is the same for each call of a stream counts as well.
func TestStreamCountsTheBasis(t *testing.T) {
	c, bodies, _ := sizes(t)
	in := values(500)
	for i := range in.items {
		in.items[i] = strings.Repeat("x", 8<<10)
	}
	large := proto.CloneOf(why)
	large.Purpose = strings.Repeat("p", 1<<20)
	if n := len(answers(c.ReadStream(t.Context(), large, in.all))); n != 500 {
		t.Errorf("%d answers", n)
	}
	if len(bodies()) != 2 {
		t.Errorf("%d calls", len(bodies()))
	}
	for _, size := range bodies() {
		if size > 3<<20 {
			t.Errorf("a call has %d bytes", size)
		}
	}
}

// asked notes the last read.
type asked struct {
	vault
	last *piinguinv1.ReadPiiRecordsRequest
}

func (a *asked) ReadPiiRecords(ctx context.Context, in *piinguinv1.ReadPiiRecordsRequest) (*piinguinv1.ReadPiiRecordsResponse, error) {
	a.last = in
	return a.vault.ReadPiiRecords(ctx, in)
}

func TestReadStreamSendsWhy(t *testing.T) {
	a := &asked{}
	srv := newTestServer(t, piinguinv1.NewPiinguinServer(a).ServeHTTP)
	c := newTestClient(t, client.Config{Host: srv.URL})
	full := &piinguinv1.ReadPiiRecordsRequest{
		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONSENT, Purpose: "p", Reference: "r", OnBehalfOf: "o",
		SpecialCategoryCondition: piinguinv1.SpecialCategoryCondition_ART9_HEALTH_CARE,
	}
	want := proto.CloneOf(full)
	want.ModifiedValues = []string{"0", "1"}
	stream := c.ReadStream(t.Context(), full, values(2).all)
	full.Purpose = "changed since"
	for range 2 { // it may be ranged over again, as its input may
		a.last = nil
		wantAnswers(t, []string{"not_found not_found", "not_found not_found"}, answers(stream))
		if diff := cmp.Diff(want, a.last, protocmp.Transform()); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
	}
	if len(full.ModifiedValues) != 0 {
		t.Error("the caller's request was changed")
	}
	wantAnswers(t, []string{"invalid_argument processing_basis_required"}, answers(c.ReadStream(t.Context(), nil, values(1).all)))

	a.last = nil
	in := values(3)
	wantAnswers(t, []string{"invalid_argument"}, answers(c.ReadStream(t.Context(), want, in.all)))
	if a.last != nil || in.taken != 0 {
		t.Errorf("%d taken, sent %t", in.taken, a.last != nil)
	}
}

func TestStreamOverNothing(t *testing.T) {
	v, c := newTestVault(t)
	v.onCall = func(string, []string) error { return fmt.Errorf("a call") }
	wantAnswers(t, nil, answers(c.CreateStream(t.Context(), records(0).all)))
}
