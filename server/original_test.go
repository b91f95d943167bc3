package server_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/originalgrpc"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// originalServer is what answers clients of the original, and what can be seen of it.
type originalServer struct {
	*memServer
	handler originalgrpc.Handler
}

// newOriginal starts a server whose clients of the original may do everything.
func newOriginal(t *testing.T, faults func(op string, n int) audittest.Fault, change func(*server.Config)) *originalServer {
	t.Helper()
	v := &originalServer{memServer: &memServer{records: &faultyStore{Mem: store.NewMem()}, ledger: audit.NewMem()}}
	v.log = &lockedBuffer{}
	c := audit.Config{Store: v.ledger, Key: newTestKey(t), AppendTimeout: time.Minute}
	if faults != nil {
		c.Store, c.AppendTimeout = audittest.NewFaulty(v.ledger, faults), 100*time.Millisecond
	}
	ledger, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel()
		_ = ledger.Close(ctx)
		if strings.Contains(v.log.String(), "CANARY") {
			t.Errorf("the log holds an original value:\n%s", v.log)
		}
	})
	config := server.Config{Ledger: ledger, Store: v.records, Callers: identity.DevTokens(), Policy: policy.NewBuiltin(), Log: zerolog.New(v.log)}
	change(&config)
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	everybody, err := identity.Original("old", []string{"read", "delete"})
	if err != nil {
		t.Fatal(err)
	}
	v.handler = s.Original(everybody)
	return v
}

// do has requests handled that came together, and returns the answers as texts.
func (v *originalServer) do(t *testing.T, method string, kind originalgrpc.Kind, requests ...originalgrpc.Request) (texts []string) {
	t.Helper()
	m := originalgrpc.Method{Name: method, Kind: kind, Stream: strings.HasSuffix(method, "s")}
	answers, done := v.handler.Handle(t.Context(), m, netip.MustParseAddr("192.0.2.7"), requests)
	defer done()
	if len(answers) != len(requests) {
		t.Fatalf("%d answers to %d requests", len(answers), len(requests))
	}
	for _, a := range answers {
		texts = append(texts, strings.TrimSpace(fmt.Sprint(a.Success, " ", a.Message, " ", a.OriginalValue)))
	}
	return texts
}

// TestOriginalPolicy: the rule of the documentation's example refuses a read that may state nothing, and
// lets the others through.
func TestOriginalPolicy(t *testing.T) {
	text, err := os.ReadFile("../docs/policies/examples.cedar")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := policy.New("examples.cedar", text)
	if err != nil {
		t.Fatal(err)
	}
	noon := func() time.Time { return time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC) }
	v := newOriginal(t, nil, func(c *server.Config) { c.Policy, c.Now = examples, noon })
	v.put(t, "k")
	got := v.do(t, "ReadPiiRecords", originalgrpc.Read,
		originalgrpc.Request{ModifiedValue: "k", Basis: 0}, originalgrpc.Request{ModifiedValue: "k", Basis: 1}, originalgrpc.Request{ModifiedValue: "k", Basis: 0})
	if diff := cmp.Diff([]string{
		"false basis_not_stated: the policy does not allow this", "true OK " + canary, "false basis_not_stated: the policy does not allow this",
	}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	var entries []string
	for _, e := range v.entries(t) {
		if e.Operation == audit.Read {
			entries = append(entries, fmt.Sprint(e.Outcome, " ", e.Basis, " ", e.Reason, " by ", e.Policy))
		}
	}
	if diff := cmp.Diff([]string{
		"DENIED CONSENT basis_not_stated by original-states-its-basis", "GRANTED CONTRACT original_protocol by reader-reads",
		"DENIED CONSENT basis_not_stated by original-states-its-basis",
	}, entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestOriginalItems: in a stream each request stands for itself, whatever becomes of the others.
func TestOriginalItems(t *testing.T) {
	v := newOriginal(t, nil, func(*server.Config) {})
	key := func(k string) originalgrpc.Request {
		return originalgrpc.Request{ModifiedValue: k, OriginalValue: canary}
	}
	bad := key("\xff")
	long := key(strings.Repeat("x", 129))
	for _, c := range []struct {
		method string
		kind   originalgrpc.Kind
		want   []string
	}{
		{"CreatePiiRecords", originalgrpc.Create, []string{
			"false modified_value_not_utf8: modified_value must be UTF-8", "true OK", "false modified_value_too_long: modified_value must be at most 128 bytes", "true OK",
		}},
		{"ReadPiiRecords", originalgrpc.Read, []string{
			"false modified_value_not_utf8: modified_value must be UTF-8", "true OK " + canary, "false not_found: there is no such record", "true OK " + canary,
		}},
		{"DeletePiiRecords", originalgrpc.Delete, []string{
			"false modified_value_not_utf8: modified_value must be UTF-8", "true OK", "true OK", "true OK",
		}},
	} {
		if diff := cmp.Diff(c.want, v.do(t, c.method, c.kind, bad, key("a"), long, key("b"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.method, diff)
		}
	}
	if log := v.log.String(); !strings.Contains(log, `"method":"original.CreatePiiRecords","code":"ok"`) || !strings.Contains(log, `"items":4`) || !strings.Contains(log, `"address":"192.0.2.7"`) {
		t.Errorf("the log says\n%s", log)
	}
}

// TestOriginalHasNoTime: a record by this protocol replaces nothing that has a time and nothing that was erased.
func TestOriginalHasNoTime(t *testing.T) {
	v := newOriginal(t, nil, func(*server.Config) {})
	for _, r := range []store.Record{{ModifiedValue: "timed", ObservedAt: time.Unix(1, 0)}, {ModifiedValue: "untimed"}} {
		r.Original = store.NewOriginal("before")
		v.records.Mem.Put(t.Context(), []store.Record{r})
	}
	v.records.Mem.Erase(t.Context(), []string{"erased"}, time.Unix(1, 0))
	var requests []originalgrpc.Request
	for _, k := range []string{"timed", "untimed", "erased", "new"} {
		requests = append(requests, originalgrpc.Request{ModifiedValue: k, OriginalValue: "after"})
	}
	got := v.do(t, "CreatePiiRecords", originalgrpc.Create, requests...)
	const not = "true not stored: the value was erased, or a newer one is there"
	if diff := cmp.Diff([]string{not, "true OK", not, "true OK"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true OK before", "true OK after", "false not_found: there is no such record", "true OK after"},
		v.do(t, "ReadPiiRecords", originalgrpc.Read, requests...)); diff != "" {
		t.Errorf("the store (-want +got):\n%s", diff)
	}
}

// TestOriginalFails: a limit, a requirement, a failure of the store or the ledger and a panic are told in words, and no
// value goes with them.
func TestOriginalFails(t *testing.T) {
	fails := func(op string, n int) audittest.Fault {
		if op == audittest.Commit && n > openCommits {
			return audittest.Fault{Err: errEngine}
		}
		return audittest.Fault{}
	}
	request := originalgrpc.Request{ModifiedValue: "k", OriginalValue: canary, Basis: 2}
	for name, c := range map[string]struct {
		faults func(op string, n int) audittest.Fault
		change func(*server.Config)
		before func(v *originalServer)
		want   string // what each answer says
	}{
		"purpose": {change: func(c *server.Config) { c.RequirePurpose = true }, want: "false purpose_required: purpose is required"},
		"records": {
			change: func(c *server.Config) { c.Limits.RecordsPerMinute = 1 },
			before: func(v *originalServer) {
				for range 500 / 20 {
					_ = v.do(t, "ReadPiiRecords", originalgrpc.Read, make([]originalgrpc.Request, 20)...)
				}
			},
			want: "false too_many_requests: the caller's limit is reached; try again after ",
		},
		"requests": {
			change: func(c *server.Config) { c.Limits.RequestsPerSecond = 0.001 },
			before: func(v *originalServer) { _ = v.do(t, "ReadPiiRecord", originalgrpc.Read, request) },
			want:   "false too_many_requests: the caller's limit is reached; try again after 1000 seconds",
		},
		"store":  {before: func(v *originalServer) { v.records.fail(store.ErrUnavailable, nil) }, want: "false store_unavailable: the store is not available"},
		"panic":  {before: func(v *originalServer) { v.records.fail(nil, func() { panic(canary) }) }, want: "false internal: internal error"},
		"ledger": {faults: fails, want: "false audit_unavailable: the audit ledger is not available; nothing was released"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*server.Config) {}
			}
			v := newOriginal(t, c.faults, c.change)
			v.put(t, "k")
			if c.before != nil {
				c.before(v)
			}
			for method, requests := range map[string][]originalgrpc.Request{"ReadPiiRecord": {request}, "ReadPiiRecords": {request, request}} {
				for _, got := range v.do(t, method, originalgrpc.Read, requests...) {
					if !strings.HasPrefix(got, c.want) {
						t.Errorf("%s: %s, want %s", method, got, c.want)
					}
				}
			}
		})
	}
}

// TestOriginalAnswersAreBounded: the values of all reads that wait for clients take no more than one
// caller's share. A read beyond it is refused before its entry, and a read after them is answered.
func TestOriginalAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newOriginal(t, nil, func(*server.Config) {})
		putLongest(t, v.records.Mem, "k")
		requests := slices.Repeat([]originalgrpc.Request{{ModifiedValue: "k", Basis: 1}}, originalgrpc.MaxGroup)
		m := originalgrpc.Method{Name: "ReadPiiRecords", Kind: originalgrpc.Read, Stream: true}
		var waiting []func()
		for {
			answers, done := v.handler.Handle(t.Context(), m, netip.Addr{}, requests)
			waiting = append(waiting, done)
			if !answers[0].Success {
				if want := "busy: other requests take the memory that this one needs; try again"; answers[0].Message != want {
					t.Errorf("got %q, want %q", answers[0].Message, want)
				}
				break
			}
			if len(waiting) > 32<<20/len(longest) {
				t.Fatal("nothing bounds what waits")
			}
		}
		if entries := len(v.outcomes(t)); entries != (len(waiting)-1)*len(requests) {
			t.Errorf("%d entries of %d groups", entries, len(waiting)-1)
		}
		for _, done := range waiting {
			done()
		}
		if got := v.do(t, "ReadPiiRecord", originalgrpc.Read, requests[0]); !strings.HasPrefix(got[0], "true OK") {
			t.Errorf("after them: %.99q", got)
		}
	})
}
