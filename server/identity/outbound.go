package identity

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// outbound is how authenticators call the servers that vouch for callers: over
// https alone, redirects included, and with answers of at most limit bytes. Without
// it a hostile or broken answer would decide how much memory is taken.
type outbound struct {
	next  http.RoundTripper
	limit int64
}

var errNotHTTPS = errors.New("the URL is not https")

// RoundTrip implements http.RoundTripper.
func (o outbound) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errNotHTTPS
	}
	resp, err := o.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = limited{http.MaxBytesReader(nil, resp.Body, o.limit), resp.Body}
	return resp, nil
}

type limited struct {
	io.Reader
	io.Closer
}

// newOutbound returns a client with the transport of base, or one of its own.
func newOutbound(base *http.Client, limit int64, timeout time.Duration) *http.Client {
	var next http.RoundTripper
	if base != nil {
		next = base.Transport
	}
	if next == nil {
		next = http.DefaultTransport
	}
	return &http.Client{Transport: outbound{next, limit}, Timeout: timeout}
}
