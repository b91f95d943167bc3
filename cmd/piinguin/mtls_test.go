package main_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

func withToken(token string) *http.Request {
	return &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// tlsInstall is a server with TLS that knows a writer by its token, and a reader, a
// writer and an auditor by their certificates.
type tlsInstall struct {
	authority *certtest.Authority
	*install
	*process
	token   string
	secrets []string // none of which may be printed
}

func newTestTLSInstall(t *testing.T) *tlsInstall {
	t.Helper()
	s := &tlsInstall{install: newTestInstall(t)}
	authority := certtest.NewAuthority(t, "acme")
	s.authority = authority
	s.install.write(t, "ca.pem", string(authority.PEM()))
	for name, leaf := range map[string]certtest.Leaf{
		"server": {}, "alice": {Emails: []string{"alice@acme.com"}},
		"relay": {URIs: []string{"spiffe://acme.com/relay"}}, "auditor": {DNS: []string{"audit.acme.com"}},
	} {
		pair := authority.Issue(t, leaf)
		pair.Write(t, s.dir, name)
		s.secrets = append(s.secrets, string(pair.Key[len("-----BEGIN PRIVATE KEY-----\n"):][:40]))
	}
	s.install.write(t, "callers.txt", "mtls alice@acme.com reader\nmtls spiffe://acme.com/relay writer\nmtls audit.acme.com auditor\n")
	s.token = s.newToken(t)
	s.process = s.install.serve(t, "--store", s.store, "--tokens", "tokens.txt", "--server-cert", "server.pem", "--server-key", "server.key",
		"--client-ca", "ca.pem", "--callers", "callers.txt")
	if !strings.HasPrefix(s.address, "https://") {
		t.Errorf("the server says that it listens on %s", s.address)
	}
	return s
}

func (s *tlsInstall) newToken(t *testing.T) string {
	t.Helper()
	token := strings.TrimSpace(s.mustRun(t, 0, "piinguin", "token", "create", "--name", "batch", "--role", "writer", "--tokens", "tokens.txt"))
	s.secrets = append(s.secrets, token)
	return token
}

// command runs a client command with somebody's certificate, by the environment.
func (s *tlsInstall) command(t *testing.T, code int, who, name string, args ...string) string {
	t.Helper()
	before := s.env
	defer func() { s.env = before }()
	s.env = append(before[:len(before):len(before)], "PIINGUIN_HOST="+s.address, "PIINGUIN_TLS_CA=ca.pem",
		"PIINGUIN_TLS_CERT="+who+".pem", "PIINGUIN_TLS_KEY="+who+".key")
	return s.mustRun(t, code, name, args...)
}

// create stores a value with a token, on a connection of its own; it returns whether
// the server took it.
func (s *tlsInstall) create(t *testing.T, token string) bool {
	t.Helper()
	c, err := client.New(client.Config{Host: s.address, CAFile: filepath.Join(s.dir, "ca.pem"), Token: client.Token(token)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CreatePiiRecord(t.Context(), &piinguinv1.CreatePiiRecordRequest{
		PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: "123", OriginalValue: canary},
	})
	if err != nil && !strings.Contains(err.Error(), "unauthenticated") {
		t.Fatal(err)
	}
	return err == nil
}

func TestCertificatesAndTokens(t *testing.T) {
	s := newTestTLSInstall(t)
	if !s.create(t, s.token) || s.create(t, s.token+"x") {
		t.Error("the token is not what counts")
	}
	if out := s.command(t, 0, "alice", "piinguin", "read", "123", "--basis", "CONSENT"); !strings.Contains(out, canary) {
		t.Errorf("read with a certificate:\n%s", out)
	}
	s.command(t, 2, "alice", "piinguin", "read", "123", "--basis", "CONSENT", "--token", "wrong")
	s.command(t, 2, "relay", "piinguin", "read", "123", "--basis", "CONSENT")
	s.command(t, 0, "relay", "piinguin-relay", append([]string{"replay"}, samples(t, "pii_events.jsonl")...)...)
	lines := s.command(t, 0, "auditor", "piinguin", "audit", "list", "--operation", "READ", "--json")
	for _, want := range []string{"alice@acme.com", "spiffe://acme.com/relay"} {
		if !hasLine(lines, []string{`"authentication":"mtls"`, `"caller":"` + want + `"`}) {
			t.Errorf("no entry of %s:\n%s", want, lines)
		}
	}
	first, _, _ := strings.Cut(lines, "\n")
	if _, err := audit.Parse([]byte(first)); err != nil {
		t.Error(err)
	}

	second := s.newToken(t)
	for !s.create(t, second) { // within a second
	}
	line := s.tokenFile(t)
	s.install.write(t, "tokens.txt", line[:strings.Index(line, "\n")+1]+"CANARY-line\n")
	for !strings.Contains(s.log(), "token file line 2") {
		_ = s.create(t, s.token)
	}
	if !s.create(t, second) {
		t.Error("a broken file took a token away")
	}
	s.install.write(t, "tokens.txt", "# nobody\n")
	for s.create(t, second) {
	}
	if s.create(t, s.token) {
		t.Error("a removed token is still known")
	}
	s.process.stop(t)
	for _, secret := range append(s.secrets, "CANARY-line", canary) {
		if strings.Contains(s.log(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestServeRefuses(t *testing.T) {
	in := newTestInstall(t)
	authority := certtest.NewAuthority(t, "acme")
	authority.Issue(t, certtest.Leaf{}).Write(t, in.dir, "server")
	in.write(t, "tokens.txt", "")
	in.write(t, "broken.txt", "\nCANARY\n")
	in.write(t, "readers.txt", "CANARY reader "+strings.Repeat("0", 64)+"\n")
	in.write(t, "auditors.txt", "mtls CANARY auditor\n")
	withTLS := []string{"--server-cert", "server.pem", "--server-key", "server.key"}
	mutual := append(withTLS, "--client-ca", "server.pem", "--callers")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"one of --tokens, --client-ca", nil},
		{"one of --tokens, --client-ca", withTLS},
		{"remove --tokens", []string{"--dev", "--tokens", "tokens.txt"}},
		{"--dev uses plain HTTP", append(withTLS, "--dev")},
		{"with --dev, --listen must name a loopback address", []string{"--dev", "--listen", "192.0.2.1:0"}},
		{"--server-cert and --server-key go together", []string{"--tokens", "tokens.txt", "--server-key", "server.key"}},
		{"--callers is required", append(withTLS, "--client-ca", "server.pem")},
		{"--callers needs", append(withTLS, "--tokens", "tokens.txt", "--callers", "tokens.txt")},
		{"--client-ca needs TLS", []string{"--client-ca", "server.pem", "--callers", "tokens.txt"}},
		{"--server-cert and --server-key, or put a proxy", []string{"--tokens", "tokens.txt", "--listen", "192.0.2.1:0"}},
		{"listen: ", append(withTLS, "--tokens", "tokens.txt", "--listen", "192.0.2.1:0")}, // an address that no machine has
		{"--tokens: the file is not there", []string{"--tokens", "CANARY.txt"}},
		{"--tokens: identity: token file line 2", []string{"--tokens", "broken.txt"}},
		{"--callers: identity: callers file line 2", append(mutual, "broken.txt")},
		{"--tokens and --callers: identity: callers file line 1: with the other lines of its name, by any method", append(mutual, "auditors.txt", "--tokens", "readers.txt")},
		{"--client-ca: identity: client CA file", append(withTLS, "--client-ca", "server.key", "--callers", "tokens.txt")},
		{"--server-cert, --server-key: the files are not", []string{"--tokens", "tokens.txt", "--server-cert", "server.pem", "--server-key", "broken.txt"}},
	} {
		code, _, stderr := in.run(t, "piinguin", append([]string{"serve", "--listen", "127.0.0.1:0"}, c.args...)...)
		if code != 2 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "CANARY") {
			t.Errorf("serve %v: exit %d, want %q: %s", c.args, code, c.says, stderr)
		}
	}
}
