package relay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

type input struct {
	name string
	in   io.Reader
}

// replay relays inputs and flushes, and returns the reports as text.
func replay(ctx context.Context, t *testing.T, s *relaytest.Server, inputs ...input) (relay.Summary, []string, error) {
	t.Helper()
	var reports []string
	p := relay.NewReplay(newTestRelay(t, s), func(at relay.Position, reason relay.Reason) {
		reports = append(reports, fmt.Sprintf("%s:%d: %s", at.File, at.Line, reason))
	}, nil)
	var err error
	for _, i := range inputs {
		if err = p.Read(ctx, i.name, i.in, relay.Prefix{}); err != nil {
			break
		}
	}
	if flushed := p.Flush(ctx); err == nil {
		err = flushed
	}
	wantNoCanary(t, "a report or the error", fmt.Sprintf("%v %v", reports, err))
	sum := p.Summary()
	if sum.Pairs != sum.Merged+sum.Stored+sum.Superseded+sum.Refused+sum.Failed {
		t.Errorf("the counts do not add up: %+v", sum)
	}
	return sum, reports, err
}

func TestReplaySamples(t *testing.T) {
	s := relaytest.New(t)
	var inputs []input
	for _, name := range []string{"pii_events.tsv", "pii_events.jsonl"} {
		f, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		inputs = append(inputs, input{name, f})
	}
	sum, reports, err := replay(t.Context(), t, s, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	want := relay.Summary{Events: 7, Skipped: 1, Quarantined: 1, Pairs: 14, Merged: 2, Stored: 12}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pii_events.tsv:6: " + string(relay.ReasonFields)}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(samplePairs(t), s.Originals()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if s.Calls() != 1 {
		t.Errorf("%d calls: the batch does not span the files", s.Calls())
	}
}

func TestReplayLines(t *testing.T) {
	one := func(n int) string { return pairsLine(at(1), fmt.Sprintf("m%d", n), "") }
	// A JSON line can be made as long as one likes without being a large event.
	padded := func(size int) string {
		start, end := strings.TrimSuffix(relaytest.PageView, "}")+`,"page_title":"`, `"}`
		return start + strings.Repeat("x", size-len(start)-len(end)) + end
	}
	for name, tc := range map[string]struct {
		text    string
		want    relay.Summary
		reports []string
	}{
		"nothing":     {"", relay.Summary{}, nil},
		"blank lines": {"\n\r\n" + one(1) + "\r\n\n", relay.Summary{Events: 1, Pairs: 1, Stored: 1}, nil},
		"blanks":      {"\ufeff\n  \n\t\r\n \ufeff" + "\n", relay.Summary{Events: 1, Quarantined: 1}, []string{"f:4: " + string(relay.ReasonFields)}},
		"a mark":      {"\ufeff" + one(1) + "\n", relay.Summary{Events: 1, Pairs: 1, Stored: 1}, nil},
		"no last end": {one(1) + "\n" + one(2), relay.Summary{Events: 2, Pairs: 2, Stored: 2}, nil},
		"too long goes on": {
			one(1) + "\n" + padded(4<<20+1) + "\r\n" + one(2) + "\n",
			relay.Summary{Events: 3, Quarantined: 1, Pairs: 2, Stored: 2}, []string{"f:2: " + string(relay.ReasonTooLong)},
		},
		"too long at the end": {padded(5 << 20), relay.Summary{Events: 1, Quarantined: 1}, []string{"f:1: " + string(relay.ReasonTooLong)}},
		"as long as may be":   {padded(4<<20) + "\r\n", relay.Summary{Events: 1, Skipped: 1}, nil},
		"line ends too long":  {strings.Repeat("\r", 5<<20) + "\n", relay.Summary{Events: 1, Quarantined: 1}, []string{"f:1: " + string(relay.ReasonTooLong)}},
	} {
		t.Run(name, func(t *testing.T) {
			sum, reports, err := replay(t.Context(), t, relaytest.New(t), input{"f", strings.NewReader(tc.text)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, sum); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.reports, reports); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplayReportsRefusedLines(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
		if strings.HasPrefix(r.ModifiedValue, "bad") {
			return itemError(twirp.InvalidArgument)
		}
		return nil
	})
	text := pairsLine(at(1), "m1", "") + "\n" + pairsLine(at(1), "bad1", canary, "bad2", canary, "m2", "") + "\n"
	sum, reports, err := replay(t.Context(), t, s, input{"a", strings.NewReader("\n")}, input{"b", strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	want := relay.Summary{Events: 2, Quarantined: 1, Pairs: 4, Stored: 2, Refused: 2}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b:2: " + string(relay.ReasonRefused)}, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func manyLines(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(pairsLine(at(1), fmt.Sprintf("m%d", i), canary) + "\n")
	}
	return text.String()
}

func TestReplayStopsAtAFailure(t *testing.T) {
	s := relaytest.New(t)
	s.OnRecord(func(r *piinguinv1.PiiRecord) *piinguinv1.CreatePiiRecordResult {
		if r.ModifiedValue == "m600" {
			return itemError(twirp.Unavailable)
		}
		return nil
	})
	sum, _, err := replay(t.Context(), t, s, input{"f", strings.NewReader(manyLines(2000))})
	var f *relay.Failure
	if !errors.As(err, &f) || f.Code != twirp.Unavailable {
		t.Errorf("error %v", err)
	}
	want := relay.Summary{Events: 1001, Pairs: 1001, Stored: 999, Failed: 2}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestReplayEndsWithItsContext(t *testing.T) {
	s := relaytest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	// The end comes while the second line is read: the first is read and not sent.
	in := io.MultiReader(strings.NewReader(pairsLine(at(1), "m", canary)+"\n"), readerFunc(func(p []byte) (int, error) {
		cancel()
		return copy(p, "\n"), nil
	}))
	sum, _, err := replay(ctx, t, s, input{"f", in})
	var f *relay.Failure
	if !errors.As(err, &f) || f.Code != twirp.Canceled {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(relay.Summary{Events: 1, Pairs: 1, Failed: 1}, sum); diff != "" || s.Calls() != 0 {
		t.Errorf("%d calls, summary (-want +got):\n%s", s.Calls(), diff)
	}
}

type readerFunc func([]byte) (int, error)

func (r readerFunc) Read(p []byte) (int, error) { return r(p) }

func TestReplayReturnsTheInputsError(t *testing.T) {
	s := relaytest.New(t)
	broken := errors.New("broken")
	whole := pairsLine(at(1), "m1", "") + "\n"
	in := io.MultiReader(strings.NewReader(whole+pairsLine(at(1), "m2", "")), iotest.ErrReader(broken))
	sum, _, err := replay(t.Context(), t, s, input{"f", in})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(relay.Summary{Events: 1, Pairs: 1, Stored: 1}, sum); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}
