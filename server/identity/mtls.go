package identity

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"github.com/piinguin/piinguin/server/policy"
)

// MTLS takes the caller from the certificate by which a client proved itself in the
// TLS handshake.
type MTLS struct {
	authorities *Authorities
	callers     *Directory
	now         func() time.Time
}

// NewMTLS returns an MTLS for a server whose TLS asks for certificates of the same
// authorities. No argument is optional; now is the clock.
func NewMTLS(authorities *Authorities, callers *Directory, now func() time.Time) *MTLS {
	return &MTLS{authorities, callers, now}
}

// Authenticate implements Authenticator. The caller's name is that of the certificate,
// see certificateName, and must stand in the directory.
//
// A request with an Authorization header is not taken: whoever sends a token wants to
// be its caller, so a token that is wrong is not covered up by a certificate.
//
// A connection outlives its handshake. So each request is held to the authorities and
// to the time as they are now.
func (m *MTLS) Authenticate(r *http.Request) (policy.Caller, error) {
	if _, other := r.Header["Authorization"]; other {
		_, err := bearer(r)
		return policy.Caller{}, cmp.Or(err, error(UnknownToken))
	}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return policy.Caller{}, NoCredential
	}
	name, ok := certificateName(r.TLS.PeerCertificates[0])
	if !ok {
		return policy.Caller{}, BadName
	}
	if !m.authorities.Trust(r.TLS, m.now()) {
		return policy.Caller{}, DistrustedCertificate
	}
	given, ok := m.callers.Roles("mtls", name)
	if !ok {
		return policy.Caller{}, NotInCallersFile
	}
	return policy.Caller{Name: name, Authentication: "mtls", Roles: given}, nil
}

// certificateName returns the one name that a certificate is for: its URI, which must be a SPIFFE ID,
// or without one its DNS name, or without that its e-mail address. Several of the kind that counts
// are none, for one of them would have to be chosen; the common name never counts. By its colon
// and its @ no name of one kind can be taken for another's.
func certificateName(c *x509.Certificate) (string, bool) {
	switch {
	case len(c.URIs) > 0:
		return spiffeID(c)
	case len(c.DNSNames) > 0:
		return c.DNSNames[0], len(c.DNSNames) == 1 && !strings.ContainsAny(c.DNSNames[0], ":@")
	case len(c.EmailAddresses) > 0:
		name := c.EmailAddresses[0]
		return name, len(c.EmailAddresses) == 1 && strings.Contains(name, "@") && !strings.Contains(name, ":")
	}
	return "", false
}

// Trust reports whether the certificate that a client proved in a handshake is still vouched for.
func (a *Authorities) Trust(s *tls.ConnectionState, now time.Time) bool {
	known := a.file.Current()
	for _, chain := range s.VerifiedChains {
		if known.holds(chain, now) {
			return true
		}
	}
	// The handshake's chains do not hold any longer. Another may: an authority that
	// was renewed has another certificate.
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: known.pool, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}
