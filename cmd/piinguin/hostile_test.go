package main_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// hostile clears a terminal, adds a row, turns text around and hides.
const hostile = "a\x1b[2J\u009b2J\r\nreceipt  fake\u202e\u2028\u200b\x7fz"

// acts reports whether text holds anything that a reader does not see.
func acts(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

// A value, a pseudonym and a purpose cannot act on who reads them.
func TestHostileData(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		const key = "k\u2028=1"
		if code, _, stderr := in.run(t, "piinguin", p.flags("writer", "create", key, hostile)...); code != 0 {
			t.Fatal(stderr)
		}
		_, out, _ := in.run(t, "piinguin", p.flags("reader", "read", key, "--basis", "CONSENT", "--purpose", "=1;+2")...)
		if acts(out) || strings.Count(out, "\n") != 4 || !strings.Contains(out, `a\u{1b}[2J\u{9b}2J\u{d}\u{a}receipt`) {
			t.Errorf("read prints %q", out)
		}
		_, out, _ = in.run(t, "piinguin", p.flags("reader", "read", key, "--basis", "CONSENT", "--json")...)
		if acts(out) || !strings.Contains(out, `a\u001b[2J\u009b2J\r\nreceipt  fake\u202e\u2028\u200b\u007fz`) {
			t.Errorf("read --json prints %q", out)
		}
		for _, format := range [][]string{{"--wide"}, {"--json"}, {"--csv"}} {
			_, out, _ = in.run(t, "piinguin", p.flags("auditor", append([]string{"audit", "list", "--operation", "READ"}, format...)...)...)
			if acts(out) || !strings.Contains(out, `2028`) {
				t.Errorf("list %q prints %q", format, out)
			}
		}
		if !strings.Contains(out, `"'=1;'+2"`) {
			t.Errorf("a formula is left in the CSV: %s", out)
		}
		in.checksByItsShownLine(t, p)
	})
}

// checksByItsShownLine proves the entry of the first read, whose line holds U+2028, by the line that show
// prints.
func (in *install) checksByItsShownLine(t *testing.T, p *process) {
	t.Helper()
	_, list, _ := in.run(t, "piinguin", p.flags("auditor", "audit", "list", "--operation", "READ", "--csv")...)
	rows := strings.Split(strings.TrimSpace(list), "\n")
	cells := strings.Split(rows[len(rows)-1], `","`)
	name := strings.TrimPrefix(cells[0], `"`) + "/" + cells[1]
	_, line, _ := in.run(t, "piinguin", p.flags("auditor", "audit", "show", name, "--json")...)
	_, proof, _ := in.run(t, "piinguin", p.flags("auditor", "audit", "prove", name)...)
	key, _, _ := strings.Cut(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store), "\n")
	check := exec.CommandContext(t.Context(), filepath.Join(binaries, "piinguin"), "audit", "check", "-", "--key", key, "--entry", line)
	check.Stdin, check.Dir = strings.NewReader(proof), in.dir
	if out, err := check.CombinedOutput(); err != nil || acts(line) || !strings.Contains(line, `\u2028`) {
		t.Errorf("%v: %s\n%s", err, out, line)
	}
}

// What is piped ends with a line end that nobody means, and may begin with a mark.
func TestPipedValues(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		for piped, want := range map[string]string{
			"v": "v", "v\n": "v", "v\r\n": "v", "\ufeffv\r\n": "v", "v\n\n": `v\n`, "v\r": `v\r`, "\n": "", " v ": " v ", "v\ufeff": `v\ufeff`,
		} {
			create := exec.CommandContext(t.Context(), filepath.Join(binaries, "piinguin"), "create", "piped", "--host", p.address, "--token", "dev-writer")
			create.Stdin, create.Dir = strings.NewReader(piped), in.dir
			if out, err := create.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			_, out, _ := in.run(t, "piinguin", p.flags("reader", "read", "piped", "--basis", "CONSENT", "--json")...)
			if !strings.Contains(strings.ReplaceAll(out, ": ", ":"), `"original_value":"`+want+`"`) {
				t.Errorf("%q was stored: %s", piped, out)
			}
		}
	})
}

// A server that is none, or a hostile one, makes no command succeed and acts on no terminal.
func TestHostileServer(t *testing.T) {
	in := newTestInstall(t)
	for says, answer := range map[string]http.HandlerFunc{
		"no receipt": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/protobuf") },
		"Content-Type": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>"))
		},
		`a\u{1b}[2J`: func(w http.ResponseWriter, _ *http.Request) {
			_ = twirp.WriteError(w, twirp.NewError(twirp.FailedPrecondition, hostile).WithMeta(piinguinv1.MetaReason, hostile))
		},
	} {
		srv := httptest.NewServer(answer)
		p := &process{address: srv.URL}
		for _, args := range [][]string{{"create", "k", "v"}, {"delete", "k"}} {
			code, stdout, stderr := in.run(t, "piinguin", p.flags("writer", args...)...)
			if code != 2 || stdout != "" || acts(stderr) || !strings.Contains(stderr, says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%q: exit %d, prints %q, says %q", args, code, stdout, stderr)
			}
		}
		srv.Close()
	}
	if code, _, stderr := in.run(t, "piinguin-relay", "replay", "no\x1b[2J-file"); code != 2 || acts(stderr) {
		t.Errorf("replay of a hostile name: exit %d, says %q", code, stderr)
	}
	if code, _, stderr := in.run(t, "piinguin", "audit", "verify", "--store", "sqlite:no\u009b-file"); code != 2 || acts(stderr) {
		t.Errorf("verify of a hostile name: exit %d, says %q", code, stderr)
	}
}

// A line end in a name adds no line to what is said: it could fake a row, a finding or a verdict.
func TestLineEndsInNames(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		in.start(t).stop(t)
		in.write(t, "kept\nThe ledger is whole.checkpoint", "junk")
		in.write(t, "x\nreal.tsv:1: stored", "cut\n")
		for _, c := range []struct {
			program string
			args    []string
			says    string
		}{
			{"piinguin", []string{"audit", "verify", "--store", "sqlite:no\nThe ledger is whole."}, `no\u{a}The`},
			{"piinguin", []string{"audit", "verify", "--store", in.store, "--checkpoint", "kept\nThe ledger is whole.checkpoint"}, `kept\u{a}The`},
			{"piinguin", []string{"policy", "check", "--policy", "no\nallow, by policy x"}, `no\u{a}allow`},
			{"piinguin-relay", []string{"replay", "--dry-run", "x\nreal.tsv:1: stored"}, `x\u{a}real.tsv:1: stored:1: `},
			{"piinguin-relay", []string{"replay", "--dry-run", "missing\nreal.tsv:1: stored"}, `missing\u{a}real`},
		} {
			code, stdout, stderr := in.run(t, c.program, c.args...)
			if out := stdout + stderr; code == 0 || !strings.Contains(out, c.says) || strings.Contains(out, "\nThe ledger is whole") ||
				strings.Contains(out, "\nallow") || strings.Contains(out, "\nreal") {
				t.Errorf("%q: exit %d, prints %q", c.args, code, out)
			}
		}
	})
}
