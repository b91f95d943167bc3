package client_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// mutual is a server that takes certificates only, and notes whose.
type mutual struct {
	*httptest.Server
	folder, ca string
	clients    *certtest.Authority
	callers    []string
}

func newTestMutual(t *testing.T) *mutual {
	t.Helper()
	m := &mutual{folder: t.TempDir(), clients: certtest.NewAuthority(t, "clients")}
	servers := certtest.NewAuthority(t, "servers")
	m.ca = filepath.Join(m.folder, "ca.pem")
	certtest.Replace(t, m.ca, servers.PEM())
	own := servers.Issue(t, certtest.Leaf{})
	pair, err := tls.X509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	m.Server = httptest.NewUnstartedServer(orLegal(func(_ http.ResponseWriter, r *http.Request) {
		m.callers = append(m.callers, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	m.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: m.clients.Pool(),
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

func (m *mutual) config(t *testing.T, from *certtest.Authority) client.Config {
	t.Helper()
	cert, key := from.Issue(t, certtest.Leaf{CommonName: "first"}).Write(t, m.folder, "mine")
	return client.Config{Host: m.URL, CAFile: m.ca, CertFile: cert, KeyFile: key, Timeout: time.Minute}
}

func readOnce(t *testing.T, c *client.Client) error {
	t.Helper()
	_, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{})
	return err
}

// A certificate that was renewed is sent with the next connection.
func TestCertificateIsSentAndReadAgain(t *testing.T) {
	m := newTestMutual(t)
	cfg := m.config(t, m.clients)
	cfg.RetryReads = true // a connection may be closed while the next call is on its way
	c := newTestClient(t, cfg)
	for _, name := range []string{"second", "third"} {
		if err := readOnce(t, c); err != nil {
			t.Fatal(err)
		}
		m.clients.Issue(t, certtest.Leaf{CommonName: name}).Write(t, m.folder, "mine")
		m.CloseClientConnections()
	}
	if diff := cmp.Diff([]string{"first", "second"}, m.callers); diff != "" {
		t.Errorf("callers (-want +have):\n%s", diff)
	}
	certtest.Replace(t, cfg.KeyFile, []byte("canary"))
	m.CloseClientConnections()
	if err := readOnce(t, c); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("with a broken key: %v", err)
	}
}

// A name is called by https if there is a file for it.
func TestNameIsCalledByTLS(t *testing.T) {
	m := newTestMutual(t)
	cfg := m.config(t, m.clients)
	cfg.Host = "127.0.0.1"
	if have := newTestClient(t, cfg).Address(); have != "https://127.0.0.1:8080" {
		t.Errorf("address %s", have)
	}
}

func TestUntrustedOnEitherSide(t *testing.T) {
	m := newTestMutual(t)
	cfg := m.config(t, certtest.NewAuthority(t, "clients"))
	if err := readOnce(t, newTestClient(t, cfg)); err == nil {
		t.Error("the server took a certificate of a stranger")
	}
	cfg = m.config(t, m.clients)
	certtest.Replace(t, m.ca, certtest.NewAuthority(t, "servers").PEM())
	if err := readOnce(t, newTestClient(t, cfg)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server of a stranger: %v", err)
	}
	cfg.CAFile = "" // the system's do not vouch for it
	if err := readOnce(t, newTestClient(t, cfg)); err == nil {
		t.Error("a server was taken that nobody vouches for")
	}
	if len(m.callers) > 0 {
		t.Errorf("the server answered %v", m.callers)
	}
}

func TestTLSFilesRefused(t *testing.T) {
	folder := t.TempDir()
	pair := certtest.NewAuthority(t, "canary").Issue(t, certtest.Leaf{CommonName: "canary"})
	cert, key := pair.Write(t, folder, "canary")
	if err := os.WriteFile(filepath.Join(folder, "no.pem"), []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]client.Config{
		"certificate alone": {CertFile: cert},
		"key alone":         {KeyFile: key},
		"exchanged":         {CertFile: key, KeyFile: cert},
		"no file":           {CertFile: cert, KeyFile: filepath.Join(folder, "canary2")},
		"CA is no PEM":      {CAFile: filepath.Join(folder, "no.pem")},
		"no CA file":        {CAFile: filepath.Join(folder, "canary2")},
		"plain URL":         {Host: "http://canary", CertFile: cert, KeyFile: key},
		"plain URL and CA":  {Host: "http://canary", CAFile: cert},
		"HTTPClient":        {CAFile: cert, HTTPClient: &http.Client{}},
	} {
		c, err := client.New(cfg)
		if err == nil || c != nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
