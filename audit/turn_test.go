package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func mustRotate(t *testing.T, s audit.Backend, old, next byte) {
	t.Helper()
	if err := audit.Rotate(t.Context(), s, newKey(t, old), newKey(t, next), time.Now); err != nil {
		t.Fatalf("Rotate: %v", err)
	}
}

// openWith opens a ledger with another key or name than the tests' own.
func openWith(t *testing.T, s audit.Backend, key byte, name string, logs int) (*audit.Ledger, error) {
	t.Helper()
	c := config(t, s)
	c.Key, c.Name, c.Logs = newKey(t, key), name, logs
	return audit.Open(t.Context(), c)
}

// TestRotate follows a ledger through five keys. The first one alone verifies all, before and after.
func TestRotate(t *testing.T) {
	m, kept := newHistory(t)
	running := newLedger(t, m, 1)
	for i, key := range []byte{2, 3, 4, 5} {
		old := key - 1
		mustRotate(t, m, old, key)
		mustRotate(t, m, old, key) // as after an interruption
		if _, err := openWith(t, m, old, "", 1); !errors.Is(err, audit.ErrRotated) {
			t.Errorf("Open with the old key: %v, want ErrRotated", err)
		}
		if _, err := openWith(t, m, 9, "", 1); !errors.Is(err, audit.ErrOtherKey) || errors.Is(err, audit.ErrRotated) {
			t.Errorf("Open with a key that was never the ledger's: %v, want ErrOtherKey", err)
		}
		l, err := openWith(t, m, key, "", 4+i) // one log is new
		if err != nil {
			t.Fatalf("Open with the new key: %v", err)
		}
		fill(t, l, 8)
		kept = append(kept, mustKeep(t, m, fmt.Sprintf("under key %d", key)))
		r := verifyKept(t, m, kept...)
		if len(r.Findings) > 0 || r.Kept != len(kept) || r.Keys != i+2 {
			t.Fatalf("findings %v, %d of %d kept files, %d keys", r.Findings, r.Kept, len(kept), r.Keys)
		}
	}
	if _, err := running.Append(t.Context(), newEntry(1)); !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("append by a server that has the first key: %v", err)
	}
	_ = running.Close(t.Context())
	own := newKey(t, 1).Verifier()
	for log := audit.Spine; log <= 7; log++ {
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &own, Log: &log})
		if err != nil || len(r.Findings) > 0 {
			t.Errorf("log %s alone: %v, %v", log, r.Findings, err)
		}
		if _, err := audit.Export(t.Context(), m, ledgerName, own, log, 0, io.Discard); err != nil {
			t.Errorf("Export of log %s: %v", log, err)
		}
	}
	for i := range kept {
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &own, From: &kept[i], Kept: each(kept[i:]...)})
		if err != nil || len(r.Findings) > 0 {
			t.Errorf("from %s: %v, %v", kept[i].Name, r.Findings, err)
		}
	}
	proof, err := audit.ProveEntry(t.Context(), m, 1, 3)
	lines, lineErr := audit.Lines(t.Context(), m, 1, 3, 1)
	if err != nil || lineErr != nil || audit.CheckProof(newKey(t, 5).Verifier(), proof, lines[0]) != nil {
		t.Errorf("an entry is not proven under the newest key: %v, %v", err, lineErr)
	}
}

// TestRotateToAFormerKey holds that no key comes back, also where the first rotation was not completed.
func TestRotateToAFormerKey(t *testing.T) {
	m, kept := newHistory(t)
	mustRotate(t, m, 1, 2)
	for range 2 {
		before := m.RawPages(audit.Spine)
		err := audit.Rotate(t.Context(), m, newKey(t, 2), newKey(t, 1), time.Now)
		if err == nil || !strings.Contains(err.Error(), "has signed this ledger before") {
			t.Errorf("Rotate to the first key: %v", err)
		}
		if after := m.RawPages(audit.Spine); len(after) != len(before) {
			t.Errorf("it wrote %d pages", len(after)-len(before))
		}
		mustRotate(t, m, 1, 2) // again, which writes nothing
	}
	mustRotate(t, m, 2, 3)
	if err := audit.Rotate(t.Context(), m, newKey(t, 3), newKey(t, 2), time.Now); err == nil {
		t.Error("Rotate to the second key again")
	}
	if r := verifyKept(t, m, kept...); len(r.Findings) > 0 || r.Keys != 3 {
		t.Errorf("report: %+v", r)
	}
}

// TestServerOfTheOldKey holds that a server that runs while the key is rotated writes nothing more, and
// says why.
func TestServerOfTheOldKey(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	mustAppend(t, l, newEntry(1))
	mustRotate(t, m, 1, 2)
	for range 2 {
		if _, err := l.Append(t.Context(), newEntry(2)); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, audit.ErrRotated) {
			t.Errorf("append: %v, want ErrUnavailable and ErrRotated", err)
		}
	}
	if err := l.Close(t.Context()); !errors.Is(err, audit.ErrRotated) {
		t.Errorf("Close: %v, want ErrRotated", err)
	}
	if got := times(t, m, "r-2"); got != 0 {
		t.Errorf("the entry is %d times in the ledger", got)
	}
	mustBeWhole(t, m)
}

// TestIndexerOfTheOldKey holds that a server that runs while the key is rotated signs no run of the index any
// more, also of the logs that nobody else derives. Such a run would take the place of one that counts.
func TestIndexerOfTheOldKey(t *testing.T) {
	m, _ := newHistory(t)
	// Else it derives what the history left, before the rotation or just then, where it may.
	if err := audit.Reindex(t.Context(), m, newKey(t, 1), nil); err != nil {
		t.Fatal(err)
	}
	s := &puts{Mem: m}
	c := config(t, s)
	c.Period = time.Millisecond
	old := open(t, c) // of log 1
	mustRotate(t, m, 1, 2)
	derivesNothing := audittest.NewFaulty(m, func(op string, _ int) (f audittest.Fault) {
		if op == audittest.PutBlobs {
			f.Err = errEngine
		}
		return f
	})
	next, err := openWith(t, derivesNothing, 2, "", 3)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, next, 120)
	looks := func() bool {
		return slices.ContainsFunc(s.put(nil), func(b audit.Blob) bool { return b.Log == 3 && b.Kind == "summary/0" })
	}
	for end := time.Now().Add(time.Minute); !looks(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the old server does not look at the log")
		}
	}
	_ = old.Close(t.Context()) // ErrRotated, if it had something to write
	for _, b := range s.put(nil) {
		if b.Kind == audit.RunKind(0) {
			t.Errorf("it put the run %d of log %s", b.Number, b.Log)
		}
	}
	mustBeWhole(t, m)
}

// TestSlowIndexerOfTheOldKey holds the same of a server that reads nothing, as it derives the pages that it has
// written itself, and is so slow that a server with the new key has derived past it.
func TestSlowIndexerOfTheOldKey(t *testing.T) {
	synctest.Test(t, slowIndexerOfTheOldKey)
}

func slowIndexerOfTheOldKey(t *testing.T) {
	m := audit.NewMem()
	met, goOn := make(chan struct{}), make(chan struct{})
	s := &puts{Mem: m, before: sync.OnceFunc(func() { close(met); <-goOn })}
	old := open(t, config(t, s))
	entries := make([]audit.Entry, 100)
	for i := range entries {
		entries[i] = newEntry(i)
	}
	mustAppend(t, old, entries...)
	<-met
	s.looks.Store(0) // those of its start
	mustRotate(t, m, 1, 2)
	next, err := openWith(t, m, 2, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, next, 120)
	if err := audit.Reindex(t.Context(), m, newKey(t, 2), nil); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	synctest.Wait()
	looks := s.looks.Load()
	_ = old.Close(t.Context()) // ErrRotated, if it had something to write
	puts := slices.DeleteFunc(slices.Clone(s.put(nil)), func(b audit.Blob) bool { return b.Kind != audit.RunKind(0) })
	for _, b := range puts {
		t.Errorf("it put the run %d of log %s", b.Number, b.Log)
	}
	if len(puts) == 0 && looks == 0 {
		t.Error("the old server neither looks at the log's end nor puts a run")
	}
	mustBeWhole(t, m)
}

// puts notes the blobs that are put, and counts the looks at the end of a log.
type puts struct {
	*audit.Mem
	before func() // each put, if it is not nil
	looks  atomic.Int64
	mu     sync.Mutex
	all    []audit.Blob
}

func (p *puts) Last(ctx context.Context, log audit.LogID) (audit.Page, error) {
	p.looks.Add(1)
	return p.Mem.Last(ctx, log)
}

func (p *puts) put(some []audit.Blob) []audit.Blob {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, some...)
	return p.all
}

func (p *puts) PutBlobs(ctx context.Context, some []audit.Blob) error {
	if p.put(some); p.before != nil {
		p.before()
	}
	return p.Mem.PutBlobs(ctx, some)
}

// TestRotateInterrupted ends a rotation at each of its writes. The ledger is whole then, and the same
// rotation again completes it.
func TestRotateInterrupted(t *testing.T) {
	for n := 1; ; n++ {
		m, kept := newHistory(t)
		met := false
		s := audittest.NewFaulty(m, func(op string, at int) (f audittest.Fault) {
			if op == audittest.Commit && at == n {
				met = true
				f.Err = fmt.Errorf("%w: %w", audit.ErrLost, errEngine)
			}
			return f
		})
		if err := audit.Rotate(t.Context(), s, newKey(t, 1), newKey(t, 2), time.Now); met != errors.Is(err, errEngine) {
			t.Errorf("commit %d: Rotate: %v", n, err)
		}
		if r := verifyKept(t, m, kept...); len(r.Findings) > 0 {
			t.Errorf("commit %d: findings %v", n, r.Findings)
		}
		mustRotate(t, m, 1, 2)
		l, err := openWith(t, m, 2, ledgerName, 3)
		if err != nil {
			t.Fatalf("commit %d: Open: %v", n, err)
		}
		fill(t, l, 3)
		if r := verifyKept(t, m, kept...); len(r.Findings) > 0 || r.Keys != 2 {
			t.Errorf("commit %d: findings %v, %d keys", n, r.Findings, r.Keys)
		}
		if !met {
			return
		}
	}
}

// TestRestart lets a ledger go on from an older copy, under another name. What was lost is said, and
// what is kept of more than that is a finding.
func TestRestart(t *testing.T) {
	const next = "vault.example.com/restored"
	_, kept, copies := newCopies(t)
	m := copies[1]
	for range 2 { // the second time as after an interruption
		if err := audit.Restart(t.Context(), m, newKey(t, 1), next, &kept[2], time.Now); err != nil {
			t.Fatalf("Restart: %v", err)
		}
	}
	if _, err := openWith(t, m, 1, ledgerName, 1); !errors.Is(err, audit.ErrOtherName) {
		t.Errorf("Open under the old name: %v, want ErrOtherName", err)
	}
	for _, name := range []string{next, ""} {
		l, err := openWith(t, m, 1, name, 3)
		if err != nil || l.Name() != next {
			t.Fatalf("Open under the new name: %v", err)
		}
		fill(t, l, 6)
	}
	after := mustKeep(t, m, "after")
	own := newKey(t, 1).Verifier()
	verify := func(kept ...audit.KeptFile) audit.Report {
		t.Helper()
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Key: &own, Kept: each(kept...)})
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		return r
	}
	if r := verify(kept[0], kept[1], kept[2], after); len(r.Findings) > 0 || r.Kept != 3 || r.Lost != 1 || r.Name != next {
		t.Errorf("findings %v, %d kept, %d lost, name %s; want 3, 1 and the new name", r.Findings, r.Kept, r.Lost, r.Name)
	}
	if r := verify(kept[3]); len(r.Findings) != 1 || r.Findings[0].Row != "kept checkpoint "+kept[3].Name {
		t.Errorf("a file of more than was declared lost: findings %v", r.Findings)
	}
	var lines bytes.Buffer
	if _, err := audit.Export(t.Context(), m, ledgerName, own, 1, 0, &lines); err != nil || !bytes.Contains(lines.Bytes(), []byte(`"operation":"ROLLBACK"`)) {
		t.Errorf("Export: %v", err)
	}
}

// TestRestartKeepsItsName holds that a restored ledger does not go on under the name that it had.
func TestRestartKeepsItsName(t *testing.T) {
	m := newFilled(t, 1)
	for _, name := range []string{ledgerName, "Not a name", ""} {
		if err := audit.Restart(t.Context(), m, newKey(t, 1), name, nil, time.Now); err == nil {
			t.Errorf("Restart under %q succeeds", name)
		}
	}
	mustBeWhole(t, m)
}

// TestRestartOfAFullCopy: a copy that has all that was kept loses nothing, and one that was written to
// under the old name contradicts what was kept.
func TestRestartOfAFullCopy(t *testing.T) {
	const next = "vault.example.com/staging"
	_, kept, copies := newCopies(t)
	m := copies[1]
	if err := audit.Restart(t.Context(), m, newKey(t, 1), next, &kept[1], time.Now); err != nil {
		t.Fatalf("Restart of a copy with all that was kept: %v", err)
	}
	r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Kept: each(kept[0], kept[1])})
	if err != nil || len(r.Findings) > 0 || r.Kept != 2 || r.Lost != 0 {
		t.Errorf("findings %v, %d kept, %d lost, %v; want 2 and none", r.Findings, r.Kept, r.Lost, err)
	}
	_, kept, copies = newCopies(t)
	m = copies[0]
	for range 3 {
		l := newLedger(t, m, 2)
		fill(t, l, 2)
		mustClose(t, l)
	}
	if err := audit.Restart(t.Context(), m, newKey(t, 1), next, &kept[1], time.Now); err == nil || !strings.Contains(err.Error(), "restore it again") {
		t.Errorf("Restart of a copy that was written to: %v", err)
	}
}

// TestHalt: a ledger that is found to be an older copy signs nothing more.
func TestHalt(t *testing.T) {
	m := audit.NewMem()
	l := newLedger(t, m, 1)
	mustAppend(t, l, newEntry(1))
	l.Halt(audit.ErrBehind)
	if _, err := l.Append(t.Context(), newEntry(2)); !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, audit.ErrBehind) {
		t.Errorf("Append: %v, want ErrUnavailable and ErrBehind", err)
	}
	held := audit.Entry{Operation: audit.Held, Reference: "case 1", RequestID: "1"}
	if _, err := l.Hold(t.Context(), held); !errors.Is(err, audit.ErrBehind) {
		t.Errorf("Hold: %v, want ErrBehind", err)
	}
	if err := l.Ready(t.Context()); !errors.Is(err, audit.ErrBehind) {
		t.Errorf("Ready: %v, want ErrBehind", err)
	}
	before := len(m.RawPages(audit.Spine))
	mustClose(t, l)
	if after := len(m.RawPages(audit.Spine)); after != before {
		t.Errorf("closing wrote %d pages to the spine", after-before)
	}
}
