package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// What Verify cannot find, and what it finds next to that.

// TestCutTail documents that a log whose last pages were all removed is whole in
// itself: only a checkpoint that was kept elsewhere tells that more was there.
func TestCutTail(t *testing.T) {
	given := newKey(t, 1).Verifier()
	m := newFilled(t, 1)
	pages := m.RawPages("piinguin-1")
	kept := mustVerify(t, m, &given).Logs[0]
	for cut := 1; cut < len(pages); cut++ {
		m.SetRawPages("piinguin-1", pages[:len(pages)-cut])
		r := mustVerify(t, m, &given)
		if len(r.Findings) > 0 {
			t.Errorf("%d pages cut: findings %v; the package says that there are none", cut, r.Findings)
		}
		if now := r.Logs[0]; now.Size >= kept.Size || now.Root == kept.Root {
			t.Errorf("%d pages cut: size %d, and the kept checkpoint has %d; want less", cut, now.Size, kept.Size)
		}
	}
	m.SetRawPages("piinguin-1", nil)
	if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", 0)}, rows(mustVerify(t, m, &given))); diff != "" {
		t.Errorf("all pages cut: findings (-want +got):\n%s", diff)
	}
}

// TestForkWithTheKey documents that whoever has the secret key can write another
// history, whole in itself, that differs from a kept checkpoint.
func TestForkWithTheKey(t *testing.T) {
	given := newKey(t, 1).Verifier()
	m := newFilled(t, 1)
	kept := mustVerify(t, m, &given).Logs[0]
	m.SetRawPages("piinguin-1", m.RawPages("piinguin-1")[:2])
	fork := newLedger(t, m, 1)
	for n := range 3 {
		mustAppend(t, fork, newEntry(1000+2*n), newEntry(1001+2*n))
	}
	mustClose(t, fork)
	r := mustVerify(t, m, &given)
	if len(r.Findings) > 0 {
		t.Errorf("findings %v; the package says that there are none", r.Findings)
	}
	if now := r.Logs[0]; now.Size != kept.Size || now.Root == kept.Root {
		t.Errorf("size %d and root %v; want %d and another root than the kept", now.Size, now.Root, kept.Size)
	}
}

// TestForgedByAnotherKey rewrites a log, and then everything, by a key that is not
// the ledger's.
func TestForgedByAnotherKey(t *testing.T) {
	own := newKey(t, 1).Verifier()
	m, forged := newFilled(t, 2), audit.NewMem()
	l, err := audit.Open(t.Context(), audit.Config{Store: forged, Key: newKey(t, 2), Logs: 2})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		mustAppend(t, l, newEntry(n))
	}
	mustClose(t, l)

	m.SetRawPages("piinguin-1", forged.RawPages("piinguin-1"))
	for _, key := range []*audit.VerifierKey{nil, &own} {
		if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", 0)}, rows(mustVerify(t, m, key))); diff != "" {
			t.Errorf("one log forged, own key given %t: findings (-want +got):\n%s", key != nil, diff)
		}
	}

	m.SetRawPages("piinguin-2", forged.RawPages("piinguin-2"))
	want := []string{audit.PageRow("piinguin-1", 0), audit.PageRow("piinguin-2", 0)}
	if diff := cmp.Diff(want, rows(mustVerify(t, m, &own))); diff != "" {
		t.Errorf("all logs forged: findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{audit.KeyRow}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("all logs forged, key from the store: findings (-want +got):\n%s", diff)
	}

	m.SetRawKey(newKey(t, 2).Verifier().Text(audit.KeyName))
	if r := mustVerify(t, m, nil); len(r.Findings) > 0 || !r.KeyFromStore {
		t.Errorf("the key forged too: findings %v; only a key from elsewhere tells", r.Findings)
	}
	if diff := cmp.Diff(want, rows(mustVerify(t, m, &own))); diff != "" {
		t.Errorf("the key forged too: findings (-want +got):\n%s", diff)
	}
}

// TestForgedTail appends a page by a key that is not the ledger's.
func TestForgedTail(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages("piinguin-1")
	forged := audit.NewMem()
	l, err := audit.Open(t.Context(), audit.Config{Store: forged, Key: newKey(t, 2)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(pages) {
		mustAppend(t, l, newEntry(n))
	}
	mustClose(t, l)
	end := len(pages)
	m.SetRawPages("piinguin-1", append(pages, forged.RawPages("piinguin-1")[end]))
	if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", int64(end))}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
