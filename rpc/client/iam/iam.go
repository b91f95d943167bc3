// Package iam makes tokens that prove an AWS role or user to a Piinguin server, so
// that what runs in AWS needs no secret of its own:
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	if err != nil {
//		return err
//	}
//	source, err := iam.TokenSource(cfg, "vault.internal")
//	if err != nil {
//		return err
//	}
//	c, err := client.New(client.Config{Host: "https://vault.internal", TokenSource: source})
//
// A token is a GetCallerIdentity request of AWS STS, signed but not sent: the server
// sends it and learns from AWS who signed. Making one calls nobody, unless the
// credentials have to be renewed. The caller needs no permission for it.
package iam

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const (
	// expires is in seconds: the most that the server takes. A token is kept for less,
	// so that one on its way, or signed by a slow clock, is still good.
	expires = "900"
	keep    = 10 * time.Minute
)

var (
	errAudience    = errors.New("iam: the audience is not 1 to 256 printable ASCII characters without spaces")
	errRegion      = errors.New("iam: no AWS region is set")
	errCredentials = errors.New("iam: there are no AWS credentials")
	errSign        = errors.New("iam: no token could be signed")
)

var audiencePattern = regexp.MustCompile(piinguinv1.IAMAudiencePattern)

// source keeps the latest token.
type source struct {
	credentials aws.CredentialsProvider
	presigner   *sts.PresignClient
	turn        chan struct{} // holds one while token and until are in use
	token       client.Token
	until       time.Time
}

// TokenSource returns a source of tokens for client.Config that prove whom cfg's
// credentials belong to. The audience is the server's --iam-audience. The region's
// endpoint of STS is named in the token, or the one that cfg or AWS_ENDPOINT_URL_STS
// sets. A token is kept for 10 minutes, and never longer than the credentials last.
//
// Errors: of an audience that no server has, or without region or credentials. Those of
// the source have fixed texts, which quote nothing of the credentials' provider.
func TokenSource(cfg aws.Config, audience string) (func(context.Context) (client.Token, error), error) {
	switch {
	case !audiencePattern.MatchString(audience):
		return nil, errAudience
	case cfg.Region == "":
		return nil, errRegion
	case cfg.Credentials == nil:
		return nil, errCredentials
	}
	sign := func(o *sts.Options) {
		o.APIOptions = append(o.APIOptions,
			smithyhttp.SetHeaderValue(piinguinv1.IAMAudienceHeader, audience),
			smithyhttp.SetHeaderValue("X-Amz-Expires", expires)) // the signer moves it into the query
	}
	s := &source{
		credentials: cfg.Credentials,
		presigner:   sts.NewPresignClient(sts.NewFromConfig(cfg), sts.WithPresignClientFromClientOptions(sign)),
		turn:        make(chan struct{}, 1),
	}
	return s.next, nil
}

// next returns a token that is good for a while. Callers who come while one is made
// wait for it.
func (s *source) next(ctx context.Context) (client.Token, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if time.Now().Before(s.until) {
		return s.token, nil
	}
	return s.renew(ctx)
}

func (s *source) renew(ctx context.Context) (client.Token, error) {
	credentials, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return "", errCredentials
	}
	now := time.Now()
	signed, err := s.presigner.PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, with(credentials))
	if err != nil {
		return "", errSign
	}
	s.token = client.Token(piinguinv1.IAMPrefix + base64.RawURLEncoding.EncodeToString([]byte(signed.URL)))
	s.until = now.Add(keep)
	if credentials.CanExpire && credentials.Expires.Before(s.until) {
		s.until = credentials.Expires
	}
	return s.token, nil
}

// with signs by these credentials: the provider might by now return others, which
// end at another time.
func with(credentials aws.Credentials) func(*sts.PresignOptions) {
	return sts.WithPresignClientFromClientOptions(func(o *sts.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return credentials, nil
		})
	})
}
