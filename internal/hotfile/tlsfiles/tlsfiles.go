// Package tlsfiles makes a server's TLS configuration from files that may be renewed while the
// server runs.
//
//	conf, err := tlsfiles.New(tlsfiles.Config{CertFile: cert, KeyFile: key, Now: time.Now, Report: report})
//	server := &http.Server{TLSConfig: conf}
//
// It promises that a handshake uses the newest certificate that fits its key, and the client
// authorities of that moment. It does not end connections: a client whose authority was removed
// stays until its connection ends.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/piinguin/piinguin/internal/hotfile"
)

// Config says where the server's certificate is and which clients' certificates it accepts. All
// fields but ClientCAs are required.
type Config struct {
	// CertFile is the server's certificate in PEM, followed by the intermediate ones. KeyFile is
	// its private key. Both are read again when one of them changes; until they fit each other
	// the earlier pair stays in use.
	CertFile, KeyFile string
	// ClientCAs returns the authorities for clients' certificates; it is called at each
	// handshake. A client needs no certificate, but a handshake with one that no authority signed
	// fails. If ClientCAs is nil the server asks for no certificate.
	ClientCAs func() *x509.CertPool
	Now       func() time.Time
	// Report is called once for each change: with nil if the new pair is in use, or with the
	// reason why it is not, in a fixed text.
	Report func(error)
}

var errPair = errors.New("the files are not a certificate and its private key in PEM")

// New reads the certificate and returns the configuration of a server: TLS 1.2 and later,
// HTTP/1.1 and HTTP/2.
//
// Errors have fixed texts, because the content of a key file must be in no log.
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

// askClients makes a server ask for certificates. It turns resumption off: a resumed session would
// bring back the chains of an earlier handshake, although the authorities may have changed since.
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
