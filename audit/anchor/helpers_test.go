package anchor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

// ledgerName is the ledger of the tests, and the origin of its spine.
const ledgerName = "vault.example.com/pii"

// opened is the size of the spine of a new ledger: its OPEN, and the CHECKPOINT that lists log 1.
const opened = 2

var errPlace = errors.New("the place failed")

// rig is a ledger in memory, a place, and what was reported.
type rig struct {
	ledger anchor.Ledger
	writer *audit.Ledger
	config audit.Config
	place  *anchortest.Memory

	mu       sync.Mutex
	failures []anchor.Failure
}

// newRig opens a ledger whose clock begins at a minute, so that two of one minute are equal in all
// their entries, and two of different ones in none.
func newRig(t *testing.T, minute int) *rig {
	t.Helper()
	at := time.Date(2026, time.February, 3, 4, minute, 0, 0, time.UTC)
	r := &rig{place: &anchortest.Memory{}, config: audit.Config{
		Store: audit.NewMem(), Key: newKey(t, 1), Name: ledgerName, AppendTimeout: 2 * time.Minute,
		Period: 10_000 * time.Hour, Now: func() time.Time { return at },
	}}
	r.writer = r.open(t)
	r.ledger = r.writer
	t.Cleanup(func() { _ = r.writer.Close(context.Background()) })
	return r
}

func newKey(t *testing.T, seed byte) audit.Key {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (r *rig) open(t *testing.T) *audit.Ledger {
	t.Helper()
	l, err := audit.Open(t.Context(), r.config)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// grow has other servers, one after the other, append an entry each. Each one's end puts a CHECKPOINT
// into the spine, which is one entry longer then.
func (r *rig) grow(t *testing.T, servers int) {
	t.Helper()
	for i := range servers {
		l := r.open(t)
		_, err := l.Append(t.Context(), audit.Entry{
			Operation: audit.Read, Outcome: audit.Granted, Caller: "desk", Authentication: "token",
			Basis: "CONTRACT", Purpose: "support", ModifiedValue: "m-1", RequestID: fmt.Sprintf("r-%d", i),
		})
		if err = errors.Join(err, l.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) anchorConfig(witnesses ...anchor.Witness) anchor.Config {
	return anchor.Config{Ledger: r.ledger, Place: r.place, Witnesses: witnesses, Timeout: time.Minute, Report: r.report}
}

func (r *rig) report(f anchor.Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, f)
}

// reported returns what was reported since it was last called, as reason and witness.
func (r *rig) reported() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, f := range r.failures {
		all = append(all, strings.TrimSpace(string(f.Reason)+" "+f.Witness))
	}
	r.failures = nil
	return all
}

func (r *rig) anchors(t *testing.T, witnesses ...anchor.Witness) *anchor.Anchors {
	t.Helper()
	a, err := anchor.New(r.anchorConfig(witnesses...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// keptData is what the ledger would keep now.
func (r *rig) keptData(t *testing.T) []byte {
	t.Helper()
	data, _, err := r.writer.Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// put puts a file into the place, as somebody else would.
func (r *rig) put(t *testing.T, name string, data []byte) {
	t.Helper()
	r.place.Remove(name)
	if err := r.place.Keep(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
}

// mustBeKept verifies with torchwood alone that a CHECKPOINT is kept with its proof in the spine of a
// size, signed by the ledger and cosigned by exactly these witnesses.
func (r *rig) mustBeKept(t *testing.T, size int64, witnesses ...*anchortest.Witness) {
	t.Helper()
	name := anchor.Name(ledgerName, size)
	kept := r.place.Kept(name)
	if kept == nil {
		t.Fatalf("%s is not kept; reported: %q", name, r.reported())
	}
	line, proof, _ := bytes.Cut(kept, []byte("\n"))
	if e, err := audit.Parse(line); err != nil || e.Operation != audit.Checkpoint || e.Ledger != ledgerName {
		t.Errorf("%s begins with %q: %v", name, line, err)
	}
	p := r.policy(t, witnesses)
	if err := torchwood.VerifyProof(p, tlog.RecordHash(line), proof); err != nil {
		t.Fatalf("what is kept does not verify: %v\n%s", err, kept)
	}
	_, signed, _ := bytes.Cut(proof, []byte("\n\n"))
	c, n, err := torchwood.VerifyCheckpoint(signed, p)
	if err != nil || c.Origin != ledgerName || c.N != size || len(n.Sigs) != 1+len(witnesses) || len(n.UnverifiedSigs) != 0 {
		t.Errorf("kept under %s: %v\n%s", name, err, kept)
	}
}

// policy wants the ledger's signature and those of all witnesses.
func (r *rig) policy(t *testing.T, witnesses []*anchortest.Witness) torchwood.Policy {
	t.Helper()
	policy, quorum := "log "+r.config.Key.Verifier().Text(ledgerName)+"\n", "none"
	for _, w := range witnesses {
		policy += w.Line()
	}
	if len(witnesses) > 0 {
		policy, quorum = policy+"group everyone all", "everyone"
		for _, w := range witnesses {
			policy += " " + w.Name
		}
		policy += "\n"
	}
	p, err := torchwood.ParsePolicy([]byte(policy + "quorum " + quorum + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *rig) mustReport(t *testing.T, want ...string) {
	t.Helper()
	mustEqual(t, "reported", r.reported(), want)
}

func mustEqual(t *testing.T, what string, got, want []string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// changed is a ledger that a test changes while it is anchored.
type changed struct {
	anchor.Ledger
	keep    func() ([]byte, int64, error) // nil for the ledger's own
	compare func(f audit.KeptFile) error
}

func (c *changed) Keep(ctx context.Context) ([]byte, int64, error) {
	if c.keep != nil {
		return c.keep()
	}
	return c.Ledger.Keep(ctx)
}

func (c *changed) Compare(ctx context.Context, f audit.KeptFile) error {
	if c.compare != nil {
		return c.compare(f)
	}
	return c.Ledger.Compare(ctx, f)
}
