package relay_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestMergeOfManyAtOneTime: of any number of pairs that were observed at once, the one that
// came last stays, and so it does when the newest are refused. Up to twelve, a sort that
// keeps no order keeps it by chance.
func TestMergeOfManyAtOneTime(t *testing.T) {
	const pairs = 60
	var lines []string
	for i := range pairs {
		lines = append(lines, pairsLine(at(i%3), "m", fmt.Sprint(i)))
	}
	s := relaytest.New(t)
	got, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, lines...))
	if diff := cmp.Diff(map[string]string{"m": "59"}, s.Originals()); diff != "" || err != nil {
		t.Errorf("error %v, stored (-want +got):\n%s", err, diff)
	}
	if got.Merged != pairs-1 || got.Stored != 1 {
		t.Errorf("merged %d, stored %d", got.Merged, got.Stored)
	}

	s = relaytest.New(t)
	s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
		if r.ObservedAt.AsTime().Second() == 2 {
			return itemError(twirp.InvalidArgument)
		}
		return nil
	})
	if _, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, lines...)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"m": "58"}, s.Originals()); diff != "" {
		t.Errorf("without the newest: stored (-want +got):\n%s", diff)
	}
}

// TestSupersededIsNotStored: what the server has a newer value for is counted apart,
// wherever it is counted.
func TestSupersededIsNotStored(t *testing.T) {
	newer, older := pairsLine(at(2), "m", "newer"), pairsLine(at(1), "m", "older", "other", "")
	s := relaytest.New(t)
	if _, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, newer)); err != nil {
		t.Fatal(err)
	}
	got, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, older))
	want := relay.Result{Outcomes: []relay.Outcome{relay.Finished}, Pairs: 2, Stored: 1, Superseded: 1}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, result (-want +got):\n%s", err, diff)
	}
	_, logged := handle(t, s, kinesis(older))
	if l := logged[0]; l["superseded"] != 1.0 || l["stored"] != 1.0 {
		t.Errorf("logged %v", l)
	}
	sum, _, err := replay(t.Context(), t, s, input{"f", strings.NewReader(older + "\n")})
	if diff := cmp.Diff(relay.Summary{Events: 1, Pairs: 2, Stored: 1, Superseded: 1}, sum); diff != "" || err != nil {
		t.Errorf("error %v, summary (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(map[string]string{"m": "newer", "other": ""}, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// TestLaterCallFails: a failure of the call with what was merged away counts as one of the
// first call does.
func TestLaterCallFails(t *testing.T) {
	lines := []string{pairsLine(at(9), "m", "future"), pairsLine(at(1), "m", "one"), pairsLine(at(1), "ok", "")}
	s := relaytest.New(t)
	s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
		if r.OriginalValue == "future" {
			return itemError(twirp.InvalidArgument)
		}
		return nil
	})
	second := func(n int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n%2 == 0 {
			relaytest.Fail(twirp.Unavailable, canary)(n, w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
	s.OnCall(second)
	got, err := newTestRelay(t, s).Send(t.Context(), mustDecode(t, lines...))
	want := relay.Result{
		Outcomes: []relay.Outcome{relay.Refused, relay.Unfinished, relay.Finished}, Pairs: 3, Stored: 1, Refused: 1, Failed: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantFailure(t, got, err, twirp.Unavailable)
	if from, _ := handle(t, s, kinesis(lines...)); from != sequence(100) {
		t.Errorf("asks to retry from %q", from)
	}
	s.OnCall(nil)
	if from, _ := handle(t, s, kinesis(lines...)); from != "" || s.Originals()["m"] != "one" {
		t.Errorf("asks to retry from %q, stored %v", from, s.Originals())
	}
}
