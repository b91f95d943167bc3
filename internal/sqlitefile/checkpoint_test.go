package sqlitefile_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/internal/sqlitefile"
)

const smallLog = 400 // pages

func newTestSmall(t *testing.T, patience time.Duration) (f *sqlitefile.File, path string, log *lines) {
	t.Helper()
	path, log = newTestPath(t), &lines{}
	f, err := sqlitefile.OpenSmall(t.Context(), path, sqlitefile.Config{Log: zerolog.New(log)}, smallLog, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, f) })
	mustWrite(t, f, `CREATE TABLE t (n)`)
	return f, path, log
}

func mustLogPages(t *testing.T, f *sqlitefile.File) int {
	t.Helper()
	pages, err := f.LogPages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// writeUntil writes without a pause, beside readers, until something is so, and returns how
// long the write-ahead log was at most.
func writeUntil(t *testing.T, f *sqlitefile.File, what string, so func() bool) (longest int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 2 {
		go func() {
			for ctx.Err() == nil {
				_ = f.Read(ctx, func(r sqlitefile.Reader) error {
					var n int
					_, err := r.First(`SELECT count(*) FROM (SELECT * FROM t LIMIT 100)`, nil, &n)
					return err
				})
			}
		}()
	}
	for start := time.Now(); !so(); {
		mustWrite(t, f, `INSERT INTO t VALUES (zeroblob(3000))`)
		longest = max(longest, mustLogPages(t, f))
		if time.Since(start) > 30*time.Second {
			t.Fatalf("after %v of writing: not %s; the log has %d pages", time.Since(start), what, mustLogPages(t, f))
		}
	}
	return longest
}

// TestLogStaysShort writes without a pause. The log begins anew again and again.
func TestLogStaysShort(t *testing.T) {
	f, _, log := newTestSmall(t, 5*time.Second)
	resets, last := 0, 0
	longest := writeUntil(t, f, "reset three times", func() bool {
		now := mustLogPages(t, f)
		if now < last {
			resets++
		}
		last = now
		return resets == 3
	})
	t.Logf("%d pages at most", longest)
	if longest > 4*smallLog {
		t.Errorf("the log had %d pages, and is long at %d", longest, smallLog)
	}
	if f.LogPinned() || log.String() != "" {
		t.Errorf("pinned by nobody: %v\n%s", f.LogPinned(), log)
	}
}

// TestPinnedLog has another program keep a read transaction open. Writes go on, the log
// grows, and begins anew as soon as the reader leaves.
func TestPinnedLog(t *testing.T) {
	f, path, log := newTestSmall(t, 100*time.Millisecond)
	reader, err := newTestHandle(t, path).BeginTx(context.WithoutCancel(t.Context()), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRow(`SELECT count(*) FROM t`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	writeUntil(t, f, "pinned", f.LogPinned)
	if pages := mustLogPages(t, f); pages < smallLog {
		t.Errorf("the log has %d pages, and was reset under a reader", pages)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	writeUntil(t, f, "free again", func() bool { return !f.LogPinned() })
	writeUntil(t, f, "short again", func() bool { return mustLogPages(t, f) < smallLog })
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "keeps reading") || !strings.Contains(got, "can be reset again") {
		t.Errorf("the log says\n%s; want a line at the begin and one at the end", got)
	}
}
