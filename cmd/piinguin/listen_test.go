package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/internal/certtest"
)

func TestListenIsHostAndPort(t *testing.T) {
	in := newTestInstall(t)
	for _, address := range []string{
		"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "::1:8080",
		"http://127.0.0.1:8080", "127.0.0.1:8080/canary", "canary canary:0", "-canary:0", "tcp://10.0.0.1:8080",
	} {
		in.wantUsageError(t, "piinguin", []string{"serve", "--dev", "--listen", address}, "--listen must be HOST:PORT")
		if _, _, stderr := in.run(t, "piinguin", "serve", "--dev", "--listen", address); strings.Contains(stderr, "canary") {
			t.Errorf("%q is quoted: %s", address, stderr)
		}
	}
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "vault.internal:0", "192.0.2.1:0"} {
		in.wantUsageError(t, "piinguin", []string{"serve", "--dev", "--listen", address}, "--listen must name a loopback address")
		in.wantUsageError(t, "piinguin", []string{"serve", "--tokens", "t", "--listen", address}, "TLS is required")
	}
	for _, address := range []string{"localhost:0", "[::1]:0", "127.0.0.2:0"} { // on this machine: what is next is wrong
		in.wantUsageError(t, "piinguin", []string{"serve", "--tokens", "missing.txt", "--listen", address}, "--tokens: the file is not there")
	}
	in.serve(t, "--dev", "--listen", "localhost:0").stop(t)
}

// What names the server itself is never what names the server that a client calls.
func TestServerAndClientsShareNoNames(t *testing.T) {
	in := newTestInstall(t)
	own := in.flagNames(t, "piinguin", "serve")
	if !slices.Contains(own, "--listen") {
		t.Fatalf("serve has the flags %q", own)
	}
	for _, client := range [][]string{
		{"piinguin", "create"}, {"piinguin", "read"}, {"piinguin", "delete"}, {"piinguin-relay", "replay"}, {"piinguin-relay", "tail"},
	} {
		for _, name := range in.flagNames(t, client[0], client[1]) {
			if name != "--help" && slices.Contains(own, name) {
				t.Errorf("%q and serve both have %s", client, name)
			}
		}
	}
	for _, old := range []string{"--host", "--port", "--tls-cert", "--tls-key"} {
		in.wantUsageError(t, "piinguin", []string{"serve", "--dev", old, "0"}, "unknown flag: "+old)
	}
}

// flagNames are the flags of a command, as the shell's completion gets them.
func (in *install) flagNames(t *testing.T, program, command string) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(in.mustRun(t, 0, program, "__complete", command, "--")) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); strings.HasPrefix(name, "--") {
			names = append(names, strings.TrimSuffix(name, "="))
		}
	}
	return names
}

// A shell that has the clients' variables starts a server that has its own. One that lacks a certificate
// may have been meant to take the clients', and must not serve without TLS.
func TestServerBesideClientSettings(t *testing.T) {
	in := newTestInstall(t)
	certtest.NewAuthority(t, "acme").Issue(t, certtest.Leaf{}).Write(t, in.dir, "server")
	in.write(t, "tokens.txt", "")
	before := in.env
	for _, variable := range []string{"PIINGUIN_TLS_CERT", "PIINGUIN_TLS_KEY"} {
		in.env = append(slices.Clip(before), variable+"=canary")
		for _, also := range []string{"--tokens=tokens.txt", "--allow-plaintext"} {
			args := []string{"serve", "--tokens", "tokens.txt", "--listen", "127.0.0.1:0", also}
			in.wantUsageError(t, "piinguin", args, variable+" is set", "set --server-cert and --server-key")
		}
		dev := in.serve(t, "--dev")
		dev.stop(t)
		if out := dev.stdout.String(); !strings.HasPrefix(out, "piinguin listens on "+dev.address+" ") {
			t.Errorf("a server with --dev that listens on %s prints %q", dev.address, out)
		}
		in.env = append(in.env, "PIINGUIN_SERVER_CERT=server.pem", "PIINGUIN_SERVER_KEY=server.key")
		p := in.serve(t, "--tokens", "tokens.txt")
		if !strings.HasPrefix(p.address, "https://") {
			t.Errorf("with %s and a certificate of its own the server listens on %s", variable, p.address)
		}
		p.stop(t)
		if out := p.stdout.String(); out != "" {
			t.Errorf("a server without --dev prints %q", out)
		}
	}

	in.env = append(slices.Clip(before), "PIINGUIN_HOST=canary", "PIINGUIN_PORT=9")
	for _, c := range []struct {
		args  []string
		warns bool
	}{
		{[]string{"serve", "--tokens", "missing.txt"}, true},
		{[]string{"serve", "--tokens", "missing.txt", "--listen", "127.0.0.1:0"}, false},
	} {
		_, _, stderr := in.run(t, "piinguin", c.args...)
		for _, variable := range []string{"PIINGUIN_HOST", "PIINGUIN_PORT"} {
			if hasLine(stderr, []string{`"level":"warn"`, `"setting":"` + variable + `"`, "--listen says"}) != c.warns || strings.Contains(stderr, "canary") {
				t.Errorf("%q beside %s says %s", c.args, variable, stderr)
			}
		}
	}
	in.env = append(slices.Clip(before), "PIINGUIN_PORT=tcp://10.0.0.1:8080")
	if _, _, stderr := in.run(t, "piinguin", "serve", "--tokens", "missing.txt"); strings.Contains(stderr, "PIINGUIN_PORT") {
		t.Errorf("the port that Kubernetes sets is nobody's mistake: %s", stderr)
	}
}
