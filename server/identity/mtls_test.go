package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/piinguin/piinguin/internal/certtest"
	"github.com/piinguin/piinguin/server/identity"
)

// newTestMTLS knows the callers of a file, by certificates of an authority.
func newTestMTLS(t *testing.T, authority *certtest.Authority, callers string) *identity.MTLS {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	certtest.Replace(t, path, authority.PEM())
	authorities, err := identity.OpenAuthorities(path, time.Now, func(err error) { t.Error(err) })
	mustBeNil(t, err)
	directory, err := identity.ParseDirectory(strings.NewReader(callers))
	mustBeNil(t, err)
	return identity.NewMTLS(authorities, directory, time.Now)
}

// withCertificate is a request whose handshake proved these certificates, the caller's first, at
// the time of the handshake.
func withCertificate(t *testing.T, chain ...[]byte) *http.Request {
	t.Helper()
	var certificates []*x509.Certificate
	for _, text := range chain {
		block, _ := pem.Decode(text)
		c, err := x509.ParseCertificate(block.Bytes)
		mustBeNil(t, err)
		certificates = append(certificates, c)
	}
	return &http.Request{TLS: &tls.ConnectionState{
		PeerCertificates: certificates[:len(certificates)-1], VerifiedChains: [][]*x509.Certificate{certificates},
	}}
}

// TestCertificateURIs: only what is a SPIFFE ID to the letter is one.
func TestCertificateURIs(t *testing.T) {
	authority := certtest.NewAuthority(t, "acme")
	m := newTestMTLS(t, authority, `mtls spiffe://acme.com/relay writer
mtls relay writer
mtls spiffe: writer
mtls spiffe://acme.com writer
mtls spiffe://acme.com/ writer
mtls spiffe://acme.com/relay/ writer
mtls spiffe://acme.com//relay writer
mtls spiffe://acme.com/./relay writer
mtls spiffe://acme.com/x/../relay writer
mtls spiffe://acme.com/..a/.b/c.d_e-f writer
mtls https://acme.com/relay writer
mtls spiffe:acme.com/relay writer
mtls spiffe://Acme.com/relay writer
mtls SPIFFE://acme.com/relay writer`)
	for uri, known := range map[string]bool{
		"spiffe://acme.com/relay":          true,
		"spiffe://acme.com/..a/.b/c.d_e-f": true,
		"SPIFFE://acme.com/relay":          false,
		"Spiffe://acme.com/relay":          false,
		"spiffe://acme.com/relay#":         false,
		"spiffe://acme.com/relay#x":        false,
		"spiffe://acme.com/relay?":         false,
		"spiffe://acme.com/relay?x":        false,
		"spiffe://relay@acme.com/relay":    false,
		"spiffe://acme.com/rela%79":        false,
		"spiffe://acme.com/relay/":         false,
		"spiffe://acme.com//relay":         false,
		"spiffe://acme.com/./relay":        false,
		"spiffe://acme.com/x/../relay":     false,
		"spiffe://Acme.com/relay":          false,
		"spiffe://acme.com":                false,
		"spiffe://acme.com/":               false,
		"spiffe:acme.com/relay":            false,
		"https://acme.com/relay":           false,
		"spiffe:":                          false,
		"relay":                            false, // without a colon it could be a DNS name
	} {
		caller, err := m.Authenticate(withCertificate(t, authority.Issue(t, certtest.Leaf{URIs: []string{uri}}).Cert, authority.PEM()))
		if (err == nil) != known || known && caller.Name != uri {
			t.Errorf("%.60s: %q, %v; want known %v", uri, caller.Name, err, known)
		}
	}
	two := authority.Issue(t, certtest.Leaf{URIs: []string{"spiffe://acme.com/relay", "spiffe://acme.com/other"}})
	if caller, err := m.Authenticate(withCertificate(t, two.Cert, authority.PEM())); err == nil {
		t.Errorf("two URIs: %q", caller.Name)
	}
}

// TestRenewedAuthority: a connection whose certificate comes through an intermediate outlives the
// renewal of the authority, and does not outlive its replacement by a stranger.
func TestRenewedAuthority(t *testing.T) {
	first := certtest.NewAuthority(t, "acme")
	between := first.Intermediate(t, "between")
	leaf := between.Issue(t, certtest.Leaf{URIs: []string{"spiffe://acme.com/relay"}})
	r := withCertificate(t, leaf.Cert, between.PEM(), first.PEM()) // proven by the first authority
	const callers = "mtls spiffe://acme.com/relay writer"
	for name, c := range map[string]struct {
		authority *certtest.Authority
		known     bool
	}{"the same": {first, true}, "renewed": {first.Renewed(t), true}, "another": {certtest.NewAuthority(t, "acme"), false}} {
		if _, err := newTestMTLS(t, c.authority, callers).Authenticate(r); (err == nil) != c.known {
			t.Errorf("%s: %v", name, err)
		}
	}
}
