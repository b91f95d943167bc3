package relay_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// aggregated was written by AWS's own library for Python, aws_kinesis_agg 1.2.3: a
// page_view, "cut c4n4ry" with an explicit hash key, and a click.
const aggregated = "84mawgoFZmlyc3QKBnNlY29uZBIFMTIzNDUaHggAGhp7ImV2ZW50X25hbWUiOiJwYWdlX3ZpZXcifRoQCAEQABoKY3V0IGM0bjRyeRoa" +
	"CAAaFnsiZXZlbnRfbmFtZSI6ImNsaWNrIn3jy3tKBp4bm+AHOgxh+CdX"

func TestAggregatedByAnotherLibrary(t *testing.T) {
	record, err := base64.StdEncoding.DecodeString(aggregated)
	if err != nil {
		t.Fatal(err)
	}
	to := &memQuarantine{kept: map[string]string{}}
	from, logged := handleWith(t, relay.HandlerConfig{Relay: newTestRelay(t, relaytest.New(t)), Quarantine: to}, kinesis(string(record)))
	if from != "" {
		t.Errorf("asks to retry from %s", from)
	}
	unknown := string(relay.ReasonUnknown) + ": "
	if diff := cmp.Diff(map[string]string{
		sequence(99) + ".0": unknown + `{"event_name":"page_view"}`,
		sequence(99) + ".1": string(relay.ReasonFields) + ": cut " + canary,
		sequence(99) + ".2": unknown + `{"event_name":"click"}`,
	}, to.kept); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
	if l := logged[1]; l["sequence_number"] != sequence(99) || l["sub_sequence_number"] != 1.0 {
		t.Errorf("logged %v", l)
	}
	if l := logged[3]; l["events"] != 3.0 || l["quarantined"] != 3.0 {
		t.Errorf("logged %v", l)
	}
}

// TestAggregatedPartFails: the other parts are stored, and the whole record comes again.
func TestAggregatedPartFails(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(byName)
	to := &memQuarantine{kept: map[string]string{}}
	cfg := relay.HandlerConfig{Relay: newTestRelay(t, s), Quarantine: to}
	refused := pairsLine(at(1), "refused", canary)
	e := kinesis("cut before", string(relaytest.Aggregate(
		pairsLine(at(1), "ok", ""), "cut "+canary, pairsLine(at(1), "failed", canary), refused, pairsLine(at(1), "ok2", ""),
	)), pairsLine(at(1), "after", ""))
	from, logged := handleWith(t, cfg, e)
	if from != sequence(100) {
		t.Errorf("asks to retry from %s", from)
	}
	if last := logged[len(logged)-1]; last["events"] != 7.0 || last["unfinished"] != 1.0 || last["quarantined"] != 1.0 {
		t.Errorf("logged %v", last)
	}
	if diff := cmp.Diff(map[string]string{"ok": "", "ok2": "", "after": ""}, s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	before := map[string]string{sequence(99): string(relay.ReasonFields) + ": cut before"}
	if diff := cmp.Diff(before, to.kept); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}

	s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
		if r.ModifiedValue == "refused" {
			return itemError(twirp.InvalidArgument)
		}
		return nil
	})
	if from, _ := handleWith(t, cfg, e); from != "" {
		t.Errorf("the retry asks to retry from %s", from)
	}
	if s.Originals()["failed"] != canary {
		t.Error("the part that failed is not stored")
	}
	before[sequence(100)+".1"] = string(relay.ReasonFields) + ": cut " + canary
	before[sequence(100)+".3"] = string(relay.ReasonRefused) + ": " + refused
	if diff := cmp.Diff(before, to.kept); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
}

// TestAggregatedDamage: no part of a damaged record is taken for an event.
func TestAggregatedDamage(t *testing.T) {
	whole := relaytest.Aggregate(relaytest.PageView, pairsLine(at(1), "m", canary))
	damaged := map[string][]byte{
		"no parts":        relaytest.Aggregate(),
		"no message":      relaytest.Seal(nil),
		"magic alone":     whole[:4],
		"part no bytes":   relaytest.Seal([]byte{3 << 3, 7}),
		"data no bytes":   relaytest.Seal([]byte{3<<3 | 2, 2, 3 << 3, 7}),
		"data a number":   relaytest.Seal([]byte{3<<3 | 2, 2, 3 << 3, 0}),
		"part cut behind": relaytest.Seal([]byte{3<<3 | 2, 3, 3<<3 | 2, 0, 1 << 3}),
		"cut behind":      relaytest.Seal([]byte{3<<3 | 2, 2, 3<<3 | 2, 0, 0x80}),
		"no data":         relaytest.Seal([]byte{3<<3 | 2, 2, 1 << 3, 0}),
		"data twice":      relaytest.Seal([]byte{3<<3 | 2, 4, 3<<3 | 2, 0, 3<<3 | 2, 0}),
		"beyond its end":  relaytest.Seal([]byte{3<<3 | 2, 9, 3<<3 | 2}),
		"field of no end": relaytest.Seal([]byte{1<<3 | 2, 0x80}),
		"a tag of no end": relaytest.Seal([]byte{0x80}),
		"last part cut":   relaytest.Seal(whole[4 : len(whole)-16-9]),
		"last byte lost":  whole[:len(whole)-1],
		"a byte too many": append(bytes.Clone(whole), 0),
	}
	for i := 4; i < len(whole); i++ {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x20
		damaged[fmt.Sprint("flipped ", i)] = flipped
	}
	s := relaytest.New(t)
	for name, record := range damaged {
		_, logged := handle(t, s, kinesis(string(record)))
		if last := logged[len(logged)-1]; last["quarantined"] != 1.0 || last["skipped"] != 0.0 || s.Calls() != 0 {
			t.Errorf("%s: %v", name, last)
		}
		if l := logged[0]; l["reason"] != string(relay.ReasonAggregate) || l["sub_sequence_number"] != nil {
			t.Errorf("%s: %v", name, l)
		}
	}
	_, logged := handle(t, s, kinesis(string(relaytest.Aggregate(string(whole)))))
	if l := logged[0]; l["message"] != "record quarantined" || l["sub_sequence_number"] != 0.0 {
		t.Errorf("an aggregate in an aggregate: %v", l)
	}
}
