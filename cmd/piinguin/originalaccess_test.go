package main_test

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/internal/originaltest"
)

// serveDoorTLS runs a server with TLS and mutual TLS, and a port for clients of the original.
func serveDoorTLS(t *testing.T, in *install, args ...string) (p *process, authority *certtest.Authority) {
	t.Helper()
	authority = certtest.NewAuthority(t, "acme")
	in.write(t, "ca.pem", string(authority.PEM()))
	in.write(t, "callers.txt", "mtls audit.acme.com auditor\n")
	authority.Issue(t, certtest.Leaf{}).Write(t, in.dir, "server")
	args = append([]string{"--store", in.store, "--server-cert", "server.pem", "--server-key", "server.key", "--client-ca", "ca.pem", "--callers", "callers.txt",
		"--original-grpc", "127.0.0.1:0", "--original-caller", "old-relay"}, args...)
	return in.serve(t, args...), authority
}

// TestOriginalTLS: with TLS the port has it too, and with --client-ca it lets nobody in without a
// certificate of those authorities. --original-plaintext turns it off for the original's own client.
func TestOriginalTLS(t *testing.T) {
	in := newTestInstall(t)
	p, authority := serveDoorTLS(t, in)
	trusting := func(by ...*certtest.Authority) credentials.TransportCredentials {
		conf := &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}
		for _, a := range by {
			cert, key := a.Issue(t, certtest.Leaf{DNS: []string{"relay.acme.com"}}).Write(t, t.TempDir(), "client")
			pair, err := tls.LoadX509KeyPair(cert, key)
			if err != nil {
				t.Fatal(err)
			}
			conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil } // also if it is not asked for
		}
		return credentials.NewTLS(conf)
	}
	create := originaltest.Create("k", canary)
	c := originaltest.NewClient(t, in.door(t), trusting(authority))
	if a, err := c.Call(t.Context(), "CreatePiiRecord", create); err != nil || !a.Success {
		t.Errorf("with a certificate: %v, %v", a, err)
	}
	for cause, by := range map[string]credentials.TransportCredentials{
		"no client certificate":                                 trusting(),
		"the client's certificate is from an unknown authority": trusting(certtest.NewAuthority(t, "other")),
		"no TLS on a TLS port":                                  insecure.NewCredentials(),
	} {
		wantShutOut(t, in, originaltest.NewClient(t, in.door(t), by), cause)
	}
	p.stop(t)
	wantNoCanary(t, in)
	if !hasLine(in.log(), []string{"no client certificate", `"address":"127.0.0.1"`}) {
		t.Errorf("no line names the peer:\n%s", in.log())
	}

	in = newTestInstall(t)
	p, _ = serveDoorTLS(t, in, "--original-plaintext")
	defer p.stop(t)
	plain := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
	if a, err := plain.Call(t.Context(), "CreatePiiRecord", create); err != nil || !a.Success {
		t.Errorf("with --original-plaintext: %v, %v", a, err)
	}
	wantShutOut(t, in, originaltest.NewClient(t, in.door(t), credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})),
		"no gRPC without TLS, which is all that this port takes")
}

// TestOriginalDistrusted: an authority that is removed ends what its clients may do on connections that
// are open, in a stream that is open too.
func TestOriginalDistrusted(t *testing.T) {
	in := newTestInstall(t)
	p, authority := serveDoorTLS(t, in)
	defer p.stop(t)
	cert, key := authority.Issue(t, certtest.Leaf{DNS: []string{"relay.acme.com"}}).Write(t, in.dir, "client")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	c := originaltest.NewClient(t, in.door(t), credentials.NewTLS(&tls.Config{
		RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
	}))
	s, err := c.Open(t.Context(), "CreatePiiRecords")
	if err != nil {
		t.Fatal(err)
	}
	send := func() (originaltest.Answer, error) {
		if err := s.Send(originaltest.Create("k", canary)); err != nil {
			t.Fatal(err)
		}
		return s.Receive()
	}
	if a, err := send(); err != nil || !a.Success {
		t.Fatalf("%v, %v", a, err)
	}
	certtest.Replace(t, filepath.Join(in.dir, "ca.pem"), certtest.NewAuthority(t, "other").PEM())
	for status.Code(err) != codes.Unauthenticated {
		if _, err = c.Call(t.Context(), "CreatePiiRecord", originaltest.Create("k", canary)); err != nil && status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
	}
	if a, err := send(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("the open stream: %v, %v", a, err)
	}
	if !hasLine(in.log(), []string{`"reason":"unauthenticated"`, `"caller":"old-relay"`, `"address":"127.0.0.1"`}) {
		t.Errorf("no line says so:\n%s", in.log())
	}
}

// wantShutOut calls until the log says why the client cannot connect. The client itself would wait for
// ever.
func wantShutOut(t *testing.T, in *install, c *originaltest.Client, cause string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "CreatePiiRecord", originaltest.Create("k", canary))
		done <- err
	}()
	eventually(t, "a log line with "+cause, func() bool { return hasLine(in.log(), []string{"a connection failed", `"cause":"` + cause + `"`}) })
	cancel()
	if err := <-done; err == nil {
		t.Errorf("a client was let in: %s", cause)
	}
}

// TestOriginalWarns: the log says that the port is open, and what it allows to whom.
func TestOriginalWarns(t *testing.T) {
	in := newTestInstall(t)
	in.env = append(in.env, "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99") // package grpc's own log
	p := in.startDoor(t, "--original-allow", "delete")
	defer p.stop(t)
	if want := []string{`"level":"warn"`, "asks for no credential", `"address":"` + in.door(t) + `"`, `"caller":"old-relay"`, `"allow":["create","delete"]`, `"tls":false`}; !hasLine(in.log(), want) {
		t.Errorf("no log line has all of %q:\n%s", want, in.log())
	}
	// HTTP/1, as of a probe that was given the wrong port: it must be told apart from a client that works.
	probe, err := net.Dial("tcp", in.door(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = probe.Close() }()
	if _, err := probe.Write([]byte("GET /CANARY-probe HTTP/1.1\r\nHost: piinguin\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a log line", func() bool { return hasLine(in.log(), []string{"a connection failed", "no gRPC without TLS"}) })
	wantNoCanary(t, in)
}

func TestOriginalFlags(t *testing.T) {
	in := newTestInstall(t)
	in.write(t, "tokens.txt", "# nobody else\naudrey auditor "+strings.Repeat("0", 64)+"\n")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, c := range []struct{ args, says string }{
		{"--dev --original-caller x", "need --original-grpc"},
		{"--dev --original-allow read", "need --original-grpc"},
		{"--dev --original-plaintext", "need --original-grpc"},
		{"--dev --original-grpc 127.0.0.1:0", "--original-caller is required"},
		{"--dev --original-grpc 8081 --original-caller x", "--original-grpc must be HOST:PORT"},
		{"--dev --original-grpc 0.0.0.0:0 --original-caller x", "must name a loopback address"},
		{"--dev --original-grpc :0 --original-caller x --original-plaintext", "must name a loopback address"},
		{"--tokens tokens.txt --original-grpc 0.0.0.0:0 --original-caller x", "set --original-plaintext"},
		{"--tokens tokens.txt --original-grpc :0 --original-caller x --allow-plaintext", "set --original-plaintext"},
		{"--dev --original-grpc 127.0.0.1:0 --original-caller a,b", "the name has other characters"},
		{"--tokens tokens.txt --original-grpc 127.0.0.1:0 --original-caller audrey --original-allow read", "--tokens: identity: token file line 2: with the other lines of its name"},
		{"--dev --original-grpc 127.0.0.1:0 --original-caller x --original-allow review", "is read or delete"},
		{"--dev --original-grpc " + taken.Addr().String() + " --original-caller x", "address already in use"},
	} {
		code, stdout, stderr := in.run(t, "piinguin", append([]string{"serve", "--listen", "127.0.0.1:0"}, strings.Fields(c.args)...)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("serve %s: exit %d, prints %q, says %q", c.args, code, stdout, stderr)
		}
	}
	in.env = append(in.env, "PIINGUIN_ORIGINAL_GRPC=127.0.0.1:0", "PIINGUIN_ORIGINAL_CALLER=old", "PIINGUIN_ORIGINAL_ALLOW=read,delete")
	p := in.serve(t, "--dev")
	defer p.stop(t)
	if !hasLine(in.log(), []string{`"caller":"old"`, `"allow":["create","read","delete"]`}) {
		t.Errorf("the environment does not count:\n%s", in.log())
	}
}
