package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var shell = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// Every command in a page's sh blocks works as it is written, in order, in one
// shell: the tour of the README, the calls of docs/api.md and more.
func TestDocs(t *testing.T) {
	for _, c := range []struct {
		page  string
		holds []string
	}{
		{"README.md", []string{
			`"original_value":"456"`, "processing_basis_required", "role_required", "stored       12", "exit code 1",
			"curiosity", "dev-reader", "COUNT\n", "leaf_hash", "The ledger is whole.", ledgerName + "/1+",
		}},
		{"docs/api.md", []string{`"original_value":"john@acme.com"`, `"erased":true`, `"not_found"`, `"reference":"INV-2026-1"`, "checkpoint", `"other":false`, "tlog-proof@v1", "— " + ledgerName + "/1 "}},
		{"docs/verify/README.md", []string{"1 kept files agree", "whole: ledger "}},
		{"docs/relay.md", []string{"events       1 ", "stored       12", "pii_events.tsv:6: ", "exit code 1"}},
		{"docs/policy.md", []string{"deny (basis_not_allowed), by policy marketing-by-consent", "exit code 1"}},
	} {
		t.Run(c.page, func(t *testing.T) {
			in := &install{dir: t.TempDir(), env: os.Environ(), store: "sqlite:piinguin-dev/piinguin.db"}
			p := in.start(t)
			out := runPage(t, in, p, c.page)
			for _, want := range c.holds {
				if !strings.Contains(out, want) {
					t.Errorf("the commands do not print %q", want)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func runPage(t *testing.T, in *install, p *process, page string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"bin": binaries, "relay": filepath.Join(root, "relay"), "docs": filepath.Join(root, "docs")} {
		if err := os.Symlink(target, filepath.Join(in.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	var script bytes.Buffer
	script.WriteString("set -e\n")
	for _, block := range shell.FindAllSubmatch(text, -1) {
		script.Write(block[1])
	}
	address := strings.TrimPrefix(p.address, "http://")
	_, port, _ := strings.Cut(address, ":")
	commands := strings.ReplaceAll(script.String(), "localhost:8080", address)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", commands)
	cmd.Dir, cmd.Env = in.dir, append(in.env, "PIINGUIN_PORT="+port)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", page, err)
	}
	return string(out)
}
