package server_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/store"
)

// hours is a clock of a test, in hours since a day's start.
type hours struct{ atomic.Int64 }

func (h *hours) now() time.Time { return hour(h.Load()) }

func hour(n int64) time.Time {
	return time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
}

// newReviewed starts a server whose ledger holds, an hour apart: a read of a, granted on CONTRACT;
// one of b on CONSENT, not found; an erasure of a; a read of b by an eraser, denied.
func newReviewed(t *testing.T, at *hours) *memServer {
	t.Helper()
	v := &memServer{records: &faultyStore{Mem: store.NewMem()}, ledger: audit.NewMem()}
	v.testServer, _ = newTestServer(t, v.records, audit.Config{Store: v.ledger, AppendTimeout: time.Minute, Now: at.now})
	v.put(t, "a")
	at.Store(1)
	_, _ = v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
	at.Store(2)
	req := readRequest("b")
	req.ProcessingBasis, req.Purpose, req.Reference = piinguinv1.LawfulBasisForProcessing_CONSENT, `send "it" operation=READ`, "T-2"
	_, _ = v.as(t, "reader").ReadPiiRecord(t.Context(), req)
	at.Store(3)
	_, _ = v.as(t, "eraser").DeletePiiRecord(t.Context(), deleteRequest("a"))
	at.Store(4)
	_, _ = v.as(t, "eraser").ReadPiiRecord(t.Context(), readRequest("b"))
	at.Store(5)
	return v
}

const opened, readA, readB, deleteA, deniedB = "OPEN GRANTED", "READ GRANTED a", "READ NOT_FOUND b", "DELETE GRANTED a", "READ DENIED b"

// TestOwnReviewsAreHidden: a caller may leave out what it asked itself, and nothing else: the same name
// proven by another method is another caller. Whoever does not ask for that gets every entry.
func TestOwnReviewsAreHidden(t *testing.T) {
	v := newMemServer(t, nil, func(c *server.Config) {
		other := audit.Entry{Operation: audit.Review, Outcome: audit.Granted, Caller: "dev-auditor", Authentication: "oidc", RequestID: "r"}
		if _, err := c.Ledger.Append(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	})
	list := func(hide bool) (listed []string) {
		out, err := v.as(t, "auditor").ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{HideOwnReviews: hide})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.GetEntries() {
			listed = append(listed, e.GetOperation().String()+" "+e.GetAuthentication())
		}
		return listed
	}
	const opens, others, own = "OPEN ", "REVIEW oidc", "REVIEW token"
	for i, c := range []struct {
		hide bool
		want []string
	}{
		{false, []string{others, opens, opens}}, {true, []string{others, opens, opens}}, {false, []string{own, own, others, opens, opens}},
	} {
		if diff := cmp.Diff(c.want, list(c.hide)); diff != "" {
			t.Errorf("list %d, hide_own_reviews %t (-want +got):\n%s", i+1, c.hide, diff)
		}
	}
}

// reviews is every reading of the ledger, and how its entry names what was asked. hashes says
// that only a denial is an entry.
var reviews = []struct {
	reference string
	hashes    bool
	call      func(ctx context.Context, c *client.Client) error
	path      string // in place of call
}{
	{"list callers=x", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.ListEntries(ctx, &piinguinv1.ListEntriesRequest{Callers: []string{"x"}})
		return err
	}, ""},
	{"summary from=2026-02-01 to=2026-02-28 by=CALLER,OPERATION", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.Summarize(ctx, summarizeRequest())
		return err
	}, ""},
	{"entry 1/2", false, func(ctx context.Context, c *client.Client) error {
		_, err := c.GetEntry(ctx, &piinguinv1.GetEntryRequest{Log: "1", Index: 2})
		return err
	}, ""},
	{"checkpoint 1", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.GetCheckpoint(ctx, &piinguinv1.GetCheckpointRequest{Log: "1"})
		return err
	}, ""},
	{"prove entry 1/2", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.ProveEntry(ctx, &piinguinv1.ProveEntryRequest{Log: "1", Index: 2})
		return err
	}, ""},
	{"prove consistency 1 from 2", true, func(ctx context.Context, c *client.Client) error {
		_, err := c.ProveConsistency(ctx, &piinguinv1.ProveConsistencyRequest{Log: "1", OldSize: 2})
		return err
	}, ""},
	{"tile of 1", true, nil, "/log/1/tile/0/000.p/2"},
	{"entries 1/0 to 1", false, nil, "/log/1/tile/entries/000.p/2"},
}

// review does a review as a role, and returns the reason of its failure.
func (v *memServer) review(t *testing.T, i int, role string) string {
	t.Helper()
	r := reviews[i]
	if r.call != nil {
		return reason(r.call(t.Context(), v.as(t, role)))
	}
	status, body := v.send(t, http.MethodGet, r.path, "dev-"+role, nil)
	if status == http.StatusOK {
		return ""
	}
	_, after, _ := strings.Cut(body, `"reason":"`)
	text, _, _ := strings.Cut(after, `"`)
	return text
}

// TestReviewsOnRecord: the entry of a reading of the ledger says what was asked, how it ended and
// TestListNamesItsOwnEntry: a list, also an empty one, has the receipt of the entry that records it.
func TestListNamesItsOwnEntry(t *testing.T) {
	s := newMemServer(t, nil)
	auditor := s.as(t, "auditor")
	for _, subject := range []string{"", "nothing is known of it"} {
		req := &piinguinv1.ListEntriesRequest{}
		if subject != "" {
			req.Subjects = []string{subject}
		}
		list, err := auditor.ListEntries(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if subject != "" && len(list.GetEntries()) != 0 {
			t.Errorf("%d entries", len(list.GetEntries()))
		}
		r := list.GetReceipt()
		own, err := auditor.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{Log: r.GetLog(), Index: r.GetIndex()})
		if err != nil {
			t.Fatal(err)
		}
		e := own.GetEntry()
		leaf := audit.LeafHash([]byte(e.GetLine()))
		if e.GetOperation() != piinguinv1.Operation_REVIEW || e.GetModifiedValue() != subject || !bytes.Equal(leaf[:], r.GetLeafHash()) {
			t.Errorf("the receipt is of %s", e.GetLine())
		}
	}
}

// by which policy. A ledger that is not whole is told as such, and as nothing that passes.
func TestReviewsOnRecord(t *testing.T) {
	for i, r := range reviews {
		for _, c := range []struct {
			role           string
			fault          error
			reason, policy string
			outcome        audit.Outcome
		}{
			{"auditor", nil, "", "auditor-reviews", audit.Granted},
			{"auditor", &audit.RowError{Row: "page 1/0", Problem: "broken"}, "ledger_not_whole", "auditor-reviews", audit.Failed},
			{"auditor", audit.ErrQuery, "query_too_large", "auditor-reviews", audit.Failed},
			{"auditor", errEngine, "audit_unavailable", "auditor-reviews", audit.Failed},
			{"eraser", nil, "role_required", "role-auditor", audit.Denied},
		} {
			var broken atomic.Bool
			v := &memServer{records: &faultyStore{Mem: store.NewMem()}, ledger: audit.NewMem()}
			v.testServer, _ = newTestServer(t, v.records, audit.Config{AppendTimeout: time.Minute, Store: audittest.NewFaulty(v.ledger,
				func(op string, _ int) (f audittest.Fault) {
					if op != audittest.Commit && broken.Load() {
						f.Err = c.fault
					}
					return f
				})})
			for range 3 {
				_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
				wantFailure(t, "read", err, twirp.NotFound, "not_found")
			}
			broken.Store(true)
			if got := v.review(t, i, c.role); got != c.reason {
				t.Errorf("%s as %s, the ledger fails with %v: %q, want %q", r.reference, c.role, c.fault, got, c.reason)
			}
			entries := v.entries(t)[3:]
			if r.hashes && c.outcome != audit.Denied {
				if len(entries) > 0 {
					t.Errorf("%s: the entry %+v", r.reference, entries[0])
				}
				continue
			}
			if len(entries) != 1 {
				t.Errorf("%s as %s: %d entries", r.reference, c.role, len(entries))
				continue
			}
			e := entries[0]
			want := audit.Entry{
				Ledger: ledgerName, Log: 1, Index: e.Index, Time: e.Time, RequestID: e.RequestID, Operation: audit.Review, Outcome: c.outcome,
				Reason: c.reason, Policy: c.policy, Reference: r.reference, Caller: "dev-" + c.role, Authentication: "token",
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Errorf("%s as %s, the ledger fails with %v (-want +got):\n%s", r.reference, c.role, c.fault, diff)
			}
		}
	}
}
