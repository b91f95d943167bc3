package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// newHTTP2Client speaks HTTP/2 alone, without TLS.
func newHTTP2Client() *http.Client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: &protocols}, Timeout: time.Minute}
}

// TestGRPCClient calls as the client of the original Piinguin does: gRPC over HTTP/2 without TLS.
// It must be answered at once, also in a stream whose requests have not ended.
func TestGRPCClient(t *testing.T) {
	in := newTestInstall(t)
	p := in.start(t)
	client := newHTTP2Client()

	message := "\x0a\x0bCANARY-key1"          // its field 1, the modified value
	frame := "\x00\x00\x00\x00\x0d" + message // not compressed, 13 bytes
	for _, method := range []string{"ReadPiiRecord", "ReadPiiRecords"} {
		body, more := io.Pipe()
		go func() { _, _ = io.WriteString(more, frame) }() // and no end
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			p.address+"/com.snowplowanalytics.piinguin.server.generated.protocols.Piinguin/"+method, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		rest, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		_ = more.Close()
		if err != nil || len(rest) != 0 || res.ProtoMajor != 2 || res.StatusCode != http.StatusOK ||
			res.Header.Get("Content-Type") != "application/grpc" || res.Header.Get("Grpc-Status") != "12" ||
			!strings.Contains(res.Header.Get("Grpc-Message"), "/twirp/piinguin.v1.Piinguin/") {
			t.Errorf("%s: %s %d %v, then %q %v", method, res.Proto, res.StatusCode, res.Header, rest, err)
		}
	}
	p.stop(t)
	if log := in.log(); !strings.Contains(log, "a gRPC client called") || !strings.Contains(log, `"code":"unimplemented"`) || strings.Contains(log, "CANARY") {
		t.Errorf("the log says\n%s", log)
	}
}

// TestGRPCLibraryOnTheHTTPPort: a gRPC library, in each kind of call, over plaintext and TLS, understands the
// answer.
func TestGRPCLibraryOnTheHTTPPort(t *testing.T) {
	secure := newTestTLSInstall(t)
	defer secure.stop(t)
	in := newTestInstall(t)
	p := in.start(t)
	defer p.stop(t)
	ca, err := os.ReadFile(filepath.Join(secure.dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	for address, by := range map[string]credentials.TransportCredentials{
		p.address: insecure.NewCredentials(), secure.address: credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}),
	} {
		_, host, _ := strings.Cut(address, "://")
		c := originaltest.NewClient(t, host, by)
		_, err := c.Call(t.Context(), "CreatePiiRecord", originaltest.Create("k", canary))
		answers, streamErr := c.Exchange(t.Context(), "CreatePiiRecords", [][]byte{originaltest.Create("k", canary)})
		for _, err := range []error{err, streamErr} {
			if s := status.Convert(err); s.Code() != codes.Unimplemented || !strings.Contains(s.Message(), "serve --original-grpc") || len(answers) > 0 {
				t.Errorf("%s: %v", address, err)
			}
		}
	}
	wantNoCanary(t, in)
}

// TestHTTP2WithoutTLS: the API itself serves a client that speaks nothing but HTTP/2.
func TestHTTP2WithoutTLS(t *testing.T) {
	in := newTestInstall(t)
	p := in.start(t)
	client := newHTTP2Client()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.address+"/twirp/piinguin.v1.Piinguin/CreatePiiRecord",
		strings.NewReader(`{"pii_record":{"modified_value":"k","original_value":""}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer dev-writer")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		t.Errorf("%s %d", res.Proto, res.StatusCode)
	}
}

// TestRefusedOverHTTP2: a refused stream leaves its connection to the others, whatever body it has.
func TestRefusedOverHTTP2(t *testing.T) {
	in := newTestInstall(t)
	p := in.start(t)
	client := newHTTP2Client()
	for i, c := range []struct {
		token  string
		length int
		status int
	}{
		{"wrong", 2, http.StatusUnauthorized},
		{"wrong", 50_000, http.StatusUnauthorized},
		{"wrong", 4<<20 + 1, http.StatusUnauthorized},
		{"dev-writer", 4<<20 + 1, http.StatusBadRequest},
		{"dev-writer", 2, http.StatusBadRequest},
	} {
		reused := i == 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { reused = reused || got.Reused }})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address+"/twirp/piinguin.v1.Piinguin/CreatePiiRecord",
			strings.NewReader("{}"+strings.Repeat(" ", c.length-2)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+c.token)
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		answer, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != c.status || !strings.Contains(string(answer), `"reason"`) || !reused {
			t.Errorf("%+v: %d %s %v, over the same connection: %t", c, res.StatusCode, answer, err, reused)
		}
	}
}
