package anchor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

const log1 = "piinguin-1"

var errPlace = errors.New("the place failed")

// rig is a ledger of logs in memory, a place, and what was reported.
type rig struct {
	ledger anchor.Ledger
	writer *audit.Ledger
	key    audit.Key
	place  *anchortest.Memory

	mu       sync.Mutex
	failures []anchor.Failure
}

// newRig opens a ledger whose clock begins at a minute, so that two of them differ
// in all their entries.
func newRig(t *testing.T, logs, minute int) *rig {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.February, 3, 4, minute, 0, 0, time.UTC)
	l, err := audit.Open(t.Context(), audit.Config{
		Store: audit.NewMem(), Key: key, Logs: logs, AppendTimeout: 2 * time.Minute, Now: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return &rig{ledger: l, writer: l, key: key, place: &anchortest.Memory{}}
}

func (r *rig) grow(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		_, err := r.writer.Append(t.Context(), audit.Entry{
			Operation: audit.Read, Outcome: audit.Granted, Caller: "desk", Authentication: "token",
			Basis: "CONTRACT", Purpose: "support", ModifiedValue: "m-1", RequestID: fmt.Sprintf("r-%d", i),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) config(witnesses ...anchor.Witness) anchor.Config {
	return anchor.Config{Ledger: r.ledger, Place: r.place, Witnesses: witnesses, Timeout: time.Minute, Report: r.report}
}

func (r *rig) report(f anchor.Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, f)
}

// reported returns what was reported since it was last called, as reason, log and witness.
func (r *rig) reported() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, f := range r.failures {
		all = append(all, fmt.Sprintf("%s %s %s", f.Reason, f.Log, f.Witness))
	}
	r.failures = nil
	return all
}

func (r *rig) anchors(t *testing.T, witnesses ...anchor.Witness) *anchor.Anchors {
	t.Helper()
	a, err := anchor.New(r.config(witnesses...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// mustBeKept verifies with torchwood alone that a log's checkpoint of a size is kept,
// signed by the ledger and cosigned by exactly these witnesses.
func (r *rig) mustBeKept(t *testing.T, log string, size int64, witnesses ...*anchortest.Witness) {
	t.Helper()
	kept := r.place.Read(anchor.Name(log, size))
	if kept == nil {
		t.Fatalf("%s is not kept; reported: %q", anchor.Name(log, size), r.reported())
	}
	policy := "log " + r.key.Verifier().Text(log) + "\n"
	quorum := "none"
	for _, w := range witnesses {
		policy += w.Line()
	}
	if len(witnesses) > 0 {
		policy += "group everyone all"
		for _, w := range witnesses {
			policy += " " + w.Name
		}
		policy, quorum = policy+"\n", "everyone"
	}
	p, err := torchwood.ParsePolicy([]byte(policy + "quorum " + quorum + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	c, n, err := torchwood.VerifyCheckpoint(kept, p)
	if err != nil {
		t.Fatalf("what is kept does not verify: %v\n%s", err, kept)
	}
	if c.Origin != log || c.N != size || len(n.Sigs) != 1+len(witnesses) || len(n.UnverifiedSigs) != 0 {
		t.Errorf("kept under %s:\n%s", anchor.Name(log, size), kept)
	}
}

func mustEqual(t *testing.T, what string, got, want []string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// changed is a ledger whose checkpoints a test changes.
type changed struct {
	*audit.Ledger
	logs       func() ([]string, error)
	checkpoint func(log string, signed []byte, tree tlog.Tree) ([]byte, tlog.Tree, error)
}

func (c *changed) Checkpoint(ctx context.Context, log string) ([]byte, tlog.Tree, error) {
	signed, tree, err := c.Ledger.Checkpoint(ctx, log)
	if err == nil && c.checkpoint != nil {
		return c.checkpoint(log, signed, tree)
	}
	return signed, tree, err
}

func (c *changed) Logs(ctx context.Context) ([]string, error) {
	if c.logs != nil {
		return c.logs()
	}
	return c.Ledger.Logs(ctx)
}
