package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/internal/certtest"
)

// TestLogSaysWhatFailed has clients that get no further than the TLS handshake.
func TestLogSaysWhatFailed(t *testing.T) {
	s := newTestTLSInstall(t)
	at := strings.TrimPrefix(s.address, "https://")
	if resp, err := http.Get("http://" + at + "/CANARY"); err == nil {
		_ = resp.Body.Close()
	}
	if conn, err := tls.Dial("tcp", at, &tls.Config{ServerName: "another", MinVersion: tls.VersionTLS12}); err == nil {
		t.Error("a client trusts a certificate of nobody", conn.Close())
	}
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "curl", "--silent", "--tlsv1.3", s.address).Run(); err == nil {
		t.Error("curl trusts a certificate of nobody")
	}
	for _, pair := range []certtest.Pair{
		certtest.NewAuthority(t, "foreign").Issue(t, certtest.Leaf{}),
		s.authority.Issue(t, certtest.Leaf{NotAfter: time.Now().Add(-time.Hour)}),
		s.authority.Issue(t, certtest.Leaf{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s.handshake(t, pair, version)
		}
	}
	for _, cause := range []string{"http to a TLS port", "the client refuses the server's certificate", "the client hung up during the TLS handshake",
		"the client broke off the TLS handshake, as OpenSSL does if it does not trust the server's certificate",
		"the client's certificate is from an unknown authority", "the client's certificate has expired or is not valid yet",
		"the client's certificate is not for clients"} {
		eventually(t, cause, func() bool {
			return strings.Contains(s.log(), `"cause":"`+cause+`","address":"127.0.0.1"`)
		})
	}
	for _, part := range []string{`"store":"sqlite"`, `"address":"` + at + `"`, `"tls":true`, `"authentication":["token","mtls"]`, `"version":"`, `"message":"started"`} {
		if !strings.Contains(s.log(), part) {
			t.Errorf("the first line of the log lacks %s", part)
		}
	}
	if strings.Contains(s.log(), "CANARY") {
		t.Error("the log quotes a request")
	}
}

// handshake shows the server a certificate that it does not trust. With TLS 1.3 the client learns that later.
func (s *tlsInstall) handshake(t *testing.T, pair certtest.Pair, version uint16) {
	t.Helper()
	shown, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.address, "https://"), &tls.Config{
		RootCAs: s.authority.Pool(), MinVersion: version, MaxVersion: version,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil },
	})
	if err != nil {
		return
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("the server sends %d bytes to a certificate that it does not trust", n)
	}
	_ = conn.Close()
}
