package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// providerFlags are the flags of serve that name identity providers: an OpenID Connect issuer, and AWS
// STS for IAM.
type providerFlags struct {
	issuer, audience        string
	clientIDAsAudience      bool
	callerClaim, rolesClaim string
	iamAudience             string
	stsEndpoint             string
}

func (p *providerFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&p.issuer, "oidc-issuer", "", "https `URL` of an OpenID Connect issuer whose JWTs identify callers; the same as iss in them")
	flags.StringVar(&p.audience, "oidc-audience", "", "this server's `name` at the issuer; aud of a JWT must hold it")
	flags.BoolVar(&p.clientIDAsAudience, "oidc-client-id-as-audience", false, "take client_id for aud in JWTs without aud, such as Amazon Cognito's access tokens")
	flags.StringVar(&p.callerClaim, "oidc-caller-claim", "sub", "`claim` that holds the caller's name; may be nested, as a.b")
	flags.StringVar(&p.rolesClaim, "oidc-roles-claim", "", "`claim` that holds roles, as a list or separated by spaces; may be nested, as realm_access.roles")
	flags.StringVar(&p.iamAudience, "iam-audience", "", "`name` that AWS callers sign for, such as the server's host name; lets AWS IAM identify callers")
	flags.StringVar(&p.stsEndpoint, "iam-sts-endpoint", "", "https `URL` of a private endpoint of AWS STS, instead of the public ones")
}

// any reports whether an identity provider is named.
func (p *providerFlags) any() bool { return p.issuer != "" || p.iamAudience != "" }

// check refuses flags that contradict each other.
func (p *providerFlags) check() error {
	switch {
	case (p.issuer == "") != (p.audience == ""):
		return errors.New("--oidc-issuer and --oidc-audience go together: they say whose tokens, and which of them are for this server")
	case p.issuer == "" && p.rolesClaim != "":
		return errors.New("--oidc-roles-claim needs --oidc-issuer")
	case p.issuer == "" && p.clientIDAsAudience:
		return errors.New("--oidc-client-id-as-audience needs --oidc-issuer")
	case p.iamAudience == "" && p.stsEndpoint != "":
		return errors.New("--iam-sts-endpoint needs --iam-audience")
	}
	return nil
}

// open returns an authenticator for each provider. An issuer that cannot be reached now does not keep the
// server from starting, because its callers are not the only ones.
func (p *providerFlags) open(ctx context.Context, log zerolog.Logger, files *identity.Files, guesses *identity.Guesses) ([]identity.Authenticator, error) {
	var callers []identity.Authenticator
	if p.issuer != "" {
		oidc, err := identity.NewOIDC(ctx, identity.OIDCConfig{
			Issuer: p.issuer, Audience: p.audience, ClientIDAsAudience: p.clientIDAsAudience,
			CallerClaim: p.callerClaim, RolesClaim: p.rolesClaim, Roles: rolesOf(files, "oidc"), Given: files.Given,
			Report: answers(log, p.issuer),
		})
		if err != nil {
			return nil, fmt.Errorf("--oidc-issuer: %w", err)
		}
		callers = append(callers, oidc)
	}
	if p.iamAudience != "" {
		iam, err := identity.NewIAM(identity.IAMConfig{
			Audience: p.iamAudience, Endpoint: p.stsEndpoint, Roles: rolesOf(files, "iam"), Guesses: guesses, Report: answers(log, "AWS STS"),
		})
		if err != nil {
			return nil, fmt.Errorf("--iam-audience: %w", err)
		}
		callers = append(callers, iam)
	}
	return callers, nil
}

// rolesOf looks roles up in the callers file for one way of identifying callers. A name there counts for
// its own method only, or an OIDC subject could pass for an AWS role of the same name.
// answers logs what is wrong with a server that identifies callers.
func answers(log zerolog.Logger, provider string) func(error) {
	return told(log.With().Str("provider", provider).Logger(),
		"an identity provider does not answer as it should: callers whom it identifies may be refused", "an identity provider answers again")
}

func rolesOf(files *identity.Files, method string) func(string) ([]policy.Role, bool) {
	directory := files.Directory()
	return func(name string) ([]policy.Role, bool) { return directory.Roles(method, name) }
}
