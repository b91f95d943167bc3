package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twitchtv/twirp"
)

// What a zero Config means.
const (
	DefaultHost    = "127.0.0.1"
	DefaultPort    = 8080
	DefaultTimeout = 10 * time.Second
)

// Config says which server to call, and as whom. The zero Config is a server on
// this machine that is called without a token.
type Config struct {
	// Host is a name or an IP address, which is called on Port by plain HTTP, or by
	// HTTPS if CAFile or CertFile is set; or a whole URL such as https://vault.internal,
	// which then says everything and Port is not used. A URL may carry a path before
	// /twirp. DefaultHost if empty.
	Host string
	// Port is 1 to 65535. DefaultPort if 0.
	Port int
	// Token is the bearer token of the caller. Without one no Authorization header
	// is sent. Over plain HTTP anyone on the way can read it.
	Token Token
	// TokenSource, in place of Token, returns the token of each request, as package
	// iam's does. It is called by many callers at once, and before every request: it
	// keeps a token as long as that is good. Its errors are the request's.
	TokenSource func(ctx context.Context) (Token, error)
	// Timeout bounds one attempt of a call, from connecting to the last byte of the
	// answer. DefaultTimeout if 0. A context that ends earlier ends the call.
	Timeout time.Duration
	// Attempts is how often a call is sent at most, 1 to 100; 1 is never again.
	// DefaultAttempts if 0. See "Failures and retries" for which calls and which errors.
	Attempts int
	// RetryReads retries reads and the Audit service's calls as well. Each attempt that
	// reaches the server is an audit entry of its own: one read may look like several.
	RetryReads bool
	// OnRetry is called before each further attempt with the call's context, the method, such as
	// CreatePiiRecords, and the code of the attempt that failed: for metrics. Many calls
	// call it at once, and each waits for it. Optional.
	OnRetry func(ctx context.Context, method string, code twirp.ErrorCode)
	// CAFile holds the certificates in PEM of those who may vouch for the server, in
	// place of the system's; it is read once. Optional.
	CAFile string
	// CertFile is the caller's certificate in PEM with those that vouch for it behind
	// it, KeyFile its private key: whom a server takes by mutual TLS needs no Token, and
	// one that is sent counts alone. They are read again for each new connection. Optional.
	CertFile, KeyFile string
	// Proxy is the http or https URL of a proxy to reach the server by, or ProxyEnvironment. It
	// needs an https server: over plain HTTP a proxy would see the token and the values. Without
	// it the client uses no proxy, whatever the environment says. Optional.
	Proxy string
	// HTTPClient is a client to derive from, for TLS that files do not say or for
	// tracing; CAFile, CertFile and Proxy are empty then. Its Timeout and CheckRedirect are not used.
	// Optional; the default keeps enough connections for many callers at once.
	HTTPClient *http.Client
}

// Token is a bearer token. It prints as [redacted] under every fmt verb and in
// every text encoding; string(token) is the way to its value.
type Token string

const redacted = "[redacted]"

// Format implements fmt.Formatter.
func (Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements encoding.TextMarshaler, and so serves JSON and loggers.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (t Token) validate() error {
	if strings.ContainsFunc(string(t), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("client: Token holds a space, a line end or another character that no token has")
	}
	return nil
}

// Validate says what is wrong with a Config, by the name of the field and never
// by its value: a URL may hold a password. It reads no file.
func (c Config) Validate() error {
	_, err := c.base()
	return err
}

// base checks the whole Config and returns the server's base URL.
func (c Config) base() (string, error) {
	base, err := c.address()
	if err == nil {
		err = c.checkProxy(base)
	}
	return base, err
}

// address is base without the check of Proxy, which depends on it.
func (c Config) address() (string, error) {
	if c.Timeout < 0 {
		return "", errors.New("client: Timeout is negative")
	}
	if c.Attempts < 0 || c.Attempts > maxAttempts {
		return "", errors.New("client: Attempts is not 1 to 100")
	}
	if c.Token != "" && c.TokenSource != nil {
		return "", errors.New("client: Token and TokenSource are both set")
	}
	if err := c.Token.validate(); err != nil {
		return "", err
	}
	if err := c.checkTLS(); err != nil {
		return "", err
	}
	if strings.Contains(c.Host, "://") {
		base, err := baseOfURL(c.Host)
		if err == nil && c.withTLS() && !strings.HasPrefix(base, "https:") {
			return "", errors.New("client: Host is a URL of plain HTTP; CAFile and CertFile need https")
		}
		return base, err
	}
	scheme := "http"
	if c.withTLS() {
		scheme = "https"
	}
	return baseOfName(scheme, c.Host, c.Port)
}

func baseOfURL(host string) (string, error) {
	u, err := url.Parse(host)
	switch {
	case err != nil: // its text quotes the URL
		return "", errors.New("client: Host is not a valid URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("client: Host is a URL of another scheme than http or https")
	case u.Hostname() == "":
		return "", errors.New("client: Host is a URL without a host")
	case u.User != nil:
		return "", errors.New("client: Host is a URL with a user; use Token")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("client: Host is a URL with a query or a fragment")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func baseOfName(scheme, host string, port int) (string, error) {
	if host == "" {
		host = DefaultHost
	}
	if port == 0 {
		port = DefaultPort
	}
	if port < 1 || port > 65535 {
		return "", errors.New("client: Port is not 1 to 65535")
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
		return "", errors.New("client: Host is neither a name nor an IP address; a port goes into Port")
	}
	base := (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, strconv.Itoa(port))}).String()
	if u, err := url.Parse(base); err != nil || u.Hostname() != host {
		return "", errors.New("client: Host is neither a name, an IP address nor a URL")
	}
	return base, nil
}

func (c Config) timeout() time.Duration {
	if c.Timeout == 0 {
		return DefaultTimeout
	}
	return c.Timeout
}
