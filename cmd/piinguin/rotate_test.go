package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// otherNames returns a verifier key under another name.
func otherNames(t *testing.T, verifier, name string) string {
	t.Helper()
	key, err := audit.ParseVerifierKey(verifier)
	if err != nil {
		t.Fatal(err)
	}
	return key.Text(name)
}

// The key of a ledger is rotated, and whoever knows the first one still verifies all of it.
func TestKeyRotate(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.start(t)
		fillForCrash(t, p)
		first := in.keyLine(t)
		rotate := []string{"audit", "key", "rotate", "--store", in.store, "--audit-key", "piinguin-dev/audit.key", "--next-key", "next.key"}
		if in.db == nil {
			if code, _, stderr := in.run(t, "piinguin", rotate...); code != 2 || !strings.Contains(stderr, "another server is using this file") {
				t.Errorf("rotate beside a server: exit %d, says %q", code, stderr)
			}
			p.stop(t)
		}
		in.mustRun(t, 2, "piinguin", "audit", "key", "rotate", "--store", in.store, "--audit-key", "piinguin-dev/audit.key")
		printed := in.mustRun(t, 0, "piinguin", rotate...)
		next := strings.Split(printed, "\n")[1]
		if info, err := os.Stat(filepath.Join(in.dir, "next.key")); err != nil || info.Mode().Perm() != 0o600 || next == first {
			t.Errorf("the next key: %v %v; rotate prints %q", info, err, printed)
		}
		if again := in.mustRun(t, 0, "piinguin", rotate...); again != printed { // as after an interruption
			t.Errorf("rotate again prints %q", again)
		}
		back := []string{"audit", "key", "rotate", "--store", in.store, "--audit-key", "next.key", "--next-key", "piinguin-dev/audit.key"}
		if code, _, stderr := in.run(t, "piinguin", back...); code != 2 || !strings.Contains(stderr, "the next key has signed this ledger before") {
			t.Errorf("rotate to the first key: exit %d, says %q", code, stderr)
		}
		if in.db != nil {
			in.stopsWriting(t, p)
		}
		refused := func(says string, args ...string) {
			t.Helper()
			code, _, stderr := in.run(t, "piinguin", append([]string{"serve", "--listen", "127.0.0.1:0", "--dev", "--store", in.store}, args...)...)
			if code != 2 || !strings.Contains(stderr, says) {
				t.Errorf("serve %q: exit %d, says %q, want %q", args, code, stderr, says)
			}
		}
		refused("its key was rotated, and this is the old one")
		in.keep(t, "other.key", []byte(otherSigningKey(t)))
		refused("signed by another key", "--audit-key", "other.key")
		p = in.serve(t, "--dev", "--store", in.store, "--audit-key", "next.key")
		if _, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(1)); err != nil {
			t.Fatal(err)
		}
		p.stop(t)
		verify := []string{"audit", "verify", "--store", in.store, "--key"}
		wantLine(t, in.mustRun(t, 0, "piinguin", append(verify, first)...), "Times that its key was rotated: 1")
		in.mustRun(t, 1, "piinguin", append(verify, next)...) // it did not sign the beginning
		if key := in.keyLine(t); key != first {
			t.Errorf("audit key prints %s, want the first key", key)
		}
		in.exportsRotated(t, first, next)
	})
}

// exportsRotated holds an export, proofs of entries on both sides of the rotation and a list of it.
func (in *install) exportsRotated(t *testing.T, first, next string) {
	t.Helper()
	in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "export")
	in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--key", first, "--checkpoint", "export")
	list := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--operation", "key", "--json")
	if !strings.Contains(list, next) || !strings.Contains(list, `"log":"`+ledgerName+`/1"`) || !strings.Contains(list, `"log":"`+ledgerName+`"`) {
		t.Errorf("the KEY entries of the spine and of log 1 name %s:\n%s", next, list)
	}
	line := in.mustRun(t, 0, "piinguin", "audit", "show", "1/0", "--store", in.store, "--json")
	in.keep(t, "proof", []byte(in.mustRun(t, 0, "piinguin", "audit", "prove", "1/0", "--store", in.store)))
	in.mustRun(t, 0, "piinguin", "audit", "check", "proof", "--key", next, "--entry", line)
}

// stopsWriting wants a server that has the old key to refuse, and to say why.
func (in *install) stopsWriting(t *testing.T, p *process) {
	t.Helper()
	out, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(1))
	if err == nil || out.GetPiiRecord().GetOriginalValue() != "" {
		t.Errorf("a server with the old key answers: %v", err)
	}
	eventually(t, "a log line that says why", func() bool { return strings.Contains(in.log(), "its key was rotated") })
	eventually(t, "not ready", func() bool { return p.status(t, "/readyz") == http.StatusServiceUnavailable })
	p.kill(t)
}

func otherSigningKey(t *testing.T) string {
	t.Helper()
	key, err := audit.GenerateKey(strings.NewReader(strings.Repeat("x", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key.Text(ledgerName)
}
