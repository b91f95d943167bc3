package sqlitefile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/sqlitelog"
)

// entry is one of a kilobyte and more, so that a few fill the room that pages have left.
func entry(id string) audit.Entry {
	return audit.Entry{
		Operation: audit.Review, Outcome: audit.Granted, Caller: "auditor", RequestID: id,
		Purpose: strings.Repeat("p", 512), Reference: strings.Repeat("r", 512), OnBehalfOf: strings.Repeat("o", 512),
	}
}

// TestEngineRefusesCommits appends while SQLite refuses: nothing is confirmed that is not
// durable, the error names SQLite's code, and the ledger goes on, whole, when it can.
func TestEngineRefusesCommits(t *testing.T) {
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			path := newTestPath(t)
			f := newTestFile(t, path)
			s, err := sqlitelog.New(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			var failed commitErrors
			l := openLedger(t, &failed, s)
			confirmed := map[string]audit.Receipt{}
			appendUntil(t, l, "before", confirmed, func(err error) bool { return err == nil })
			end := c.begin(t, f, path)
			appendUntil(t, l, "meanwhile", confirmed, func(err error) bool { return err != nil })
			if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrUnavailable) {
				t.Errorf("Ready meanwhile: %v, want ErrUnavailable", err)
			}
			wantConfirmed(t, s, confirmed)
			if got := failed.texts(); !strings.Contains(got, c.code) || strings.Contains(got, "ppp") {
				t.Errorf("Commit: %s, want one that names %s and nothing stored", got, c.code)
			}
			end()
			appendUntil(t, l, "afterwards", confirmed, func(err error) bool { return err == nil })
			wantConfirmed(t, s, confirmed)
		})
	}
}

// openLedger opens a ledger that ends with the test. Its appends give up early: the refusals
// do not go away by waiting, and who fails for slowness is asked again.
func openLedger(t *testing.T, failed *commitErrors, s audit.Store) *audit.Ledger {
	t.Helper()
	key, err := audit.GenerateKey(strings.NewReader(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	failed.Store = s
	l, err := audit.Open(t.Context(), audit.Config{Store: failed, Key: key, AppendTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.WithoutCancel(t.Context())) })
	return l
}

// appendUntil appends until an append ends as wanted: a disk that is full may have room for some.
func appendUntil(t *testing.T, l *audit.Ledger, when string, confirmed map[string]audit.Receipt, wanted func(error) bool) {
	t.Helper()
	for i := range 1000 {
		id := fmt.Sprint(when, "-", i)
		d, err := l.Append(t.Context(), entry(id))
		if err == nil {
			confirmed[id] = d.Receipt()
		} else if !errors.Is(err, audit.ErrUnavailable) {
			t.Fatalf("append %s: %v, want ErrUnavailable", when, err)
		}
		if wanted(err) {
			return
		}
	}
	t.Fatalf("no append %s ended as it should", when)
}

// wantConfirmed verifies the whole ledger and looks for what was confirmed.
func wantConfirmed(t *testing.T, s audit.Store, confirmed map[string]audit.Receipt) {
	t.Helper()
	report, err := audit.Verify(t.Context(), s, audit.VerifyOptions{})
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("Verify: %v %v", report.Findings, err)
	}
	for id, r := range confirmed {
		if e, err := audit.OpenIndex(s).Entry(t.Context(), r.Log, r.Index); err != nil || e.RequestID != id {
			t.Errorf("entry %s/%d is %q, %v; want %s", r.Log, r.Index, e.RequestID, err, id)
		}
	}
}

// commitErrors keeps the texts of the commits that failed, each in a line.
type commitErrors struct {
	audit.Store
	mu   sync.Mutex
	text string
}

func (c *commitErrors) Commit(ctx context.Context, p audit.Page) error {
	err := c.Store.Commit(ctx, p)
	if err != nil {
		c.mu.Lock()
		c.text += err.Error() + "\n"
		c.mu.Unlock()
	}
	return err
}

func (c *commitErrors) texts() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text
}
