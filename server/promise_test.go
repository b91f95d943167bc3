package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/store"
)

func newLogger(w io.Writer) *stdlog.Logger { return stdlog.New(w, "", 0) }

func TestNewRefuses(t *testing.T) {
	if s, err := server.New(server.Config{}); err == nil || s != nil || !strings.Contains(err.Error(), "Ledger") {
		t.Errorf("New without a ledger: %v", err)
	}
}

// When the ledger does not confirm, whatever the way, no byte of the value leaves.
func TestNoValueWithoutEntry(t *testing.T) {
	for name, fault := range map[string]audittest.Fault{
		"fails":                {Err: errEngine},
		"hangs":                {Hang: true},
		"hangs, yet is stored": {Hang: true, Fate: audittest.Stored},
		"fails and comes late": {Err: errEngine, Fate: audittest.Late},
	} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			v := newMemServer(t, func(op string, _ int) audittest.Fault {
				if !broken.Load() {
					return audittest.Fault{}
				}
				if op != audittest.Commit { // nothing can be read back either
					return audittest.Fault{Err: errEngine}
				}
				return fault
			})
			v.put(t, "a", "b")
			broken.Store(true)
			_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
			wantFailure(t, "read", err, twirp.Unavailable, "audit_unavailable")
			_, err = v.as(t, "writer").ReadPiiRecord(t.Context(), readRequest("a"))
			wantFailure(t, "denied read", err, twirp.Unavailable, "audit_unavailable")
			out, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest("a", "b"))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.GetResults() {
				if r.GetError().GetReason() != "audit_unavailable" || r.GetPiiRecord() != nil || r.GetReceipt() != nil {
					t.Errorf("a result without an entry: %v", r.GetError())
				}
			}
			_, err = v.as(t, "writer").CreatePiiRecord(t.Context(), createRequest("c"))
			wantFailure(t, "create", err, twirp.Unavailable, "audit_unavailable")
			_, err = v.as(t, "eraser").DeletePiiRecord(t.Context(), deleteRequest("a"))
			wantFailure(t, "delete", err, twirp.Unavailable, "audit_unavailable")
			if got := v.records.Mem.Get(t.Context(), []string{"a", "c"}); got[0].Err != nil || !errors.Is(got[1].Err, store.ErrNotFound) {
				t.Error("a create or a delete took effect without its entry")
			}
			if strings.Contains(v.answers.String(), canary) {
				t.Errorf("an answer holds the original value: %s", v.answers)
			}
			if status, body := v.get(t, "/readyz"); status != http.StatusServiceUnavailable || body != "audit_unavailable\n" {
				t.Errorf("/readyz: %d %q", status, body)
			}
			if _, body := v.get(t, "/metrics"); strings.Contains(body, "piinguin_audit_append_failures_total 0\n") {
				t.Error("the metric does not count failed appends")
			}
		})
	}
}

// Every value that is answered has its entry in the ledger at that moment.
func TestEntryBeforeValue(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "a")
	for i := range 20 {
		out, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
		if err != nil || out.GetPiiRecord().GetOriginalValue() != canary {
			t.Fatalf("read %d: %v", i, err)
		}
		r := out.GetReceipt()
		e, err := audit.OpenIndex(v.ledger).Entry(t.Context(), 1, r.GetIndex())
		if err != nil {
			t.Fatal(err)
		}
		line, err := e.Format()
		if err != nil {
			t.Fatal(err)
		}
		leaf := audit.LeafHash(line)
		if !slices.Equal(r.GetLeafHash(), leaf[:]) || !r.GetTime().AsTime().Equal(e.Time) {
			t.Errorf("the receipt %v is not of the entry %s", r, line)
		}
		want := audit.Entry{
			Ledger: ledgerName, Log: 1, Index: int64(i) + 1, Time: e.Time, Operation: audit.Read, Outcome: audit.Granted,
			Caller: "dev-reader", Authentication: "token", OnBehalfOf: "somebody", Basis: "CONTRACT",
			Policy: "reader-reads", Purpose: "test", Reference: "T-1", ModifiedValue: "a", RequestID: e.RequestID,
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Error(diff)
		}
	}
	v.entries(t)
}

// Of a batch whose entries stand in two pages, only one of which is committed, only
// the values of that page are answered.
func TestHalfABatch(t *testing.T) {
	for !halfABatch(t) && !t.Failed() && t.Context().Err() == nil {
		t.Log("the machine was too slow for the first page; once more")
	}
}

// halfABatch reports whether the first page was committed in time.
func halfABatch(t *testing.T) bool {
	var commits atomic.Int64
	v := newMemServer(t, func(op string, _ int) audittest.Fault {
		if op == audittest.Commit && commits.Add(1) > openCommits+1 { // the first page
			return audittest.Fault{Hang: true}
		}
		return audittest.Fault{}
	})
	keys := make([]string, audit.MaxPageEntries+10)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%d", i)
	}
	v.put(t, keys...)
	out, err := v.as(t, "reader").ReadPiiRecords(t.Context(), readsRequest(keys...))
	if err != nil {
		t.Fatal(err)
	}
	released := 0
	for i, r := range out.GetResults() {
		has := r.GetPiiRecord() != nil
		if has && i >= audit.MaxPageEntries || has == (r.GetError() != nil) {
			t.Errorf("result %d: value %v, error %v", i, has, r.GetError())
		}
		if has {
			released++
		}
	}
	if n := len(v.entries(t)); released > 0 && n != audit.MaxPageEntries {
		t.Errorf("%d entries are durable, want %d", n, audit.MaxPageEntries)
	}
	return released == audit.MaxPageEntries
}

func TestStoreFails(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   twirp.ErrorCode
		reason string
	}{
		{store.ErrUnavailable, twirp.Unavailable, "store_unavailable"},
		{context.DeadlineExceeded, twirp.DeadlineExceeded, "deadline_exceeded"},
		{errEngine, twirp.Internal, "internal"},
	} {
		v := newMemServer(t, nil)
		v.put(t, "a")
		v.records.fail(c.err, nil)
		_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
		wantFailure(t, "read", err, c.code, c.reason)
		_, err = v.as(t, "writer").CreatePiiRecord(t.Context(), createRequest("b"))
		wantFailure(t, "create", err, c.code, c.reason)
		_, err = v.as(t, "eraser").DeletePiiRecord(t.Context(), deleteRequest("c"))
		wantFailure(t, "delete", err, c.code, c.reason)
		want := []string{
			"READ ERROR " + c.reason + " a", "CREATE GRANTED", "CREATE ERROR " + c.reason,
			"DELETE GRANTED  c", "DELETE ERROR " + c.reason + " c",
		}
		if diff := cmp.Diff(want, v.outcomes(t)); diff != "" {
			t.Errorf("%v: entries (-want +have):\n%s", c.err, diff)
		}
		if strings.Contains(v.answers.String(), canary) {
			t.Error("an answer holds the original value")
		}
		if status, body := v.get(t, "/readyz"); status != http.StatusServiceUnavailable || body != "store_unavailable\n" {
			t.Errorf("/readyz: %d %q", status, body)
		}
		v.records.fail(nil, nil)
		eventually(t, "/readyz answers 200 again", func() bool {
			status, _ := v.get(t, "/readyz")
			return status == http.StatusOK
		})
	}
}

// A panic is an internal error with a fixed text; its value is nowhere.
func TestPanic(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "a")
	v.records.fail(nil, func() { panic(canary) })
	_, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a"))
	var te twirp.Error
	if !errors.As(err, &te) || te.Code() != twirp.Internal {
		t.Errorf("a panic: %v", err)
	}
	if strings.Contains(v.answers.String(), "CANARY") {
		t.Errorf("answers %s", v.answers)
	}
	// Twirp sends its answer to a panic before anybody else learns of that.
	eventually(t, "a log line of the panic", func() bool { return strings.Contains(v.log.String(), `"message":"panic"`) })
	v.records.fail(nil, nil)
	if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

// A caller that goes away while its record is fetched leaves an entry.
func TestCallerGoesAway(t *testing.T) {
	v := newMemServer(t, nil)
	v.put(t, "a")
	ctx, leave := context.WithCancel(t.Context())
	v.records.fail(nil, leave)
	if _, err := v.as(t, "reader").ReadPiiRecord(ctx, readRequest("a")); err == nil {
		t.Error("an answer to nobody")
	}
	v.records.fail(nil, nil)
	if _, err := v.as(t, "reader").ReadPiiRecord(t.Context(), readRequest("a")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first read's entry", func() bool { return len(v.entries(t)) == 2 })
}
