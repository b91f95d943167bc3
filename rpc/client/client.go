package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Client calls one server. It is safe for concurrent use; make one and share it.
type Client struct {
	piinguinv1.Piinguin // store, read and erase records
	piinguinv1.Audit    // read the ledger

	address string
}

// New makes a client. It does not connect: the first call does.
//
// Errors: what Config.Validate refuses, and files that cannot be used.
func New(cfg Config) (*Client, error) {
	base, err := cfg.base()
	if err != nil {
		return nil, err
	}
	conf, err := cfg.tlsConfig()
	if err != nil {
		return nil, err
	}
	h := cfg.httpClient(conf)
	again := twirp.WithClientInterceptors(cfg.retry().intercept, cfg.checked)
	return &Client{
		Piinguin: piinguinv1.NewPiinguinProtobufClient(base, h, again),
		Audit:    piinguinv1.NewAuditProtobufClient(base, h, again),
		address:  base,
	}, nil
}

// Address is the server's base URL, without /twirp. It holds no credentials.
func (c Client) Address() string { return c.address }

// Format implements fmt.Formatter: a client prints as its address only.
func (c Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "piinguin client of %s", c.address)
}

// httpClient is a copy of the configured client that sends the token, follows no redirect and
// lets only a Piinguin server's answers through.
func (c Config) httpClient(conf *tls.Config) *http.Client {
	h := http.Client{}
	if c.HTTPClient != nil {
		h = *c.HTTPClient
	}
	if h.Transport == nil {
		h.Transport = c.newTransport(conf)
	}
	h.Transport = guard{h.Transport}
	if c.Token != "" {
		h.Transport = &bearer{token: func(context.Context) (Token, error) { return c.Token, nil }, next: h.Transport}
	}
	if c.TokenSource != nil {
		h.Transport = &bearer{token: c.TokenSource, next: h.Transport}
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.Timeout = c.timeout()
	return &h
}

var errNoToken = errors.New("client: TokenSource returned an empty token")

// tokenError is why there is no token to send. Sending again would ask the same
// source, which knows better than this package when to try again.
type tokenError struct{ error }

func (e *tokenError) Unwrap() error { return e.error }

// bearer adds the token to each request.
type bearer struct {
	token func(context.Context) (Token, error)
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper, which forbids changing the request and
// wants its body closed whatever happens.
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := b.token(r.Context())
	if err == nil && token == "" {
		err = errNoToken
	}
	if err == nil {
		err = token.validate()
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &tokenError{err}
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(token))
	return b.next.RoundTrip(r)
}
