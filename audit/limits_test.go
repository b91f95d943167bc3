package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// TestForgedByAnotherKey rewrites a log, and then everything, by a key that is not the ledger's.
func TestForgedByAnotherKey(t *testing.T) {
	own := newKey(t, 1).Verifier()
	m, forged := newFilled(t, 2), audit.NewMem()
	c := config(t, forged)
	c.Key, c.Logs = newKey(t, 2), 2
	fill(t, open(t, c), 8)

	m.SetRawPages(1, forged.RawPages(1))
	for _, key := range []*audit.VerifierKey{nil, &own} {
		if diff := cmp.Diff([]string{audit.PageRow(1, 0)}, rows(mustVerify(t, m, key))); diff != "" {
			t.Errorf("one log forged, own key given %t: findings (-want +got):\n%s", key != nil, diff)
		}
	}

	m = forged // with what is derived from it, which otherwise may tell where the key does not
	m.SetRawKey(own.Text(ledgerName))
	want := []string{audit.KeyRow, audit.PageRow(audit.Spine, 0), audit.PageRow(1, 0), audit.PageRow(2, 0)}
	if diff := cmp.Diff(want, rows(mustVerify(t, m, &own))); diff != "" {
		t.Errorf("all logs forged: findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{audit.KeyRow}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("all logs forged, key from the store: findings (-want +got):\n%s", diff)
	}

	m.SetRawKey(newKey(t, 2).Verifier().Text(ledgerName))
	if r := mustVerify(t, m, nil); len(r.Findings) > 0 || !r.KeyFromStore {
		t.Errorf("the key forged too: findings %v; only a key from elsewhere tells", r.Findings)
	}
	if diff := cmp.Diff(want[1:], rows(mustVerify(t, m, &own))); diff != "" {
		t.Errorf("the key forged too: findings (-want +got):\n%s", diff)
	}
}

// TestForgedTail appends a page by a key that is not the ledger's.
func TestForgedTail(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages(1)
	m.SetRawPages(1, append(pages, audit.ForgePage(newKey(t, 1), pages, newEntry(1))))
	mustBeWhole(t, m) // by the ledger's own key it is like any other page that came after the last CHECKPOINT
	forged := m.RawPages(1)[len(pages)]
	forged.Checkpoint = audit.Resign(newKey(t, 2), forged)
	m.SetRawPages(1, append(pages, forged))
	if diff := cmp.Diff([]string{audit.PageRow(1, int64(len(pages)))}, rows(mustVerify(t, m, nil))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
