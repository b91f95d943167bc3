package client_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

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
	if n := len(answers(c.CreateStream(t.Context(), nil, in.all))); n != 202 {
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
	in := values(1000)
	for i := range in.items {
		in.items[i] = strings.Repeat("x", 8<<10)
	}
	large := proto.CloneOf(why)
	large.Purpose = strings.Repeat("p", 1<<20)
	if n := len(answers(c.ReadStream(t.Context(), large, in.all))); n != 1000 {
		t.Errorf("%d answers", n)
	}
	if len(bodies()) != 4 {
		t.Errorf("%d calls", len(bodies()))
	}
	for _, size := range bodies() {
		if size > 3<<20 {
			t.Errorf("a call has %d bytes", size)
		}
	}
}
