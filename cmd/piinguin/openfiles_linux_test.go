package main_test

import (
	"path/filepath"
	"testing"

	"github.com/piinguin/piinguin/internal/certtest"
)

// A file that holds originals or makes callers is no secret of its owner's with mode 0644.
func TestFilesThatAreOpenToOthers(t *testing.T) {
	in := newTestInstall(t)
	authority := certtest.NewAuthority(t, "acme")
	authority.Issue(t, certtest.Leaf{}).Write(t, in.dir, "server")
	in.write(t, "ca.pem", string(authority.PEM()))
	in.write(t, "callers.txt", "mtls alice@acme.com reader\n")
	in.keepToken(t, "# nobody")
	args := []string{
		"--store", "sqlite:p.db", "--tokens", "tokens.txt", "--server-cert", "server.pem", "--server-key", "server.key",
		"--client-ca", "ca.pem", "--callers", "callers.txt",
	}
	files := map[string]string{"--store": "p.db", "--tokens": "tokens.txt", "--server-key": "server.key", "--callers": "callers.txt"}
	in.serve(t, args...).stop(t) // makes the database
	for setting, open := range files {
		for _, file := range files {
			mustChmod(t, 0o600, filepath.Join(in.dir, file))
		}
		mustChmod(t, 0o640, filepath.Join(in.dir, open))
		in.forget()
		in.serve(t, args...).stop(t)
		for other := range files {
			if hasLine(in.log(), []string{`"level":"warn"`, `"setting":"` + other + `"`, "chmod 600"}) != (other == setting) {
				t.Errorf("%s is open to others; of %s the log says:\n%s", open, other, in.log())
			}
		}
	}
	mustChmod(t, 0o640, filepath.Join(in.dir, "piinguin-audit.key"))
	in.wantUsageError(t, "piinguin", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), "--audit-key piinguin-audit.key can be read by others")
}

// forget empties what log returns.
func (in *install) forget() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.printed.Reset()
}
