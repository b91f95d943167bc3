package main_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/engine"
)

// TestCutTailIsCaught removes the last pages of a log by hand, lets the real key sign
// another history after them, and verifies with the checkpoints that were kept.
func TestCutTailIsCaught(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.start(t)
		fillForCrash(t, p)
		for i := range 20 {
			if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(i)); err != nil {
				t.Fatal(err)
			}
		}
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "kept")
		verify := []string{"audit", "verify", "--store", in.store, "--checkpoint", "kept"}
		if out := in.mustRun(t, 0, "piinguin", verify...); !strings.Contains(out, "kept checkpoints are of a prefix") {
			t.Errorf("verify --checkpoint says nothing of them:\n%s", out)
		}
		in.cutTail(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store) // a shorter log is whole in itself
		wantFinding(t, in, verify, "entry piinguin-1/", "missing", "kept/piinguin-1.checkpoint")
		p = in.start(t)
		for i := range 60 {
			if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(i)); err != nil {
				t.Fatal(err)
			}
		}
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		wantFinding(t, in, verify, "entry piinguin-1/", "was changed", "kept/piinguin-1.checkpoint")
		wantFinding(t, in, []string{"audit", "verify", "--store", in.store, "--from", "kept/piinguin-1.checkpoint"}, "piinguin-1/", "kept checkpoint")
	})
}

func wantFinding(t *testing.T, in *install, args []string, holds ...string) {
	t.Helper()
	out := in.mustRun(t, 1, "piinguin", args...)
	lines := slices.Collect(strings.Lines(out))
	if !slices.ContainsFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "FINDING") && !slices.ContainsFunc(holds, func(s string) bool { return !strings.Contains(line, s) })
	}) {
		t.Errorf("%s: no finding with %q:\n%s", strings.Join(args, " "), holds, out)
	}
}

// cutTail removes the last pages of piinguin-1 and everything that speaks of them.
func (in *install) cutTail(t *testing.T) {
	t.Helper()
	const gone = 3
	if in.db == nil {
		db := in.sqlite(t)
		for _, q := range []string{
			`DELETE FROM audit_entries WHERE idx >= (SELECT min(first) FROM (SELECT first FROM audit_pages ORDER BY number DESC LIMIT 3))`,
			`DELETE FROM audit_pages WHERE first > (SELECT max(idx) FROM audit_entries)`,
		} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	items := in.scan(t, in.audit)
	last := int64(0)
	for _, it := range items {
		if textOf(it["partition"]) == "piinguin-1" {
			last = max(last, numberOf(t, it["number"]))
		}
	}
	first := last - gone + 1
	for _, it := range items {
		partition := textOf(it["partition"])
		named := textOf(it["log"]) == "piinguin-1" && it["page"] != nil && numberOf(t, it["page"]) >= first
		if partition == "piinguin-1" && numberOf(t, it["number"]) >= first || named || partition == "piinguin-1/watermark" {
			_, err := in.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
				TableName: &in.audit, Key: map[string]types.AttributeValue{"partition": it["partition"], "number": it["number"]},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func numberOf(t *testing.T, v types.AttributeValue) int64 {
	t.Helper()
	n, isNumber := v.(*types.AttributeValueMemberN)
	if !isNumber {
		t.Fatalf("%v is not a number", v)
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

const auditKey = "audit.key"

// writeYears fills the ledger as a server of some years ago did, one log a month, and
// leaves its key.
func (in *install) writeYears(t *testing.T) {
	t.Helper()
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in.dir, auditKey), []byte(key.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, closeStore := in.openLedger(t)
	for _, month := range []time.Month{time.January, time.February, time.March} {
		now := time.Date(2024, month, 10, 0, 0, 0, 0, time.UTC)
		l, err := audit.Open(t.Context(), audit.Config{Store: store, Key: key, AppendTimeout: patience, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			_, err := l.Append(t.Context(), audit.Entry{
				Operation: audit.Read, Outcome: audit.Granted, Caller: "desk", Authentication: "token", Basis: "CONSENT",
				ModifiedValue: "subject-" + month.String(), RequestID: strconv.Itoa(n),
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	closeStore()
}

// openLedger opens the ledger as a server does.
func (in *install) openLedger(t *testing.T) (audit.Store, func()) {
	t.Helper()
	if in.db != nil {
		store := dynamolog.New(in.db, in.audit)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); store.Derive(ctx) }()
		return store, func() { stop(); <-done }
	}
	path := filepath.Join(in.dir, "years.db")
	in.store = "sqlite:years.db"
	e, err := engine.OpenSQLite(t.Context(), path, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return e.Ledger, func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPrune prunes a ledger of past years with the built command.
func TestPrune(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		in.writeYears(t)
		prune := func(want int, args ...string) string {
			t.Helper()
			code, stdout, stderr := in.run(t, "piinguin", append([]string{"audit", "prune", "--store", in.store, "--audit-key", auditKey}, args...)...)
			if code != want {
				t.Fatalf("prune %q: exit %d, want %d\n%s%s", args, code, want, stdout, stderr)
			}
			return stdout + stderr
		}
		for _, c := range []struct {
			holds string
			args  []string
		}{
			{"--before is required", nil},
			{"--before must be a date", []string{"--before", "yesterday"}},
			{"within the retention of 12 months", []string{"--before", "2999-01-01"}},
			{"within the retention of 9999 months", []string{"--before", "2024-02-01", "--retention-months", "9999"}},
		} {
			if out := prune(2, c.args...); !strings.Contains(out, c.holds) {
				t.Errorf("prune %q: %s, want %q", c.args, out, c.holds)
			}
		}
		in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "before")
		wantLine(t, prune(0, "--before", "2024-02-01", "--reference", "policy 7"), "piinguin-1", "5")
		out := in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--checkpoint", "before")
		wantLine(t, out, "piinguin-1", "closed", "5 entries pruned")
		wantLine(t, out, "piinguin-1-2024-02", "whole, closed")
		list := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--wide")
		if strings.Contains(list, "subject-January") || !strings.Contains(list, "subject-February") {
			t.Errorf("list after pruning January:\n%s", list)
		}
		wantLine(t, list, "PRUNE", "policy 7", "audit prune")
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "after"), "piinguin-1 ", "pruned")
		out = prune(0, "--before", "2999-01-01", "--force-retention")
		wantLine(t, out, "piinguin-1 ", "it was pruned before")
		wantLine(t, out, "piinguin-1-2024-03", "5")
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--checkpoint", "before")
	})
}

// wantLine checks that a line begins with a text and holds the others.
func wantLine(t *testing.T, out, begins string, holds ...string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if strings.Contains(line, begins) && !slices.ContainsFunc(holds, func(s string) bool { return !strings.Contains(line, s) }) {
			return
		}
	}
	t.Errorf("no line of %q with %q in:\n%s", begins, holds, out)
}
