package server_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// reply is what a caller has of one call, single or of many.
type reply struct {
	released []string // the pseudonyms whose originals came
	receipts []*piinguinv1.AuditReceipt
	errs     []error // of the call or of its items
	// What the single answers said.
	values                       []string
	observed                     []time.Time
	places                       []int // of what was released, among what was asked for
	replaced, superseded, erased []bool
}

// item notes the error of an item of a batch as the Twirp error that it stands for.
func (r *reply) item(e *piinguinv1.Error) bool {
	if e != nil {
		r.errs = append(r.errs, twirp.NewError(twirp.ErrorCode(e.GetCode()), "item").WithMeta("reason", e.GetReason()))
	}
	return e != nil
}

func (r *reply) read(place int, got *piinguinv1.PiiRecord, receipt *piinguinv1.AuditReceipt) {
	r.places = append(r.places, place)
	r.released, r.values = append(r.released, got.GetModifiedValue()), append(r.values, got.GetOriginalValue())
	r.observed = append(r.observed, got.GetObservedAt().AsTime())
	r.receipts = append(r.receipts, receipt)
}

// doCreate, doRead and doDelete make a single call for one item, and else one of many.

func doCreate(ctx context.Context, c *client.Client, records ...*piinguinv1.PiiRecord) (r reply) {
	results := []*piinguinv1.CreatePiiRecordResult{}
	if len(records) == 1 {
		got, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: records[0]})
		if err != nil {
			return reply{errs: []error{err}}
		}
		results = append(results, &piinguinv1.CreatePiiRecordResult{Replaced: got.GetReplaced(), Superseded: got.GetSuperseded(), Receipt: got.GetReceipt()})
	} else {
		got, err := c.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{PiiRecords: records})
		if err != nil {
			return reply{errs: []error{err}}
		}
		results = got.GetResults()
	}
	for _, got := range results {
		if !r.item(got.GetError()) {
			r.replaced, r.superseded = append(r.replaced, got.GetReplaced()), append(r.superseded, got.GetSuperseded())
			r.receipts = append(r.receipts, got.GetReceipt())
		}
	}
	return r
}

func doRead(ctx context.Context, c *client.Client, keys ...string) (r reply) {
	if len(keys) == 1 {
		got, err := c.ReadPiiRecord(ctx, readRequest(keys[0]))
		if err != nil {
			return reply{errs: []error{err}}
		}
		r.read(0, got.GetPiiRecord(), got.GetReceipt())
		return r
	}
	got, err := c.ReadPiiRecords(ctx, readsRequest(keys...))
	if err != nil {
		return reply{errs: []error{err}}
	}
	for i, one := range got.GetResults() {
		if !r.item(one.GetError()) {
			r.read(i, one.GetPiiRecord(), one.GetReceipt())
		}
	}
	return r
}

func doDelete(ctx context.Context, c *client.Client, keys ...string) (r reply) {
	if len(keys) == 1 {
		got, err := c.DeletePiiRecord(ctx, deleteRequest(keys[0]))
		if err != nil {
			return reply{errs: []error{err}}
		}
		return reply{erased: []bool{got.GetErased()}, receipts: []*piinguinv1.AuditReceipt{got.GetReceipt()}}
	}
	got, err := c.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: keys})
	if err != nil {
		return reply{errs: []error{err}}
	}
	for _, one := range got.GetResults() {
		if !r.item(one.GetError()) {
			r.erased, r.receipts = append(r.erased, one.GetErased()), append(r.receipts, one.GetReceipt())
		}
	}
	return r
}

// doReview is a call to the ledger, of which only the error matters.
func doReview(_ any, err error) reply {
	if err != nil {
		return reply{errs: []error{err}}
	}
	return reply{}
}

// wantProper holds the errors of a reply against those that a fault of an engine may
// become: a code and a stable reason, and nothing of what is behind. left says that
// the caller itself went away.
func (r reply) wantProper(t tester, left bool) {
	t.Helper()
	for _, err := range r.errs {
		if !left || !errors.Is(err, context.Canceled) {
			wantProperError(t, err)
		}
	}
}

// wantProperOr is wantProper where one more reason is right.
func (r reply) wantProperOr(t tester, reason string) {
	t.Helper()
	for _, err := range r.errs {
		wantProperError(t, err, reason)
	}
}

func wantProperError(t tester, err error, more ...string) {
	t.Helper()
	var te twirp.Error
	if !errors.As(err, &te) {
		t.Errorf("%v is no Twirp error", err)
		return
	}
	code := map[string]twirp.ErrorCode{
		"audit_unavailable": twirp.Unavailable, "store_unavailable": twirp.Unavailable,
		"deadline_exceeded": twirp.DeadlineExceeded,
	}
	for _, reason := range more {
		code[reason] = twirp.ErrorCode(reason)
	}
	if want := code[te.Meta("reason")]; want == "" || te.Code() != want {
		t.Errorf("the error is %s %s: %v", te.Code(), te.Meta("reason"), te)
	}
	if te.Meta("cause") != "" || strings.Contains(te.Error(), "CANARY") {
		t.Errorf("the error tells too much: %v %v", te, te.MetaMap())
	}
}

// allEntries returns the entries of every log of a ledger, which has to be whole.
func allEntries(t tester, ledger audit.Store) []audit.Entry {
	t.Helper()
	report, err := audit.Verify(t.Context(), ledger, audit.VerifyOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("Verify: %v %v", report.Findings, err)
	}
	var all []audit.Entry
	for _, l := range report.Logs {
		for p, err := range ledger.Pages(t.Context(), l.Log, 0) {
			if err != nil {
				t.Fatal(err)
			}
			entries, err := p.Entries()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entries...)
		}
	}
	return all
}

// keepsPromise verifies the whole ledger and holds what left the server against it: an
// entry for every value that is anywhere in the bytes of the answers, and one where
// each receipt says.
func (f *testServer) keepsPromise(t tester, ledger audit.Store, replies ...reply) []audit.Entry {
	t.Helper()
	left := strings.Count(f.answers.String(), canary) // first: what comes later may have its entry later
	entries := allEntries(t, ledger)
	granted := map[string]int{}
	total := 0
	for _, e := range entries {
		if e.Operation == audit.Read && e.Outcome == audit.Granted {
			granted[e.ModifiedValue]++
			total++
		}
	}
	if left > total {
		t.Errorf("%d values left the server, and %d readings are in the ledger", left, total)
	}
	for _, r := range replies {
		for _, key := range r.released {
			if granted[key]--; granted[key] < 0 {
				t.Errorf("a value of %s was released without an entry", key)
			}
		}
		for _, receipt := range r.receipts {
			wantEntryOf(t, ledger, receipt)
		}
	}
	if _, metrics := f.get(t, "/metrics"); strings.Contains(f.log.String()+metrics, "CANARY") {
		t.Errorf("the log or the metrics hold an original value:\n%s\n%s", f.log, metrics)
	}
	return entries
}

func wantEntryOf(t tester, ledger audit.Store, r *piinguinv1.AuditReceipt) {
	t.Helper()
	log, err := audit.ParseLogID(r.GetLog())
	if err != nil {
		t.Fatal(err)
	}
	e, err := audit.OpenIndex(ledger).Entry(t.Context(), log, r.GetIndex())
	if err != nil {
		t.Fatal(err)
	}
	line, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	if leaf := audit.LeafHash(line); !slices.Equal(r.GetLeafHash(), leaf[:]) {
		t.Errorf("the receipt %v is not of the entry %s", r, line)
	}
}
