package main_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
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
	for _, cause := range []string{"http to a TLS port", "the client refuses the server's certificate", "the client hung up during the TLS handshake"} {
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
