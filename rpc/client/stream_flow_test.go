package client_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

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
	wantAnswers(t, numbers(2000), answers(c.CreateStream(t.Context(), nil, records(2000).all)))
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
	for range c.CreateStream(t.Context(), nil, in.all) {
		if ahead := in.taken - read; ahead > 4*500 {
			t.Fatalf("%d taken before %d was read", in.taken, read)
		}
		read++
	}
	if n := most.Load(); n != 4 {
		t.Errorf("%d calls at once", n)
	}
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
	got := answers(c.CreateStream(ctx, nil, in.all))
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
	wantAnswers(t, []string{"canceled"}, answers(c.CreateStream(ctx, nil, in.all)))
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
		for range c.CreateStream(t.Context(), nil, in.all) {
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
			return len(answers(c.CreateStream(ctx, nil, repeated.all)))
		}, 4 * time.Minute},
		"delete": {func(ctx context.Context, c *client.Client) int {
			return len(answers(c.DeleteStream(ctx, nil, twice.all)))
		}, 4 * time.Minute},
		"read": {func(ctx context.Context, c *client.Client) int {
			return len(answers(c.ReadStream(ctx, why, twice.all)))
		}, time.Minute},
		"apart": {func(ctx context.Context, c *client.Client) int {
			return len(answers(c.DeleteStream(ctx, nil, values(2000).all)))
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
