package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"

	"github.com/piinguin/piinguin/internal/hotfile"
)

// Authorities are the certificate authorities that vouch for clients.
type Authorities struct{ file *hotfile.Files[bundle] }

// bundle is what a PEM file holds.
type bundle struct {
	pool  *x509.CertPool
	known map[[sha256.Size]byte]bool // by the hash of the whole certificate
}

// OpenAuthorities reads a file of certificates in PEM (RFC 7468), and reads it again
// when it was changed, as OpenFiles does. One that is not whole, is empty or
// holds anything else in PEM, a private key above all, is refused.
func OpenAuthorities(path string, now func() time.Time, report func(error)) (*Authorities, error) {
	file, err := hotfile.Open(hotfile.Source[bundle]{
		Paths: []string{path}, Now: now, Report: report,
		Parse: func(contents [][]byte) (bundle, error) { return parseBundle(contents[0]) },
	})
	if err != nil {
		return nil, err
	}
	return &Authorities{file}, nil
}

// Pool returns the authorities as they are now. The pool is not to be changed.
func (a *Authorities) Pool() *x509.CertPool { return a.file.Current().pool }

func parseBundle(text []byte) (bundle, error) {
	b := bundle{pool: x509.NewCertPool(), known: map[[sha256.Size]byte]bool{}}
	begun, whole := bytes.Count(text, []byte("-----BEGIN ")), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		whole++
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return bundle{}, errors.New("identity: client CA file: a PEM block in it is not a certificate")
		}
		b.pool.AddCert(c)
		b.known[sha256.Sum256(c.Raw)] = true
	}
	if whole == 0 || whole != begun { // pem.Decode passes over a block that is cut off
		return bundle{}, errors.New("identity: client CA file: it holds no certificate in PEM, or one that is not whole")
	}
	return b, nil
}

// holds reports whether a chain of a handshake ends at an authority of the bundle and
// all of it is valid at a time.
func (b bundle) holds(chain []*x509.Certificate, now time.Time) bool {
	for _, c := range chain {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return false
		}
	}
	return len(chain) > 0 && b.known[sha256.Sum256(chain[len(chain)-1].Raw)]
}
