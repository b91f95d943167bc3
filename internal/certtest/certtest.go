// Package certtest makes certificates for tests of TLS.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// valid is how long a certificate is, around the moment at which it is made.
const valid = 24 * time.Hour

// Authority issues certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair is a certificate and its key, in PEM.
type Pair struct{ Cert, Key []byte }

// Leaf says what a certificate is for; it serves 127.0.0.1 and clients, too.
type Leaf struct {
	URIs, DNS, Emails []string
	CommonName        string
	NotAfter          time.Time          // a day from now, if zero
	Usage             []x509.ExtKeyUsage // both, if nil
}

// NewAuthority makes an authority with a key of its own.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	key := newKey(t)
	return &Authority{authority(t, name, key), key}
}

// Renewed returns the authority with another certificate of the same key and name.
func (a *Authority) Renewed(t testing.TB) *Authority {
	t.Helper()
	return &Authority{authority(t, a.cert.Subject.CommonName, a.key), a.key}
}

// Intermediate makes an authority that this one vouches for.
func (a *Authority) Intermediate(t testing.TB, name string) *Authority {
	t.Helper()
	key := newKey(t)
	return &Authority{create(t, authorityTemplate(t, name), a.cert, key, a.key), key}
}

func authority(t testing.TB, name string, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template := authorityTemplate(t, name)
	return create(t, template, template, key, key)
}

func authorityTemplate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	template := newTemplate(t, name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	return template
}

// PEM returns the authority's certificate.
func (a *Authority) PEM() []byte { return certificatePEM(a.cert) }

// Pool returns a pool with the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Issue makes a certificate.
func (a *Authority) Issue(t testing.TB, leaf Leaf) Pair {
	t.Helper()
	template := newTemplate(t, leaf.CommonName)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = leaf.Usage
	if leaf.Usage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	if !leaf.NotAfter.IsZero() {
		template.NotAfter = leaf.NotAfter
	}
	template.DNSNames, template.EmailAddresses = leaf.DNS, leaf.Emails
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, text := range leaf.URIs {
		template.URIs = append(template.URIs, &url.URL{Opaque: text}) // to the letter
	}
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return Pair{
		certificatePEM(create(t, template, a.cert, key, a.key)),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
}

// Write puts a pair into a folder as NAME.pem and NAME.key, and returns their paths.
func (p Pair) Write(t testing.TB, folder, name string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key")
	Replace(t, cert, p.Cert)
	Replace(t, key, p.Key)
	return cert, key
}

// Replace puts a file into the place of another, as an operator should.
func Replace(t testing.TB, path string, text []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".tmp", text, 0o600))
	must(t, os.Rename(path+".tmp", path))
}

func newTemplate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-valid), NotAfter: now.Add(valid),
	}
}

func create(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
