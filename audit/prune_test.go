package audit_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

var pruner = audit.Entry{Caller: "operator", RequestID: "prune"}

// TestWriterBehindAPrune has a server that shares a log come back after pages that it never saw were
// pruned. Their numbers are free again, and an entry under one of them would count as removed.
func TestWriterBehindAPrune(t *testing.T) {
	for _, leftovers := range []int{0, 2} { // that pruning has not removed yet
		m := audit.NewMem()
		now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
		c := config(t, m)
		c.Now = func() time.Time { return now }
		idle, busy := open(t, c), open(t, c)
		for n := range 6 {
			now = now.Add(time.Hour)
			mustAppend(t, busy, newEntry(n))
		}
		was := m.RawPages(1)
		if _, err := busy.Prune(t.Context(), m, now.Add(-time.Hour), pruner); err != nil {
			t.Fatalf("Prune: %v", err)
		}
		pruned := m.RawPages(1)
		m.SetRawPages(1, slices.Concat(was[int(pruned[0].Number)-leftovers:pruned[0].Number], pruned))
		r := mustAppend(t, idle, newEntry(100))[0]
		if want := was[len(was)-1].Size(); r.Log != 1 || r.Index != want {
			t.Errorf("the entry is at %d/%d, want 1/%d", r.Log, r.Index, want)
		}
		if e, err := audit.OpenIndex(m).Entry(t.Context(), r.Log, r.Index); err != nil || e.RequestID != "r-100" {
			t.Errorf("the entry is not found: %v", err)
		}
		mustAppend(t, busy, newEntry(101))
		mustClose(t, idle)
		mustClose(t, busy)
		mustBeWhole(t, m)
	}
}

// TestPruneLeavesWhatIsFresh holds that no page of the last hour goes, however late the date is: a
// server may not have seen it yet.
func TestPruneLeavesWhatIsFresh(t *testing.T) {
	m := audit.NewMem()
	now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
	c := config(t, m)
	c.Now = func() time.Time { return now }
	l := open(t, c)
	for n := range 8 {
		mustAppend(t, l, newEntry(n))
		now = now.Add(20 * time.Minute)
	}
	if _, err := l.Prune(t.Context(), m, now.AddDate(1, 0, 0), pruner); err != nil {
		t.Fatalf("Prune: %v", err)
	}
	pages := m.RawPages(1)
	if left := pages[1:]; len(left) != 3 || now.Sub(left[0].Time) != time.Hour {
		t.Errorf("%d pages are left, the first of %v ago; want 3 of the last hour", len(left), now.Sub(left[0].Time))
	}
	mustClose(t, l)
	mustBeWhole(t, m)
}

// pruned returns a ledger of 600 entries and its tiles, of which the first 300 are pruned but for the
// stub, and the rows as they were before.
func pruned(t *testing.T) (m, before *audit.Mem) {
	t.Helper()
	m = audit.NewMem()
	now := time.Date(2026, time.February, 3, 12, 0, 0, 0, time.UTC)
	c := config(t, m)
	c.Now = func() time.Time { return now }
	l := open(t, c)
	for n := range 6 {
		entries := make([]audit.Entry, 100)
		for i := range entries {
			entries[i] = newEntry(100*n + i)
		}
		mustAppend(t, l, entries...)
		now = now.Add(24 * time.Hour)
	}
	mustClose(t, l)
	before = copyOf(t, m)
	l = open(t, c)
	if _, err := l.Prune(t.Context(), m, now.AddDate(0, 0, -3), pruner); err != nil {
		t.Fatalf("Prune: %v", err)
	}
	mustClose(t, l)
	mustBeWhole(t, m)
	if stub := m.RawPages(1)[0]; !stub.Stub || stub.First != 301 || len(stub.Leaves) != 45 {
		t.Fatalf("the stub is of %d entries and has %d leaf hashes", stub.First, len(stub.Leaves))
	}
	return m, before
}

// TestLeftoversOfPruning holds that rows below a stub that a PRUNE covers are no findings, whichever
// of them are left, and that a repeat removes them.
func TestLeftoversOfPruning(t *testing.T) {
	m, before := pruned(t)
	was, now := before.RawPages(1), m.RawPages(1)
	stub := int(now[0].Number)
	for _, left := range [][]audit.Page{was[:stub], was[:1], was[1:stub], was[stub-1 : stub], {was[0], was[2]}} {
		m.SetRawPages(1, slices.Concat(left, now))
		mustBeWhole(t, m)
		if r := mustVerify(t, m, nil); r.Logs[1].Leftovers != int64(len(left)) {
			t.Errorf("Verify tells of %d leftover pages, want %d", r.Logs[1].Leftovers, len(left))
		}
		c := config(t, m)
		l := open(t, c)
		mustAppend(t, l, newEntry(9000))
		if _, err := l.Prune(t.Context(), m, was[1].Time, pruner); err != nil {
			t.Fatalf("Prune: %v", err)
		}
		mustClose(t, l)
		if first := m.RawPages(1)[0]; !first.Stub {
			t.Errorf("page %d is left", first.Number)
		}
		now = m.RawPages(1)
		mustBeWhole(t, m)
	}
}

// TestPrunedTampered changes what is left of pruned pages.
func TestPrunedTampered(t *testing.T) {
	kind := audit.BlobKind{Log: 1, Kind: "tile/0"}
	tile, stubRow := audit.BlobRow(1, "tile/0", 0), audit.PageRow(1, 3)
	for name, c := range map[string]struct {
		tamper func(m, before *audit.Mem)
		want   string
	}{
		"a tile is gone": {func(m, _ *audit.Mem) { m.SetRawBlobs(kind, m.RawBlobs(kind)[1:]) }, tile},
		"all tiles":      {func(m, _ *audit.Mem) { m.SetRawBlobs(kind, nil) }, tile},
		"a bit of a tile": {func(m, _ *audit.Mem) {
			blobs := m.RawBlobs(kind)
			blobs[0].Data = slices.Clone(blobs[0].Data)
			blobs[0].Data[77] ^= 1
			m.SetRawBlobs(kind, blobs)
		}, tile},
		"the stub is gone":      {func(m, _ *audit.Mem) { m.SetRawPages(1, m.RawPages(1)[1:]) }, stubRow},
		"the page after a stub": {func(m, _ *audit.Mem) { m.SetRawPages(1, slices.Delete(m.RawPages(1), 1, 2)) }, audit.PageRow(1, 4)},
		"the stub and a leftover": {func(m, before *audit.Mem) {
			m.SetRawPages(1, slices.Concat(before.RawPages(1)[:1], m.RawPages(1)[1:]))
		}, stubRow},
		"another page, as a stub": {func(m, before *audit.Mem) {
			p := before.RawPages(1)[2]
			p.First, p.Lines, p.Time, p.Stub = p.Size(), nil, time.Time{}, true
			m.SetRawPages(1, slices.Concat([]audit.Page{p}, before.RawPages(1)[3:]))
		}, audit.PageRow(1, 2)},
		"the PRUNE": {func(m, _ *audit.Mem) {
			spine := m.RawPages(audit.Spine)
			m.SetRawPages(audit.Spine, spine[:len(spine)-1])
		}, stubRow},
	} {
		t.Run(name, func(t *testing.T) {
			m, before := pruned(t)
			c.tamper(m, before)
			if diff := cmp.Diff([]string{c.want}, rows(mustVerify(t, m, nil))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPruneOfABrokenLedger holds that nothing is removed from a ledger with findings, nor when the
// PRUNE is not durable.
func TestPruneOfABrokenLedger(t *testing.T) {
	_, before := pruned(t)
	c := config(t, before)
	l := open(t, c)
	pages := before.RawPages(1)
	broken := slices.Clone(pages)
	broken[1] = clonePage(broken[1])
	broken[1].Lines[0][30] ^= 1
	before.SetRawPages(1, broken)
	var row *audit.RowError
	if got, err := l.Prune(t.Context(), before, time.Now(), pruner); !errors.As(err, &row) || row.Row != audit.PageRow(1, 1) || len(got) > 0 {
		t.Errorf("Prune: %v, %v; want a *RowError", got, err)
	}
	if got := before.RawPages(1); len(got) != len(pages) {
		t.Errorf("%d pages are left of %d", len(got), len(pages))
	}
	before.SetRawPages(1, pages)
	mustClose(t, l)
	mustBeWhole(t, before)
}
