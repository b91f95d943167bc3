// Package tlsfiles is a server's side of TLS, from files that may be renewed while
// it runs.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/piinguin/piinguin/internal/hotfile"
)

// Config says where the server's certificate is and how clients prove themselves. All
// fields but ClientCAs are required.
type Config struct {
	// CertFile is the server's certificate in PEM with those that vouch for it behind
	// it, KeyFile its private key. Both are read again when one was changed; until both
	// fit each other, the earlier pair stays in use.
	CertFile, KeyFile string
	// ClientCAs returns who vouches for clients' certificates, at each handshake. A
	// client need not have one; a handshake with one that nobody vouches for fails. Nil
	// means that none is asked for.
	ClientCAs func() *x509.CertPool
	Now       func() time.Time
	// Report gets nil for a changed pair that was taken, or why it was not, in a fixed
	// text.
	Report func(error)
}

var errPair = errors.New("the files are not a certificate and its private key in PEM")

// New reads the certificate and returns the configuration of a server with TLS 1.2 and
// later, HTTP/1.1 and HTTP/2.
//
// Errors have fixed texts, for what stands in a key file must be in no log.
func New(c Config) (*tls.Config, error) {
	pair, err := hotfile.Open(hotfile.Source[*tls.Certificate]{
		Paths: []string{c.CertFile, c.KeyFile}, Now: c.Now, Report: c.Report,
		Parse: func(contents [][]byte) (*tls.Certificate, error) {
			p, err := tls.X509KeyPair(contents[0], contents[1])
			if err != nil {
				return nil, errPair
			}
			return &p, nil
		},
	})
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{
		MinVersion:     tls.VersionTLS12, // newer ones are preferred
		NextProtos:     []string{"h2", "http/1.1"},
		Time:           c.Now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.Current(), nil },
	}
	if c.ClientCAs != nil {
		askClients(conf, c.ClientCAs)
	}
	return conf, nil
}

// askClients makes a server ask for certificates. Sessions are not resumed: that would
// bring back the chains of an earlier handshake, whoever vouches for clients since.
func askClients(conf *tls.Config, authorities func() *x509.CertPool) {
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	conf.SessionTicketsDisabled = true
	asking := conf.Clone()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := asking.Clone()
		now.ClientCAs = authorities()
		return now, nil
	}
}
