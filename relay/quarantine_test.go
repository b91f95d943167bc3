package relay_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// memQuarantine is a Quarantine in memory, which may fail.
type memQuarantine struct {
	kept    map[string]string // place to reason and data
	failure error
}

func (q *memQuarantine) Put(_ context.Context, records []relay.Quarantined) error {
	if q.failure != nil {
		return q.failure
	}
	for _, r := range records {
		q.kept[r.Place()] = string(r.Reason) + ": " + string(r.Data())
	}
	return nil
}

// TestQuarantineKeepsWhatIsDoneWith: records that can never be stored are put away when
// they are acknowledged; those that come again anyway are not.
func TestQuarantineKeepsWhatIsDoneWith(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(byName)
	refused := pairsLine(at(1), "refused", canary)
	e := kinesis(pairsLine(at(1), "ok", ""), refused, "cut "+canary, pairsLine(at(1), "failed", canary), "after")
	to := &memQuarantine{kept: map[string]string{}}
	from, logged := handleWith(t, relay.HandlerConfig{Relay: newTestRelay(t, s), Quarantine: to}, e)
	if from != sequence(102) {
		t.Errorf("asks to retry from %s", from)
	}
	want := map[string]string{
		sequence(100): string(relay.ReasonRefused) + ": " + refused,
		sequence(101): string(relay.ReasonFields) + ": cut " + canary,
	}
	if diff := cmp.Diff(want, to.kept); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
	if last := logged[len(logged)-1]; len(logged) != 3 || last["quarantined"] != 2.0 || last["unfinished"] != 1.0 {
		t.Errorf("logged %v", logged)
	}
}

// TestQuarantineThatFails: what could not be put away comes again, whatever else is done.
func TestQuarantineThatFails(t *testing.T) {
	s := relaytest.New(t)
	to := &memQuarantine{failure: errors.New("the quarantine is full")}
	e := kinesis(pairsLine(at(1), "ok", ""), "cut "+canary, "cut "+canary)
	from, logged := handleWith(t, relay.HandlerConfig{Relay: newTestRelay(t, s), Quarantine: to}, e)
	if from != sequence(100) {
		t.Errorf("asks to retry from %s", from)
	}
	if l := logged[0]; len(logged) != 1 || l["failure"] != "the quarantine is full" || l["quarantined"] != 0.0 || l["unfinished"] != 2.0 || l["stored"] != 1.0 {
		t.Errorf("logged %v", logged)
	}
}

// TestQuarantinedNames: what is taken for a stream's or a shard's name is one.
func TestQuarantinedNames(t *testing.T) {
	s := relaytest.New(t)
	for given, want := range map[[2]string][2]any{
		{"arn:aws:kinesis:eu-central-1:1:stream/a.b_c-1", "shardId-000000000001:77"}: {"a.b_c-1", "shardId-000000000001"},
		{"", ""}: {"", ""},
		{"stream/" + canary + " x", canary + ":77"}: {"", ""},
	} {
		e := kinesis("cut")
		e.Records[0].EventSourceArn, e.Records[0].EventID = given[0], given[1]
		_, logged := handle(t, s, e)
		if diff := cmp.Diff(want, [2]any{logged[0]["stream"], logged[0]["shard"]}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
}

func TestQuarantinedPrintsItsPlaceOnly(t *testing.T) {
	to := &printingQuarantine{}
	_, _ = handleWith(t, relay.HandlerConfig{Relay: newTestRelay(t, relaytest.New(t)), Quarantine: to}, kinesis("cut "+canary))
	if want := "record " + sequence(99) + " of pii-events/shardId-000000000006: " + string(relay.ReasonFields); to.printed[0] != want {
		t.Errorf("prints as %s", to.printed[0])
	}
	wantNoCanary(t, "a printed record", to.printed)
}

type printingQuarantine struct{ printed []string }

func (q *printingQuarantine) Put(_ context.Context, records []relay.Quarantined) error {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		q.printed = append(q.printed, fmt.Sprintf(verb, records[0]), fmt.Sprintf(verb, &records[0]))
	}
	return nil
}
