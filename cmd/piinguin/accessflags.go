package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/internal/hotfile/tlsfiles"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// accessFlags are the flags of serve that say how callers reach the server and prove who they are.
// The server reads the files that they name again when they change.
type accessFlags struct {
	dev                   bool
	listen                listenFlags
	tokens                string
	clientCA, callersFile string
	providers             providerFlags

	authorities *identity.Authorities // of clientCA, or nil; set by openTLS
}

func (a *accessFlags) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&a.dev, "dev", false, "try it out: four known tokens, reachable from this machine only")
	a.listen.addTo(flags)
	flags.StringVar(&a.tokens, "tokens", "", "token `file`, see piinguin token create")
	flags.StringVar(&a.clientCA, "client-ca", "", "PEM `file` of the authorities that issue callers' certificates (mutual TLS)")
	flags.StringVar(&a.callersFile, "callers", "", "callers `file`: a line for each caller without a token: mtls, oidc or iam, its name, its roles")
	a.providers.addTo(flags)
}

// check refuses flags that contradict each other, and a port that is open to other machines without TLS.
func (a *accessFlags) check() error {
	if err := a.providers.check(); err != nil {
		return err
	}
	switch {
	case a.dev && a.tokens != "":
		return errors.New("--dev has its own tokens: remove --tokens")
	case a.dev && (a.listen.cert != "" || a.listen.key != "" || a.clientCA != "" || a.callersFile != "" || a.providers.any()):
		return errors.New("--dev uses plain HTTP and its own tokens: remove the flags of certificates, --callers, --oidc-issuer and --iam-audience")
	case a.callersFile == "" && (a.clientCA != "" || a.providers.iamAudience != "" || a.providers.issuer != "" && a.providers.rolesClaim == ""):
		return errors.New("--callers is required: it gives roles to callers that a certificate, an issuer or AWS identifies")
	case a.callersFile != "" && a.clientCA == "" && !a.providers.any():
		return errors.New("--callers needs --client-ca, --oidc-issuer or --iam-audience")
	case a.clientCA != "" && a.listen.cert == "":
		return errors.New("--client-ca needs TLS: --server-cert and --server-key")
	case !a.dev && a.tokens == "" && a.clientCA == "" && !a.providers.any():
		return errors.New("one of --tokens, --client-ca, --oidc-issuer and --iam-audience is required: there is no default credential; to try the server out, use --dev")
	}
	return a.listen.check(a.dev)
}

// kinds names the ways in which callers may prove themselves, for the log.
func (a *accessFlags) kinds() []string {
	var kinds []string
	for _, k := range []struct {
		name string
		on   bool
	}{
		{"dev", a.dev}, {"token", a.tokens != ""}, {"mtls", a.clientCA != ""},
		{"oidc", a.providers.issuer != ""}, {"iam", a.providers.iamAudience != ""},
	} {
		if k.on {
			kinds = append(kinds, k.name)
		}
	}
	return kinds
}

// open reads the files and returns who recognises callers. The files give the fixed caller's name no
// role that it may not have beside its own. The TLS configuration is nil without TLS.
func (a *accessFlags) open(ctx context.Context, log zerolog.Logger, fixed policy.Caller) (identity.Authenticator, *tls.Config, error) {
	if a.dev {
		return identity.DevTokens(), nil, nil
	}
	files, err := a.openFiles(log, fixed)
	if err != nil {
		return nil, nil, err
	}
	var callers []identity.Authenticator
	if a.tokens != "" {
		callers = append(callers, files.Tokens(time.Now))
	}
	var guesses *identity.Guesses
	if !a.listen.allowPlaintext { // a proxy has one address for all callers
		guesses = identity.NewGuesses(nil)
	}
	fromProviders, err := a.providers.open(ctx, log, files, guesses)
	if err != nil {
		return nil, nil, err
	}
	mtls, conf, err := a.openTLS(log, files.Directory())
	if err != nil {
		return nil, nil, err
	}
	return guesses.Limit(identity.First(slices.Concat(callers, fromProviders, mtls)...)), conf, nil
}

// openFiles reads the files of --tokens and --callers.
func (a *accessFlags) openFiles(log zerolog.Logger, fixed policy.Caller) (*identity.Files, error) {
	flags, which := "--tokens and --callers", "token and callers files"
	switch {
	case a.callersFile == "":
		flags, which = "--tokens", "token file"
	case a.tokens == "":
		flags, which = "--callers", "callers file"
	}
	files, err := identity.OpenFiles(a.tokens, a.callersFile, fixed, time.Now, renewed(log, which))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flags, err)
	}
	return files, nil
}

// openTLS reads the files of --server-cert, --server-key and --client-ca.
func (a *accessFlags) openTLS(log zerolog.Logger, directory *identity.Directory) ([]identity.Authenticator, *tls.Config, error) {
	if a.listen.cert == "" {
		return nil, nil, nil
	}
	var callers []identity.Authenticator
	config := tlsfiles.Config{CertFile: a.listen.cert, KeyFile: a.listen.key, Now: time.Now, Report: renewed(log, "certificate")}
	if a.clientCA != "" {
		authorities, err := identity.OpenAuthorities(a.clientCA, time.Now, renewed(log, "client CA file"))
		if err != nil {
			return nil, nil, fmt.Errorf("--client-ca: %w", err)
		}
		a.authorities = authorities
		config.ClientCAs = authorities.Pool
		callers = append(callers, identity.NewMTLS(authorities, directory, time.Now))
	}
	conf, err := tlsfiles.New(config)
	if err != nil {
		return nil, nil, fmt.Errorf("--server-cert, --server-key: %w", err)
	}
	return callers, conf, nil
}

// renewed logs whether a changed file could be used.
func renewed(log zerolog.Logger, file string) func(error) {
	return told(log.With().Str("file", file).Logger(),
		"a changed file cannot be used: what was read before stays in force", "a changed file was read")
}

// told logs what fails and that it works again. The errors that it gets have fixed texts, so they may
// be logged.
func told(log zerolog.Logger, fails, works string) func(error) {
	return func(err error) {
		if err != nil {
			log.Error().Str("failure", err.Error()).Msg(fails)
			return
		}
		log.Info().Msg(works)
	}
}
