// Package client calls a Piinguin server from Go.
//
// A Client is the two services of the contract (see package piinguinv1) with
// the caller's token on every request, or with a certificate in its place:
//
//	c, err := client.New(client.Config{
//		Host:  "https://vault.internal",
//		Token: client.Token(os.Getenv("PIINGUIN_TOKEN")),
//	})
//	if err != nil {
//		return err
//	}
//	answer, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
//		ModifiedValue:   "7d8a4beae5bc9d31",
//		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
//		Purpose:         "send the invoice",
//	})
//
// Errors are those of Twirp: errors.As to a twirp.Error gives the code, and
// Meta("reason") the stable reason of a server's error. A request that did not
// reach a server is an error with the code internal that wraps the cause, so
// errors.Is and errors.As find, say, syscall.ECONNREFUSED.
//
// Nothing is retried: a read that is sent twice is two entries in the ledger, so
// whether to ask again is the caller's decision. A redirect is an error, so that
// a token never goes to another host than the one that was named.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// idlePerHost is how many connections are kept open for the next call. With the
// two that net/http keeps, many callers at once spend their time on handshakes.
const idlePerHost = 128

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
	return &Client{
		Piinguin: piinguinv1.NewPiinguinProtobufClient(base, h),
		Audit:    piinguinv1.NewAuditProtobufClient(base, h),
		address:  base,
	}, nil
}

// Address is the server's base URL, without /twirp. It holds no credentials.
func (c Client) Address() string { return c.address }

// Format implements fmt.Formatter: a client prints as its address only.
func (c Client) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "piinguin client of %s", c.address)
}

// httpClient is a copy of the configured client that sends the token and follows
// no redirect.
func (c Config) httpClient(conf *tls.Config) *http.Client {
	h := http.Client{}
	if c.HTTPClient != nil {
		h = *c.HTTPClient
	}
	if h.Transport == nil {
		h.Transport = newTransport(conf)
	}
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
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(token))
	return b.next.RoundTrip(r)
}
