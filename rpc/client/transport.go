package client

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// ProxyEnvironment is the Config.Proxy that takes HTTPS_PROXY and NO_PROXY from the environment.
const ProxyEnvironment = "environment"

// idlePerHost is how many connections are kept open for the next call. With the
// two that net/http keeps, many callers at once spend their time on handshakes.
const idlePerHost = 128

// newTransport makes the connections. It takes nothing from http.DefaultTransport, which has a proxy
// of the environment: a proxy that nobody asked for would see the token and the values.
func (c Config) newTransport(conf *tls.Config) http.RoundTripper {
	return &http.Transport{
		Proxy:                  c.proxy(),
		TLSClientConfig:        conf,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    DefaultTimeout,
		DialContext:            (&net.Dialer{Timeout: DefaultTimeout}).DialContext,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: piinguinv1.MaxAnswerHeader,
	}
}

// proxy returns nil for none.
func (c Config) proxy() func(*http.Request) (*url.URL, error) {
	switch c.Proxy {
	case "":
		return nil
	case ProxyEnvironment:
		return http.ProxyFromEnvironment
	}
	u, err := url.Parse(c.Proxy)
	return func(*http.Request) (*url.URL, error) { return u, err }
}

// checkProxy checks Proxy against the server's base URL.
func (c Config) checkProxy(base string) error {
	if c.Proxy == "" {
		return nil
	}
	u, err := url.Parse(c.Proxy)
	switch {
	case c.HTTPClient != nil:
		return errors.New("client: HTTPClient has a proxy of its own; leave Proxy out")
	case !strings.HasPrefix(base, "https:"):
		return errors.New("client: Proxy needs an https server: over plain HTTP the proxy would see the token and the values")
	case c.Proxy == ProxyEnvironment:
		return nil
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("client: Proxy is neither " + ProxyEnvironment + " nor an http or https URL")
	}
	return nil
}

// answerError says in words that an answer is not one of a Piinguin server, or why there was none.
// Another try would end the same way.
type answerError struct {
	text   string // one of a closed set
	detail string // what the answer itself says; may be empty
	cause  error  // may be nil
}

func (e *answerError) Error() string { return "client: " + e.text + e.detail }

func (e *answerError) Unwrap() error { return e.cause }

// twirp leaves out what net/http and Twirp put around the error: it names the URL once more, and
// would pass for a lost connection.
func (e *answerError) twirp() twirp.Error {
	return twirp.WrapError(twirp.InternalError(e.text+e.detail), e)
}

// guard lets through what a Piinguin server may answer.
type guard struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, noAnswer(err)
	}
	res.Body = http.MaxBytesReader(nil, res.Body, piinguinv1.MaxAnswer)
	if wrong := foreign(r, res); wrong != nil {
		_ = res.Body.Close()
		return nil, wrong
	}
	return res, nil
}

const (
	textPlain    = "the server's port takes plain HTTP only, and its address says https"
	textEncrypt  = "the server's port takes https only, and its address says plain HTTP"
	textRedirect = "the server answered with a redirect; none is followed, so that the credential goes nowhere else"
	textForeign  = "the answer is no Piinguin server's: its Content-Type is not application/protobuf; perhaps a proxy or another program answered"
	textAlert    = "the server refused the TLS connection; it may require a client certificate of another authority"
)

// noAnswer says in words why a server did not answer, if it was reached in a wrong way.
func noAnswer(err error) error {
	var (
		records tls.RecordHeaderError
		network *net.OpError
	)
	switch {
	case errors.As(err, &records):
		return &answerError{text: textPlain, cause: err}
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // the start of a TLS alert
		return &answerError{text: textEncrypt, cause: err}
	case errors.As(err, &network) && network.Op == "remote error": // an alert, by a fixed text of crypto/tls
		return &answerError{textAlert, " (" + network.Err.Error() + ")", err}
	}
	return err
}

// foreign says in words what is wrong with an answer, or is nil. Twirp's client looks at the errors.
func foreign(r *http.Request, res *http.Response) *answerError {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return &answerError{text: textRedirect, detail: fmt.Sprintf(" (status %d%s)", res.StatusCode, target(res))}
	case res.StatusCode == http.StatusOK && kind != "application/protobuf":
		return &answerError{text: textForeign}
	case res.StatusCode == http.StatusBadRequest && r.URL.Scheme == "http" && kind != "application/json" && namesHTTPS(res):
		return &answerError{text: textEncrypt}
	}
	return nil
}

// target names the host that a redirect leads to. The rest of its URL may repeat the request.
func target(res *http.Response) string {
	u, err := res.Location()
	if err != nil || u.Hostname() == "" || len(u.Host) > 255 {
		return ""
	}
	return fmt.Sprintf(", to %q", u.Scheme+"://"+u.Host)
}

// namesHTTPS reports whether a page says that its port takes https, as Go's and other servers of TLS do
// where they get plain HTTP. What it reads stays readable.
func namesHTTPS(res *http.Response) bool {
	page, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(page), res.Body), res.Body}
	return err == nil && bytes.Contains(page, []byte("HTTPS"))
}
