package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
)

// errs have fixed texts: what a file holds, a private key above all, is for no log.
var (
	errCA   = errors.New("client: CAFile is not there, or holds no certificates in PEM")
	errCert = errors.New("client: CertFile and KeyFile are not there, or not a certificate and its private key in PEM")
)

// withTLS reports whether the files of TLS say that the server has it.
func (c Config) withTLS() bool { return c.CAFile != "" || c.CertFile != "" }

// checkTLS checks which of the fields stand together.
func (c Config) checkTLS() error {
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("client: CertFile and KeyFile go together")
	case c.withTLS() && c.HTTPClient != nil:
		return errors.New("client: HTTPClient has a TLS configuration of its own; leave CAFile and CertFile out")
	}
	return nil
}

// tlsConfig reads the files; without any it is nil.
func (c Config) tlsConfig() (*tls.Config, error) {
	if !c.withTLS() {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		conf.RootCAs = x509.NewCertPool()
		if err != nil || !conf.RootCAs.AppendCertsFromPEM(text) {
			return nil, errCA
		}
	}
	if c.CertFile != "" {
		if _, err := c.certificate(nil); err != nil {
			return nil, err
		}
		conf.GetClientCertificate = c.certificate
	}
	return conf, nil
}

// certificate reads the pair anew for each handshake, so that a certificate of an hour
// can be renewed. It is sent to a server that does not know who vouches for it, too: its
// refusal tells more than that of a request without a credential.
func (c Config) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, errCert
	}
	return &pair, nil
}
