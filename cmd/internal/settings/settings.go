// Package settings reads the settings of both commands. Flags that are settings of a place, such as an
// address or a store, have a variable in the environment; what a call asks for, what it states and
// what overrides a check are flags only. The flags that say which server to call are the same in every
// command:
//
//	var server settings.Client
//	server.AddTo(flags)
//	err := settings.FromEnvironment(flags, os.Getenv, note)
//	c, err := server.Open(ctx)
//
// A flag that is given wins over its variable. Errors name the variable and never quote its value, which
// may be a token.
package settings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
)

// FromEnvironment sets each flag of a place that was not given from its variable, if that is
// not empty. Its errors name the variable and never quote it. One that Kubernetes set is passed over, and say is told.
func FromEnvironment(flags *pflag.FlagSet, env func(string) string, say func(note string)) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if _, skip := f.Annotations[flagOnly]; skip || f.Changed || !slices.Contains(ofPlace, f.Name) {
			return
		}
		for _, name := range EnvNames(f.Name) {
			if env(name) == "" {
				continue
			}
			if OfKubernetes(f.Name, env(name)) {
				say(name + " is passed over: it is the address that Kubernetes sets for a service; give --port, or rename the service")
				return
			}
			if flags.Set(f.Name, env(name)) != nil {
				errs = append(errs, fmt.Errorf("%s is not a valid value of --%s", name, f.Name))
			}
			return
		}
	})
	return errors.Join(errs...)
}

// OfKubernetes tells a value that Kubernetes gives a flag's variable: to all pods of a namespace with a
// service of the name piinguin it sets PIINGUIN_PORT=tcp://10.0.0.1:8080. That is no port.
func OfKubernetes(flag, value string) bool {
	return flag == "port" && strings.HasPrefix(value, "tcp://")
}

// Client holds the flags that say which server to call, and as whom.
type Client struct {
	Host       string
	Port       int
	Token      string
	TLSCA      string
	TLSCert    string
	TLSKey     string
	Proxy      string
	Auth       string
	Audience   string
	TimeoutSec int

	// OnRetry is client.Config's, and not a flag.
	OnRetry func(ctx context.Context, method string, code twirp.ErrorCode)
}

// AddTo adds the flags.
func (c *Client) AddTo(flags *pflag.FlagSet) {
	flags.StringVar(&c.Host, "host", client.DefaultHost, "server's name, address or whole `URL`, such as https://vault.internal")
	flags.IntVar(&c.Port, "port", client.DefaultPort, "server's port; not used if --host is a URL")
	flags.StringVar(&c.Token, "token", "", "bearer token; better set "+EnvName("token")+
		":\na flag shows in the process list and in the shell's history")
	flags.StringVar(&c.TLSCA, "tls-ca", "", "`file` of PEM certificates of the authorities to trust, instead of the system's;\nwith it or --tls-cert, a name as --host means https")
	flags.StringVar(&c.TLSCert, "tls-cert", "", "PEM `file` of your certificate (mutual TLS), instead of a token")
	flags.StringVar(&c.TLSKey, "tls-key", "", "PEM `file` of its private key")
	flags.StringVar(&c.Proxy, "proxy", "", "`URL` of a proxy to an https server, or "+client.ProxyEnvironment+": HTTPS_PROXY and NO_PROXY;\nnone without it")
	c.addAuth(flags)
	flags.IntVar(&c.TimeoutSec, "timeout-sec", int(client.DefaultTimeout/time.Second), "how many `seconds` one attempt of a call to the server may take"+
		"; creates and\ndeletes that failed are tried up to "+strconv.Itoa(client.DefaultAttempts)+" times")
}

// maxTimeoutSec is a day. Far more would not fit a time.Duration.
const maxTimeoutSec = 24 * 60 * 60

// Open returns the client of that server.
func (c *Client) Open(ctx context.Context) (*client.Client, error) {
	switch {
	case c.TimeoutSec < 1 || c.TimeoutSec > maxTimeoutSec:
		return nil, fmt.Errorf("--timeout-sec must be from 1 to %d", maxTimeoutSec)
	case c.Port < 1 || c.Port > 65535: // a Config takes 0 for the default
		return nil, errors.New("--port must be from 1 to 65535")
	}
	cfg := client.Config{
		Host: c.Host, Port: c.Port, Token: client.Token(c.Token), Timeout: time.Duration(c.TimeoutSec) * time.Second,
		CAFile: c.TLSCA, CertFile: c.TLSCert, KeyFile: c.TLSKey, Proxy: c.Proxy, OnRetry: c.OnRetry,
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	var err error
	if cfg.TokenSource, err = c.source(ctx); err != nil {
		return nil, err
	}
	return client.New(cfg)
}
