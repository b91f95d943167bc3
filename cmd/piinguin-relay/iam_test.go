package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/piinguin/piinguin/internal/lambdatest"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// signedFor reports whether a presigned URL is signed by the keys of newTestAWS for
// an audience.
func signedFor(t *testing.T, signed *url.URL, audience string) bool {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", signed.Query().Get("X-Amz-Date"))
	if err != nil {
		t.Error(err)
	}
	rest := url.Values{}
	for _, name := range []string{"Action", "Version", "X-Amz-Expires"} {
		rest.Set(name, signed.Query().Get(name))
	}
	again, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+signed.Host+"/?"+rest.Encode(), nil)
	if err != nil {
		t.Error(err)
		return false
	}
	again.Header.Set("X-Piinguin-Audience", audience)
	empty := sha256.Sum256(nil)
	keys := aws.Credentials{AccessKeyID: "AKIAEXAMPLEEXAMPLE00", SecretAccessKey: "aws-canary"}
	want, _, err := v4.NewSigner().PresignHTTP(t.Context(), keys, again, hex.EncodeToString(empty[:]), "sts", "eu-central-1", at)
	if err != nil {
		t.Error(err)
	}
	u, err := url.Parse(want)
	return err == nil && u.Query().Encode() == signed.Query().Encode()
}

// newTestAWS sets what AWS Lambda sets for a function with a role.
func newTestAWS(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE00", "AWS_SECRET_ACCESS_KEY": "aws-canary",
		"AWS_SESSION_TOKEN": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
}

// newTestAuthProxy stands before a server, and lets in who proves by AWS for an audience who it is.
func newTestAuthProxy(t *testing.T, s *relaytest.Server, audience string) *httptest.Server {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		encoded := strings.TrimPrefix(r.In.Header.Get("Authorization"), "Bearer piinguin-aws-v1.")
		raw, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			t.Error(err)
		}
		signed, err := url.Parse(string(raw))
		if err != nil || !signedFor(t, signed, audience) {
			t.Errorf("%v; it is not signed for %s", err, audience)
		}
		r.SetURL(target)
		r.Out.Header.Set("Authorization", "Bearer "+relaytest.Token)
	}})
	t.Cleanup(proxy.Close)
	return proxy
}

func TestReplayAsAnAWSRole(t *testing.T) {
	newTestAWS(t)
	s := relaytest.New(t)
	for _, test := range []struct{ given, want string }{{"", "127.0.0.1"}, {"vault.internal", "vault.internal"}} {
		r := runTest(t.Context(), t, s, nil, map[string]string{
			"PIINGUIN_HOST": newTestAuthProxy(t, s, test.want).URL, "PIINGUIN_TOKEN": "", "PIINGUIN_AUTH": "iam", "PIINGUIN_AUDIENCE": test.given,
		}, "replay", tsvFile, jsonFile)
		if r.exit != exitFinding || strings.Contains(r.stdout+r.stderr, "aws-canary") {
			t.Errorf("exit %d, %s", r.exit, r.stderr)
		}
		wantStored(t, s)
	}
}

// TestLambdaAsAnAWSRole: the function's role, which Lambda gives it in the environment, is
// its credential.
func TestLambdaAsAnAWSRole(t *testing.T) {
	s := relaytest.New(t)
	f := startLambda(t, s, "PIINGUIN_HOST="+newTestAuthProxy(t, s, "vault.internal").URL, "PIINGUIN_TOKEN=", "PIINGUIN_AUTH=iam",
		"PIINGUIN_AUDIENCE=vault.internal", "AWS_ACCESS_KEY_ID=AKIAEXAMPLEEXAMPLE00", "AWS_SECRET_ACCESS_KEY=aws-canary")
	wantAnswer(t, f, lambdatest.Invocation{Event: sampleBatch(t)}, allDone)
	wantStored(t, s)
	if strings.Contains(f.Log(), "aws-canary") {
		t.Error("the log holds the role's key")
	}
}

func TestAuthIAMFailures(t *testing.T) {
	newTestAWS(t)
	for name, test := range map[string]struct {
		aws, env map[string]string
		want     string
	}{
		"both":          {nil, nil, "leave --token and PIINGUIN_TOKEN out"},
		"no region":     {map[string]string{"AWS_REGION": ""}, map[string]string{"PIINGUIN_TOKEN": ""}, "no AWS region"},
		"bad settings":  {map[string]string{"AWS_MAX_ATTEMPTS": "aws-canary"}, map[string]string{"PIINGUIN_TOKEN": ""}, "AWS settings cannot be read"},
		"bad audience":  {nil, map[string]string{"PIINGUIN_TOKEN": "", "PIINGUIN_AUDIENCE": "aws canary"}, "the audience is not"},
		"no such proof": {nil, map[string]string{"PIINGUIN_AUTH": "aws-canary"}, "--auth is neither token nor iam"},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range test.aws {
				t.Setenv(name, value)
			}
			s := relaytest.New(t)
			env := map[string]string{"PIINGUIN_AUTH": "iam"}
			for name, value := range test.env {
				env[name] = value
			}
			r := runTest(t.Context(), t, s, nil, env, "replay", jsonFile)
			if r.exit != exitFailure || !strings.Contains(r.stderr, test.want) || strings.Contains(r.stderr, "canary") {
				t.Errorf("exit %d, %s", r.exit, r.stderr)
			}
			if s.Calls() != 0 {
				t.Error("something was sent")
			}
		})
	}
}
