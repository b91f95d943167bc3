package main_test

import (
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
		if out := in.mustRun(t, 0, "piinguin", verify...); !strings.Contains(out, "Kept checkpoints that it extends: ") {
			t.Errorf("verify --checkpoint says nothing of them:\n%s", out)
		}
		in.cutTail(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store) // a shorter log is whole in itself
		wantFinding(t, in, verify, "entry 1/", "missing", "kept/ledger.kept")
		p = in.start(t)
		for i := range 60 {
			if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(i)); err != nil {
				t.Fatal(err)
			}
		}
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		wantFinding(t, in, verify, "was changed", "kept/ledger.kept")
		wantFinding(t, in, []string{"audit", "verify", "--store", in.store, "--from", "kept/ledger.kept"}, "kept checkpoint")
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

// cutTail removes the last pages of log 1, and those of the spine that list more than the OPEN of each log.
func (in *install) cutTail(t *testing.T) {
	t.Helper()
	const gone = 3
	if in.db == nil {
		db := in.sqlite(t)
		for _, q := range []string{
			`DELETE FROM audit_pages WHERE id IN (SELECT id FROM audit_pages WHERE id >> 40 = 1 ORDER BY id DESC LIMIT 3)`,
			`DELETE FROM audit_pages WHERE id > 1 AND id >> 40 = 0`,
		} {
			if _, err := db.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	items := in.scan(t, in.audit)
	last, logs := int64(0), int64(0)
	for _, it := range items {
		partition, n := textOf(it["partition"]), numberOf(t, it["number"])
		if partition == "1" {
			last = max(last, n)
		}
		if _, err := audit.ParseLogID(partition); err == nil && partition != "spine" && n == 0 {
			logs++
		}
	}
	for _, it := range items {
		partition, n := textOf(it["partition"]), numberOf(t, it["number"])
		if partition != "1" && partition != "spine" || partition == "1" && n <= last-gone || partition == "spine" && n <= logs {
			continue
		}
		_, err := in.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: &in.audit, Key: map[string]types.AttributeValue{"partition": it["partition"], "number": it["number"]},
		})
		if err != nil {
			t.Fatal(err)
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

// writeYears fills the ledger as a server of some years ago did, in three months, and leaves its key.
func (in *install) writeYears(t *testing.T) {
	t.Helper()
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in.dir, auditKey), []byte(key.Text(ledgerName)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, closeStore := in.openLedger(t)
	for _, month := range []time.Month{time.January, time.February, time.March} {
		now := time.Date(2024, month, 10, 0, 0, 0, 0, time.UTC)
		l, err := audit.Open(t.Context(), audit.Config{Store: store, Key: key, Name: ledgerName, AppendTimeout: patience, Now: func() time.Time { return now }})
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
		return dynamolog.New(in.db, in.audit), func() {}
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
		january := in.mustRun(t, 0, "piinguin", "audit", "show", "1/1", "--store", in.store, "--json")
		proof := in.mustRun(t, 0, "piinguin", "audit", "prove", "1/1", "--store", in.store)
		wantLine(t, prune(0, "--before", "2024-02-01", "--reference", "policy 7"), "1 ", "6 ", "2024-01-10T")
		verify := []string{"audit", "verify", "--store", in.store, "--checkpoint", "before"}
		wantLine(t, in.mustRun(t, 0, "piinguin", verify...), "1 ", "whole, 6 entries pruned")
		list := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--wide")
		if strings.Contains(list, "subject-January") || !strings.Contains(list, "subject-February") {
			t.Errorf("list after pruning January:\n%s", list)
		}
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--operation", "prune", "--wide"), "PRUNE", "policy 7", "audit prune")
		if _, _, stderr := in.run(t, "piinguin", "audit", "show", "1/1", "--store", in.store); !strings.Contains(stderr, "no such log or entry") {
			t.Errorf("show of a pruned entry says %q", stderr)
		}
		in.keep(t, "proof", []byte(proof))
		key, _, _ := strings.Cut(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store), "\n")
		in.mustRun(t, 0, "piinguin", "audit", "check", "proof", "--key", key, "--entry", january) // what was kept still proves
		out := in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "after")
		wantLine(t, out, "1 ", "pruned; the first entry left is 6")
		out = in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--log", "1", "--from", "6", "--out", "after")
		wantLine(t, out, "1 ", "after/1.jsonl")
		wantLine(t, prune(0, "--before", "2024-02-01"), "1 ", "0 ", "nothing older")
		wantLine(t, prune(0, "--before", "2999-01-01", "--force-retention"), "1 ", "2024-03-10T") // the last page stays
		in.mustRun(t, 0, "piinguin", verify...)
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
