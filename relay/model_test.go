package relay_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// seen is one event of one pair; its original says which it is.
type seen struct {
	Value string
	At    int
	Fault twirp.ErrorCode // what the server answers to it, every time
}

// lastSeen is the contract, naively: each event by itself, in order; the latest
// observed stays, of those at one time the last.
func lastSeen(all []seen) map[string]string {
	kept, stored := map[string]int{}, map[string]string{}
	for i, e := range all {
		if k, ok := kept[e.Value]; e.Fault == "" && (!ok || all[k].At <= e.At) {
			kept[e.Value] = i
			stored[e.Value] = strconv.Itoa(i)
		}
	}
	return stored
}

// TestBatchesEqualTheModel: however a stream is cut into batches, merged and
// redelivered, the store ends as if each event had been sent by itself, and an
// older value never overwrites a newer one.
func TestBatchesEqualTheModel(t *testing.T) {
	s := relaytest.New(t)
	r := newTestRelay(t, s)
	rapid.Check(t, func(rt *rapid.T) {
		run := strconv.Itoa(s.Calls()) + "-" // values of its own for each run on the one server
		all := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) seen {
			return seen{
				Value: run + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "value"),
				At:    rapid.IntRange(0, 4).Draw(rt, "at"),
				Fault: rapid.SampledFrom([]twirp.ErrorCode{"", "", "", twirp.InvalidArgument}).Draw(rt, "fault"),
			}
		}), 0, 30).Draw(rt, "events")
		s.OnRecord(func(rec *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
			if i, err := strconv.Atoi(rec.OriginalValue); err != nil || all[i].Fault != "" {
				return itemError(twirp.InvalidArgument)
			}
			return nil
		})
		refused := map[int]bool{}
		for from := 0; from < len(all); {
			to := rapid.IntRange(from+1, len(all)).Draw(rt, "end of the batch")
			var lines []string
			for i := from; i < to; i++ {
				lines = append(lines, pairsLine(at(all[i].At), all[i].Value, strconv.Itoa(i)))
			}
			got, err := r.Send(t.Context(), mustDecode(t, lines...))
			if err != nil {
				rt.Fatal(err)
			}
			for i, outcome := range got.Outcomes {
				refused[from+i] = refused[from+i] || outcome == relay.Refused
			}
			if sum := got.Merged + got.Stored + got.Superseded + got.Refused; sum != got.Pairs {
				rt.Fatalf("%d pairs, %d accounted for", got.Pairs, sum)
			}
			if rapid.Bool().Draw(rt, "done") {
				from = to
			} else {
				from = rapid.IntRange(from, to).Draw(rt, "redelivered from")
			}
		}
		stored := map[string]string{}
		for value, original := range s.Originals() {
			if strings.HasPrefix(value, run) {
				stored[value] = original
			}
		}
		want := lastSeen(all)
		if diff := cmp.Diff(want, stored); diff != "" {
			rt.Fatalf("stored (-want +got):\n%s", diff)
		}
		for i := range refused {
			if refused[i] && all[i].Fault == "" {
				rt.Fatal("a good event was reported as refused")
			}
		}
	})
}
