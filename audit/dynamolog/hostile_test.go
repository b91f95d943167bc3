package dynamolog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// TestHostileEnd puts rows behind the end of a log that no page can be. A server does not begin on such a
// log, and no question about it hangs or panics.
func TestHostileEnd(t *testing.T) {
	x := newTable(t)
	l := newLedger(t, x.Store)
	mustAppend(t, l, 0, 3)
	mustClose(t, l)
	for _, log := range []string{"spine", "1"} {
		page := x.lastRow(t, log)
		for name, hostile := range map[string]item{
			"number of 38 digits":  with(page, "number", decimal("99999999999999999999999999999999999999")),
			"number 2^63":          with(page, "number", decimal("9223372036854775808")),
			"number 2^63-1":        with(page, "number", decimal("9223372036854775807")),
			"number 7.5":           with(page, "number", decimal("7.5")),
			"first 2^63-1":         with(with(page, "number", decimal("7")), "first", decimal("9223372036854775807")),
			"first below 0":        with(with(page, "number", decimal("7")), "first", decimal("-9223372036854775808")),
			"no lines":             with(with(page, "number", decimal("7")), "lines", list()),
			"nothing but its key":  {"partition": text(log), "number": decimal("7")},
			"a stub of everything": with(with(with(page, "number", decimal("7")), "lines", nil), "leaves", page["root"]),
		} {
			t.Run(log+" "+name, func(t *testing.T) {
				x.put(t, hostile)
				defer x.remove(t, hostile)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				_, err := audit.Open(ctx, audit.Config{Store: x.Store, Leases: x.Store, Key: newKey(t), Name: ledgerName, Logs: 1})
				var row *audit.RowError
				if !errors.As(err, &row) {
					t.Errorf("Open: %v, want a row named", err)
				}
				x.mustAnswer(ctx, t)
			})
		}
	}
	mustBeWhole(t, x.Store)
}

// mustAnswer asks all that a reviewer may ask. Any answer and any error will do.
func (x table) mustAnswer(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, log := range []audit.LogID{audit.Spine, 1} {
		_, _, _ = audit.OpenIndex(x).List(ctx, audit.Query{Limit: 10, Operations: []audit.Operation{audit.Opened}})
		_, _ = audit.OpenIndex(x).Entry(ctx, log, 1)
		_, _ = audit.ProveEntry(ctx, x.Reviews(), log, 1)
		_, _ = audit.ProveConsistency(ctx, x.Reviews(), log, 1)
		_, _ = audit.TileData(ctx, x.Reviews(), log, 4, tlog.Tile{H: 8, W: 3})
		_, _, _ = audit.Keep(ctx, x.Reviews())
	}
	if ctx.Err() != nil {
		t.Error("a question has no end")
	}
}

func (x table) lastRow(t *testing.T, partition string) (last item) {
	t.Helper()
	for _, it := range x.rows(t) {
		if partitionOf(it) == partition {
			last = it
		}
	}
	return last
}
