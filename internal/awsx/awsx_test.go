package awsx_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/piinguin/piinguin/internal/awsx"
)

const canary = "CANARY"

// newTestSettings leaves AWS's settings to a test: no file and no machine has any.
func newTestSettings(t *testing.T, region string) {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_REGION", region)
}

func TestConfigRefuses(t *testing.T) {
	newTestSettings(t, "")
	if _, err := awsx.Config(t.Context()); !errors.Is(err, awsx.ErrNoRegion) {
		t.Errorf("Config: %v, want ErrNoRegion", err)
	}
	t.Setenv("AWS_MAX_ATTEMPTS", canary)
	_, err := awsx.Config(t.Context())
	if !errors.Is(err, awsx.ErrSettings) || strings.Contains(err.Error(), canary) {
		t.Errorf("Config: %v, want ErrSettings", err)
	}
}

// body is a request's body as the SDK's are: one that writes itself.
type body struct {
	io.Reader
	wroteItself atomic.Bool
}

func (b *body) Close() error { return nil }

// WriteTo implements io.WriterTo.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	b.wroteItself.Store(true)
	return io.Copy(w, b.Reader)
}

// TestConfigSendsPlainBodies: net/http would otherwise lose a reply now and then.
func TestConfigSendsPlainBodies(t *testing.T) {
	newTestSettings(t, "eu-central-1")
	cfg, err := awsx.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer s.Close()
	b := &body{Reader: strings.NewReader("the request")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, b)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := cfg.HTTPClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if echo, err := io.ReadAll(resp.Body); err != nil || string(echo) != "the request" || b.wroteItself.Load() {
		t.Errorf("the echo is %q, %v; the body wrote itself: %t", echo, err, b.wroteItself.Load())
	}
}

// TestConnectionsAreKept: the second of two rounds of concurrent calls opens none.
func TestConnectionsAreKept(t *testing.T) {
	const callers = 64
	var round sync.WaitGroup // ends when all calls of a round are there
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { round.Done(); round.Wait() }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	client := awsx.NewHTTPClient()
	for range 2 {
		round.Add(callers)
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			})
		}
		calls.Wait()
	}
	if n := opened.Load(); n > callers*3/2 { // one that is given back late may be missed
		t.Errorf("two rounds of %d calls opened %d connections", callers, n)
	}
}
