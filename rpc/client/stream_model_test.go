package client_test

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// plan is what happens to one stream. Items and calls are many, so what happens to
// them comes from a few numbers, and not each from a draw.
type plan struct {
	Items, Values int  // of which every so many share a value
	Unsendable    int  // every so many items; 0 is none
	Refused       int  // every so many items
	Failed        int  // every so many calls
	InputFails    bool // behind the items
	Leave         int  // after so many answers; -1 is never
}

func drawPlan(t *rapid.T) plan {
	p := plan{
		Items:      rapid.IntRange(0, 6000).Draw(t, "items"),
		Unsendable: rapid.IntRange(0, 900).Draw(t, "unsendable"),
		Refused:    rapid.IntRange(0, 50).Draw(t, "refused"),
		Failed:     rapid.IntRange(0, 5).Draw(t, "failed"),
		InputFails: rapid.Bool().Draw(t, "input fails"),
	}
	p.Values = rapid.IntRange(1, p.Items+1).Draw(t, "values")
	p.Leave = rapid.IntRange(-1, p.Items+1).Draw(t, "leave")
	return p
}

func every(n, i int) bool { return n > 0 && i%n == n-1 }

// modelled is the server of a plan: it notes what it did, and fails the test when two
// calls with one value are there at once.
type modelled struct {
	vault
	plan plan

	mu     sync.Mutex
	calls  int
	failed map[string]bool // items of calls that failed
	busy   map[string]bool // values of calls that are there
	last   map[string]int  // the item that came last, by value
}

func newModelled(t *rapid.T, p plan) *modelled {
	m := &modelled{plan: p, failed: map[string]bool{}, busy: map[string]bool{}, last: map[string]int{}}
	m.onCall = func(_ string, items []string) error {
		m.enter(t, items)
		defer m.leave(items)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls++
		if !every(p.Failed, m.calls) {
			return nil
		}
		for _, item := range items {
			m.failed[item] = true
		}
		return twirp.Unavailable.Error("fixed")
	}
	m.onItem = func(item string) *piinguinv1.Error {
		if i, err := strconv.Atoi(item); err == nil && every(p.Refused, i) {
			return refusal(twirp.InvalidArgument, "refused")
		}
		return nil
	}
	return m
}

// enter notes a call. Its items are numbers in the order of the input, of which each
// has one of the plan's values.
func (m *modelled) enter(t *rapid.T, items []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mine := map[string]bool{}
	for _, item := range items {
		i, err := strconv.Atoi(item)
		value := m.plan.value(i)
		if before, seen := m.last[value]; err != nil || seen && before >= i || m.busy[value] && !mine[value] {
			t.Errorf("item %s came after item %d or beside it", item, before)
		}
		m.last[value] = i
		m.busy[value], mine[value] = true, true
	}
}

func (m *modelled) leave(items []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, item := range items {
		i, _ := strconv.Atoi(item)
		delete(m.busy, m.plan.value(i))
	}
}

func (p plan) value(i int) string { return "v" + strconv.Itoa(i%p.Values) }

// input is the plan's, and counts what was taken.
func (p plan) input(taken *int) iter.Seq2[*piinguinv1.PiiRecord, error] {
	s := &source[*piinguinv1.PiiRecord]{fail: p.InputFails}
	for i := range p.Items {
		r := record(p.value(i), i)
		if every(p.Unsendable, i) {
			r.Source = &piinguinv1.Source{FieldName: "\xff"}
		}
		s.items = append(s.items, r)
	}
	return func(yield func(*piinguinv1.PiiRecord, error) bool) {
		s.all(yield)
		*taken = s.taken
	}
}

// answer is what the item must have become.
func (m *modelled) answer(i int) string {
	switch {
	case i == m.plan.Items:
		return "input"
	case every(m.plan.Unsendable, i):
		return "invalid_argument pii_record_not_utf8"
	case m.failed[strconv.Itoa(i)]:
		return "unavailable"
	case every(m.plan.Refused, i):
		return "invalid_argument refused"
	}
	return strconv.Itoa(i)
}

// The nth answer belongs to the nth item, and there are as many, whatever fails.
func TestStreamModel(t *testing.T) {
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		m := newModelled(t, p)
		url, end := serve(m)
		defer end()
		c, err := client.New(client.Config{Host: url, HTTPClient: &http.Client{Transport: transport}, Attempts: 1, Timeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		var taken int
		var got, want []string
		for out, err := range c.CreateStream(context.Background(), nil, p.input(&taken)) {
			got = append(got, answer(out.GetReceipt(), err))
			if len(got) == p.Leave {
				break
			}
		}
		end() // no handler runs on
		all := p.Items
		if p.InputFails {
			all++
		}
		if p.Leave > 0 {
			all = min(all, p.Leave)
		}
		for i := range all {
			want = append(want, m.answer(i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d answers, want %d (-want +got):\n%s", len(got), len(want), diff)
		}
		if ahead := taken - len(got); ahead > 4*500 {
			t.Errorf("%d taken and unread", ahead)
		}
	})
}
