package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/rpc/client"
	"github.com/piinguin/piinguin/rpc/client/iam"
)

// The values of --auth.
const (
	authToken = "token"
	authIAM   = "iam"
)

// addAuth adds the flags that say how a caller proves who it is.
func (c *Client) addAuth(flags *pflag.FlagSet) {
	flags.StringVar(&c.Auth, "auth", authToken, "`how` to prove who calls: token; or iam, with the AWS role or user\nof the AWS SDK's usual settings")
	flags.StringVar(&c.Audience, "audience", "", "with --auth iam, the server's --iam-audience, a `name`; default the host's name")
}

// HasCredential reports whether the flags say who calls.
func (c *Client) HasCredential() bool { return c.Token != "" || c.TLSCert != "" || c.Auth == authIAM }

// source returns what makes tokens, or nil where --token is one. The AWS settings are those of
// awsx.Config.
func (c *Client) source(ctx context.Context) (func(context.Context) (client.Token, error), error) {
	switch {
	case c.Auth == authToken:
		return nil, nil
	case c.Auth != authIAM:
		return nil, errors.New("--auth is neither token nor iam")
	case c.Token != "":
		return nil, fmt.Errorf("--auth iam makes tokens: leave --token and %s out", EnvName("token"))
	}
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return nil, fmt.Errorf("--auth iam: %w", err)
	}
	source, err := iam.TokenSource(cfg, c.audience())
	if err != nil {
		return nil, fmt.Errorf("--auth iam: %w", err)
	}
	return source, nil
}

func (c *Client) audience() string {
	if c.Audience != "" || !strings.Contains(c.Host, "://") {
		return cmp.Or(c.Audience, c.Host)
	}
	u, err := url.Parse(c.Host)
	if err != nil {
		return "" // client.New says what is wrong with it
	}
	return u.Hostname()
}
