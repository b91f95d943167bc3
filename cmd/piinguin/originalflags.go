package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/originalgrpc"
	"github.com/piinguin/piinguin/server/policy"
)

// originalFlags are the flags of serve for clients of the original Piinguin.
type originalFlags struct {
	address   string // HOST:PORT; empty if nobody is served
	name      string
	allow     []string
	plaintext bool

	caller policy.Caller // for whom all clients are taken; set by check
}

func (o *originalFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.address, "original-grpc", "", "`HOST:PORT` on which clients of the original Piinguin are served, by its gRPC protocol; see docs/migrating.md")
	flags.StringVar(&o.name, "original-caller", "", "the `name` that the ledger has for all of them, because the protocol has no credentials")
	flags.StringSliceVar(&o.allow, "original-allow", nil, "what they may do beside creating: read, delete, or both with a comma between")
	flags.BoolVar(&o.plaintext, "original-plaintext", false,
		"serve them without TLS, beyond this machine as well; whoever reaches the port can use it")
}

// check refuses flags that contradict each other, and a port that is open to other machines without
// TLS.
func (o *originalFlags) check(access *accessFlags) (err error) {
	if o.address == "" {
		if o.name != "" || len(o.allow) > 0 || o.plaintext {
			return errors.New("--original-caller, --original-allow and --original-plaintext need --original-grpc")
		}
		return nil
	}
	host, err := splitListen("--original-grpc", o.address)
	switch {
	case err != nil:
		return err
	case o.name == "":
		return errors.New("--original-caller is required: the original's protocol has no credentials, and each entry names a caller")
	case access.dev && !isLoopback(host):
		return errors.New("with --dev, --original-grpc must name a loopback address, such as 127.0.0.1:8081")
	case !isLoopback(host) && access.listen.cert == "" && !o.plaintext:
		return errors.New("--original-grpc is reachable from other machines: set --original-plaintext, if nobody but the original's clients can reach the port, or --server-cert and --server-key")
	}
	if o.caller, err = identity.Original(o.name, o.allow); err != nil {
		return fmt.Errorf("--original-caller, --original-allow: %w", err)
	}
	return nil
}

// forOriginal returns the TLS configuration for clients of the original, or nil without TLS. With
// --client-ca each of them needs a certificate, because the protocol has nothing else that proves
// anything.
func (a *accessFlags) forOriginal(conf *tls.Config) *tls.Config {
	if conf == nil || a.clientCA == "" {
		return conf
	}
	conf = conf.Clone()
	each := conf.GetConfigForClient
	conf.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		now, err := each(hello)
		if err == nil {
			now.ClientAuth = tls.RequireAndVerifyClientCert
		}
		return now, err
	}
	return conf
}

// trusts returns what tells whether a client's certificate is still vouched for, or nil if none is
// asked for.
func (a *accessFlags) trusts() func(*tls.ConnectionState) bool {
	if a.authorities == nil {
		return nil
	}
	return func(s *tls.ConnectionState) bool { return a.authorities.Trust(s, time.Now()) }
}

// door is the port for clients of the original; the zero door is closed.
type door struct {
	server   *originalgrpc.Server
	listener net.Listener
}

// open listens, and warns that the port is open.
func (o *originalFlags) open(ctx context.Context, s *server.Server, access *accessFlags, conf *tls.Config, log zerolog.Logger) (door, error) {
	if o.address == "" {
		return door{}, nil
	}
	config := originalgrpc.Config{Handler: s.Original(o.caller), Drain: drain}
	if !o.plaintext {
		config.TLS, config.Trusts = access.forOriginal(conf), access.trusts()
	}
	listener, err := originalgrpc.Listen(ctx, o.address)
	if err != nil {
		return door{}, fmt.Errorf("--original-grpc: %w", err)
	}
	logGRPC(log)
	log.Warn().Stringer("address", listener.Addr()).Bool("tls", config.TLS != nil).Str("caller", o.name).Strs("allow", append([]string{"create"}, o.allow...)).
		Msg("the port of the original's protocol asks for no credential: whoever reaches it acts as this caller")
	return door{originalgrpc.New(config), listener}, nil
}

// serve serves until ctx is done, and then lets open calls finish.
func (d door) serve(ctx context.Context) error {
	if d.listener == nil {
		return nil
	}
	if err := d.server.Serve(ctx, d.listener); err != nil {
		return fmt.Errorf("--original-grpc: %w", err)
	}
	return nil
}
