package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const token = "canary-token"

func TestCallsCarryTheToken(t *testing.T) {
	var seen []string
	srv := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Content-Type"))
	})
	c := newTestClient(t, client.Config{Host: srv.URL + "/prefix/", Port: 1, Token: token})
	if _, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Audit.GetEntry(t.Context(), &piinguinv1.GetEntryRequest{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"POST /prefix/twirp/piinguin.v1.Piinguin/ReadPiiRecord Bearer canary-token application/protobuf",
		"POST /prefix/twirp/piinguin.v1.Audit/GetEntry Bearer canary-token application/protobuf",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestNoTokenNoHeader(t *testing.T) {
	srv := newTestServer(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Authorization"]; ok {
			t.Error("an Authorization header was sent without a token")
		}
	})
	c := newTestClient(t, client.Config{Host: srv.URL})
	if _, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{}); err != nil {
		t.Fatal(err)
	}
}

func TestTokenSourceIsAskedForEachRequest(t *testing.T) {
	var seen []string
	srv := newTestServer(t, func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Header.Get("Authorization")) })
	tokens := []client.Token{"one", "two", "", "canary\n"}
	failure := errors.New("no token today")
	c := newTestClient(t, client.Config{Host: srv.URL, TokenSource: func(context.Context) (client.Token, error) {
		if len(tokens) == 0 {
			return "", failure
		}
		next := tokens[0]
		tokens = tokens[1:]
		return next, nil
	}})
	for range 2 {
		if _, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	for range 3 { // an empty token, one that is none, and a failure
		_, err = c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{})
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
	if !errors.Is(err, failure) {
		t.Errorf("%v does not wrap the source's error", err)
	}
	if diff := cmp.Diff([]string{"Bearer one", "Bearer two"}, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestHTTPClientIsUsedAndNotChanged(t *testing.T) {
	srv := httptest.NewTLSServer(legal{})
	t.Cleanup(srv.Close)
	base := srv.Client()
	before := base.Transport
	c := newTestClient(t, client.Config{Host: srv.URL, Token: token, HTTPClient: base})
	if _, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{}); err != nil {
		t.Fatal(err)
	}
	if base.Transport != before || base.CheckRedirect != nil {
		t.Error("New changed the caller's http.Client")
	}
}

func TestRedirectIsAnErrorAndKeepsTheToken(t *testing.T) {
	var elsewhere atomic.Int32
	other := newTestServer(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	srv := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	c := newTestClient(t, client.Config{Host: srv.URL, Token: token})
	_, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{})
	_ = wantCode(t, err, twirp.Internal)
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func TestTwirpErrorsArrive(t *testing.T) {
	srv := newTestServer(t, func(w http.ResponseWriter, _ *http.Request) {
		if err := twirp.WriteError(w, twirp.NewError(twirp.Unavailable, "fixed").WithMeta("reason", "audit_unavailable")); err != nil {
			t.Error(err)
		}
	})
	c := newTestClient(t, client.Config{Host: srv.URL})
	_, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{})
	if te := wantCode(t, err, twirp.Unavailable); te.Meta("reason") != "audit_unavailable" {
		t.Errorf("reason %q", te.Meta("reason"))
	}
}

func TestTransportFailuresKeepTheirCause(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	_, err := newTestClient(t, client.Config{Host: srv.URL, Token: token}).
		ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{})
	_ = wantCode(t, err, twirp.Internal)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error("the refused connection is not found in the error")
	}
	if strings.Contains(err.Error(), token) {
		t.Error("the error holds the token")
	}
}

func TestTimeoutBoundsACall(t *testing.T) {
	release := make(chan struct{})
	srv := newTestServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	c := newTestClient(t, client.Config{Host: srv.URL, Timeout: time.Millisecond})
	_, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
}

// TestConnectionsAreKept: as many callers at once as before open no connection
// anew. The two that net/http keeps would make the second round dial again.
func TestConnectionsAreKept(t *testing.T) {
	const callers = 16
	var opened atomic.Int32
	var round sync.WaitGroup // answers nobody before all callers are there
	srv := httptest.NewUnstartedServer(orLegal(func(http.ResponseWriter, *http.Request) {
		round.Done()
		round.Wait()
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	c := newTestClient(t, client.Config{Host: srv.URL, Timeout: time.Hour})
	for range 2 {
		round.Add(callers)
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				if _, err := c.ReadPiiRecord(t.Context(), &piinguinv1.ReadPiiRecordRequest{}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	}
	if n := opened.Load(); n != callers {
		t.Errorf("%d connections for %d callers", n, callers)
	}
}

func TestAddress(t *testing.T) {
	for _, tc := range []struct {
		cfg  client.Config
		want string
	}{
		{client.Config{}, "http://127.0.0.1:8080"},
		{client.Config{Host: "vault", Port: 81}, "http://vault:81"},
		{client.Config{Host: "::1"}, "http://[::1]:8080"},
		{client.Config{Host: "https://vault.internal", Port: 81}, "https://vault.internal"},
		{client.Config{Host: "https://vault.internal:444/pii/"}, "https://vault.internal:444/pii"},
	} {
		if got := newTestClient(t, tc.cfg).Address(); got != tc.want {
			t.Errorf("address of %v is %s, want %s", tc.cfg, got, tc.want)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"port":          {Port: 65536},
		"negative port": {Port: -1},
		"timeout":       {Timeout: -1},
		"attempts":      {Attempts: 101},
		"less than one": {Attempts: -1},
		"token newline": {Token: "canary-token\n"},
		"token space":   {Token: "Bearer canary-token"},
		"token twice":   {Token: token, TokenSource: func(context.Context) (client.Token, error) { return token, nil }},
		"host and port": {Host: "canary:9000"},
		"path":          {Host: "canary/path"},
		"user":          {Host: "me@canary"},
		"url user":      {Host: "https://me:canary@vault"},
		"scheme":        {Host: "ftp://canary"},
		"no host":       {Host: "http://:8080"},
		"query":         {Host: "http://vault?canary"},
		"bad url":       {Host: "http://canary%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			err := cfg.Validate()
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the value: %v", err)
			}
			if c, err := client.New(cfg); err == nil || c != nil {
				t.Error("New accepted it")
			}
		})
	}
}

func TestTokenIsNeverPrinted(t *testing.T) {
	cfg := client.Config{Token: token}
	c := newTestClient(t, cfg)
	text, err := json.Marshal(struct{ Token client.Token }{cfg.Token})
	if err != nil {
		t.Fatal(err)
	}
	all := string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{cfg, &cfg, cfg.Token, c, *c} {
			all += fmt.Sprintf(verb, value)
		}
	}
	for _, leak := range []string{token, fmt.Sprintf("%x", token)} {
		if strings.Contains(all, leak) {
			t.Errorf("printed %q", leak)
		}
	}
	if !strings.Contains(all, "[redacted]") {
		t.Error("nothing says that something was left out")
	}
}

func newTestClient(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantCode(t *testing.T, err error, code twirp.ErrorCode) twirp.Error {
	t.Helper()
	var te twirp.Error
	if !errors.As(err, &te) || te.Code() != code {
		t.Fatalf("got %v, want a Twirp error %s", err, code)
	}
	return te
}
