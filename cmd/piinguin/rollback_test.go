package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// newName is the name under which a restored ledger goes on.
const newName = "ledger.test/pii-restored"

// A server on a restored copy says that it is behind what was kept, and does so until it is started with
// --accept-rollback and a new name. Verify then reports the loss as declared.
func TestRestoredCopy(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		in.env = append(in.env, "PIINGUIN_ANCHOR=anchors", "PIINGUIN_ANCHOR_EVERY=10ms")
		p := in.start(t)
		fillForCrash(t, p)
		p.stop(t)
		key := in.keyLine(t)
		in.shell(t, "cp piinguin.db ../backup.db")
		p = in.start(t)
		for range 3 {
			before, _ := in.kept(t)
			readAll(t, p, 10)
			eventually(t, "another kept file", func() bool {
				now, _ := in.kept(t)
				return len(now) > len(before)
			})
		}
		p.stop(t)

		restore := func() { in.shell(t, "rm piinguin.db*; cp ../backup.db piinguin.db") }
		restore()
		p = in.start(t)
		eventually(t, "not ready", func() bool { return p.get(t, "/readyz") == "503 ledger_not_whole\n" })
		eventually(t, "the metric", func() bool {
			return !strings.Contains(p.metrics(t), `piinguin_anchor_failures_total{reason="behind"} 0`+"\n")
		})
		if !strings.Contains(in.log(), `"reason":"behind"`) || strings.Contains(in.log(), canary) {
			t.Errorf("the log does not tell it:\n%s", in.log())
		}
		if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(1)); err == nil {
			t.Error("a ledger that is behind what was kept takes another entry, and so signs a second history")
		}
		p.kill(t)
		verify := []string{"audit", "verify", "--store", in.store, "--key", key, "--checkpoint", "anchors"}
		wantFinding(t, in, verify, "entry spine/", "missing: the kept checkpoint anchors/")

		in.wantRefused(t, "--accept-rollback needs the new --ledger-name", "--accept-rollback")
		in.wantRefused(t, "goes on under a name that it never had", "--accept-rollback", "--ledger-name", ledgerName)
		in.wantRefused(t, "add --accept-rollback", "--ledger-name", newName)
		for range 2 { // as after an interruption: the unit's flags stay until somebody removes them
			p = in.serve(t, "--dev", "--accept-rollback", "--ledger-name", newName)
			eventually(t, "ready", func() bool { return p.get(t, "/readyz") == "200 ok\n" })
			if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(1)); err != nil {
				t.Fatal(err)
			}
			p.stop(t)
		}
		in.serve(t, "--dev").stop(t) // the name is in the store now
		in.wantRefused(t, "keeps its name", "--ledger-name", ledgerName)
		out := in.mustRun(t, 0, "piinguin", verify...)
		wantLine(t, out, "Ledger "+newName)
		wantLine(t, out, "Kept checkpoints of what a ROLLBACK declares as lost: ")
		if n := strings.Count(in.log(), "goes on from a restored copy"); n != 1 {
			t.Errorf("the log tells %d times that a copy goes on, want once", n)
		}
		list := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--operation", "rollback", "--json")
		if !strings.Contains(list, `"detail":"restored `) || !strings.Contains(list, " lost ") || !strings.Contains(list, `"reference":"`+ledgerName+`"`) {
			t.Errorf("the ROLLBACK entries are\n%s", list)
		}
		if n := strings.Count(in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--subject", crashKey(1), "--json"), "\n"); n < 1 {
			t.Error("what the copy held cannot be read any more")
		}

		restore() // once more: this name has been kept
		in.wantRefused(t, "a ledger of this name was kept already", "--accept-rollback", "--ledger-name", newName)
	})
}

// wantRefused starts a server that must refuse, in words.
func (in *install) wantRefused(t *testing.T, says string, args ...string) {
	t.Helper()
	code, _, stderr := in.run(t, "piinguin", append([]string{"serve", "--listen", "127.0.0.1:0", "--dev"}, args...)...)
	if code != 2 || !strings.Contains(stderr, says) {
		t.Errorf("serve %q: exit %d, says %q, want %q", args, code, stderr, says)
	}
}

// A copy for staging starts under a name of its own, and nothing that it does is taken for the ledger it
// came from.
func TestStagingCopy(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		fillForCrash(t, p)
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "kept")
		in.shell(t, "mkdir ../staging; cp piinguin.db audit.key ../staging/")
		staging := filepath.Join("staging", "piinguin.db")
		p = in.serve(t, "--dev", "--store", "sqlite:"+staging, "--audit-key", "staging/audit.key", "--accept-rollback", "--ledger-name", "staging.test/pii")
		readAll(t, p, 10)
		p.stop(t)
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", "sqlite:"+staging, "--checkpoint", "kept"), "Ledger staging.test/pii")
		in.mustRun(t, 0, "piinguin", "audit", "export", "--store", "sqlite:"+staging, "--out", "staged")
		wantFinding(t, in, []string{"audit", "verify", "--store", in.store, "--checkpoint", "staged"}, "staged/ledger.kept", "another ledger")
		p = in.start(t)
		readAll(t, p, 10)
		p.stop(t)
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--checkpoint", "kept"), "Ledger "+ledgerName)
	})
}
