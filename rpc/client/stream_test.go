package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
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
	wantAnswers(t, numbers(n), answers(c.CreateStream(t.Context(), nil, records(n).all)))
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
	wantAnswers(t, want, answers(c.DeleteStream(t.Context(), nil, in.all)))
	for _, err := range c.ReadStream(t.Context(), why, in.all) {
		_ = wantCode(t, err, twirp.NotFound)
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
	wantAnswers(t, want, answers(c.CreateStream(t.Context(), nil, records(600).all)))
	wantAnswers(t, want, answers(c.DeleteStream(t.Context(), nil, values(600).all)))
}

// An item that cannot be encoded would take the other 499 of its call with it.
func TestUnsendableItemFailsAlone(t *testing.T) {
	_, c := newTestVault(t)
	in := records(5)
	in.items[2] = &piinguinv1.PiiRecord{ModifiedValue: "m", Source: &piinguinv1.Source{Schema: "\xff"}}
	in.items[3] = nil
	want := numbers(5)
	want[2], want[3] = "invalid_argument pii_record_not_utf8", "invalid_argument modified_value_required"
	wantAnswers(t, want, answers(c.CreateStream(t.Context(), nil, in.all)))

	keys := values(5)
	keys.items[4] = "\xff"
	want = numbers(5)
	want[4] = "invalid_argument modified_value_not_utf8"
	wantAnswers(t, want, answers(c.DeleteStream(t.Context(), nil, keys.all)))
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
	wantAnswers(t, want, answers(c.CreateStream(t.Context(), nil, records(1100).all)))
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
		wantAnswers(t, numbers(1100), answers(newTestClient(t, cfg).CreateStream(t.Context(), nil, records(1100).all)))
	})
}

func TestInputErrorEndsTheStream(t *testing.T) {
	_, c := newTestVault(t)
	for _, n := range []int{0, 3, 500, 2700} {
		in := records(n)
		in.fail = true
		wantAnswers(t, append(numbers(n), "input"), answers(c.CreateStream(t.Context(), nil, in.all)))
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
	wantAnswers(t, []string{"internal", "internal"}, answers(c.CreateStream(t.Context(), nil, records(2).all)))
}

// asked notes the last call.
type asked struct {
	vault
	last proto.Message
}

func (a *asked) CreatePiiRecords(ctx context.Context, in *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	a.last = in
	return a.vault.CreatePiiRecords(ctx, in)
}

func (a *asked) DeletePiiRecords(ctx context.Context, in *piinguinv1.DeletePiiRecordsRequest) (*piinguinv1.DeletePiiRecordsResponse, error) {
	a.last = in
	return a.vault.DeletePiiRecords(ctx, in)
}

func (a *asked) ReadPiiRecords(ctx context.Context, in *piinguinv1.ReadPiiRecordsRequest) (*piinguinv1.ReadPiiRecordsResponse, error) {
	a.last = in
	return a.vault.ReadPiiRecords(ctx, in)
}

// TestChangesSendWhy: each call of a stream states what the template does, and a template with
// items is refused.
func TestChangesSendWhy(t *testing.T) {
	a := &asked{}
	srv := newTestServer(t, piinguinv1.NewPiinguinServer(a).ServeHTTP)
	c := newTestClient(t, client.Config{Host: srv.URL})
	create := &piinguinv1.CreatePiiRecordsRequest{Reference: "r"}
	answers(c.CreateStream(t.Context(), create, records(1).all))
	create.PiiRecords = records(1).items
	if diff := cmp.Diff(proto.Message(create), a.last, protocmp.Transform()); diff != "" {
		t.Errorf("create (-want +got):\n%s", diff)
	}
	erase := &piinguinv1.DeletePiiRecordsRequest{Purpose: "p", Reference: "r", OnBehalfOf: "o"}
	answers(c.DeleteStream(t.Context(), erase, values(1).all))
	erase.ModifiedValues = values(1).items
	if diff := cmp.Diff(proto.Message(erase), a.last, protocmp.Transform()); diff != "" {
		t.Errorf("delete (-want +got):\n%s", diff)
	}
	refused := []string{"invalid_argument"}
	wantAnswers(t, refused, answers(c.CreateStream(t.Context(), create, records(1).all)))
	wantAnswers(t, refused, answers(c.DeleteStream(t.Context(), erase, values(1).all)))
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
		if diff := cmp.Diff(proto.Message(want), a.last, protocmp.Transform()); diff != "" {
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
	wantAnswers(t, nil, answers(c.CreateStream(t.Context(), nil, records(0).all)))
}
