package iam_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/rpc/client"
	"github.com/piinguin/piinguin/rpc/client/iam"
)

// newTestConfig is a configuration with credentials; nothing answers at its region.
func newTestConfig(retrieve func() (aws.Credentials, error)) aws.Config {
	return aws.Config{
		Region:      "eu-central-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return retrieve() }),
	}
}

func role() (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "ASIAEXAMPLEEXAMPLE00", SecretAccessKey: "CANARY", SessionToken: "session=="}, nil
}

func decode(t *testing.T, token client.Token) *url.URL {
	t.Helper()
	encoded, ok := strings.CutPrefix(string(token), "piinguin-aws-v1.")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || !ok {
		t.Fatalf("prefix %v, %v", ok, err)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTokenSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, err := iam.TokenSource(newTestConfig(role), "vault.internal")
		if err != nil {
			t.Fatal(err)
		}
		token, err := source(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u := decode(t, token)
		have := map[string]string{"": u.Scheme + "://" + u.Host + u.Path}
		for name := range u.Query() {
			have[name] = u.Query().Get(name)
		}
		delete(have, "X-Amz-Signature")
		if diff := cmp.Diff(map[string]string{
			"":       "https://sts.eu-central-1.amazonaws.com/",
			"Action": "GetCallerIdentity", "Version": "2011-06-15",
			"X-Amz-Algorithm":      "AWS4-HMAC-SHA256",
			"X-Amz-Credential":     "ASIAEXAMPLEEXAMPLE00/20000101/eu-central-1/sts/aws4_request",
			"X-Amz-Date":           "20000101T000000Z",
			"X-Amz-Expires":        "900",
			"X-Amz-Security-Token": "session==",
			"X-Amz-SignedHeaders":  "host;x-piinguin-audience",
		}, have); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTokenIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		retrieved := 0
		lasts := time.Hour
		source, err := iam.TokenSource(newTestConfig(func() (aws.Credentials, error) {
			retrieved++
			c, err := role()
			c.CanExpire, c.Expires = true, time.Now().Add(lasts)
			return c, err
		}), "vault.internal")
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			later time.Duration
			want  int
		}{{0, 1}, {10*time.Minute - 1, 1}, {1, 2}, {time.Minute, 2}} {
			time.Sleep(step.later)
			if _, err := source(t.Context()); err != nil || retrieved != step.want {
				t.Errorf("%v later: %v, %d tokens made, want %d", step.later, err, retrieved, step.want)
			}
		}
		lasts = time.Minute // the next credentials end soon
		time.Sleep(10 * time.Minute)
		for range 2 {
			time.Sleep(time.Minute)
			if _, err := source(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if retrieved != 4 {
			t.Errorf("%d tokens made, want 4: none outlasts its credentials", retrieved)
		}
	})
}

func TestTokenSourceErrors(t *testing.T) {
	for _, audience := range []string{"", "a b", "a\n", "Žofie", strings.Repeat("x", 257)} {
		if _, err := iam.TokenSource(newTestConfig(role), audience); err == nil {
			t.Errorf("the audience %q was taken", audience)
		}
	}
	none := newTestConfig(role)
	none.Credentials = nil
	nowhere := newTestConfig(role)
	nowhere.Region = ""
	for _, cfg := range []aws.Config{none, nowhere} {
		if _, err := iam.TokenSource(cfg, "vault.internal"); err == nil {
			t.Error("a configuration that cannot sign was taken")
		}
	}
	failing, err := iam.TokenSource(newTestConfig(func() (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("CANARY")
	}), "vault.internal")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := failing(t.Context()); err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("%v", err)
	}
}

func TestTokenSourceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		source, err := iam.TokenSource(newTestConfig(func() (aws.Credentials, error) {
			<-hold
			return role()
		}), "vault.internal")
		if err != nil {
			t.Fatal(err)
		}
		tokens := make(chan client.Token, 2)
		for range 2 {
			go func() {
				token, _ := source(t.Context())
				tokens <- token
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := source(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
		close(hold)
		if a, b := <-tokens, <-tokens; a != b || a == "" {
			t.Error("two callers at once do not have one token")
		}
	})
}
