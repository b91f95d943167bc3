package main_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// trickle writes blanks until it cannot, or the test ends.
func trickle(t *testing.T, w io.Writer) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			return
		}
	}
}

// told is the answer to a request.
type told struct {
	status int
	text   string
	err    error
}

// trickleRequest begins a request whose body comes byte by byte; length -1 is unknown.
func (p *process) trickleRequest(t *testing.T, client *http.Client, method, path string, length int64) <-chan told {
	t.Helper()
	body, more := io.Pipe()
	t.Cleanup(func() { _ = more.Close() })
	req, err := http.NewRequestWithContext(t.Context(), method, p.address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer dev-writer")
	client.Timeout = 18 * time.Second // the server gives 10
	go trickle(t, more)
	answered := make(chan told, 1)
	go func() {
		res, err := client.Do(req)
		if err != nil {
			answered <- told{err: err}
			return
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		answered <- told{res.StatusCode, string(text), err}
	}()
	return answered
}

// TestSlowBody has callers that send their bodies byte by byte, and so would hold memory and connection
// for ever. Each is answered, over either protocol; also those whose body nobody reads.
func TestSlowBody(t *testing.T) {
	const create, tooSlow = "/twirp/piinguin.v1.Piinguin/CreatePiiRecord", `"reason":"body_too_slow"`
	in := newTestInstall(t)
	p := in.start(t)
	for name, c := range map[string]struct {
		answer <-chan told
		status int
		want   string
	}{
		"chunks":      {p.trickleRequest(t, &http.Client{}, http.MethodPost, create, -1), http.StatusRequestTimeout, tooSlow},
		"length":      {p.trickleRequest(t, &http.Client{}, http.MethodPost, create, 4096), http.StatusRequestTimeout, tooSlow},
		"HTTP/2":      {p.trickleRequest(t, newHTTP2Client(), http.MethodPost, create, -1), http.StatusRequestTimeout, tooSlow},
		"no method":   {p.trickleRequest(t, &http.Client{}, http.MethodPost, create+"x", 4096), http.StatusNotFound, `"reason":"bad_route"`},
		"GET a probe": {p.trickleRequest(t, &http.Client{}, http.MethodGet, "/healthz", 4096), http.StatusOK, "ok"},
	} {
		if got := <-c.answer; got.err != nil || got.status != c.status || !strings.Contains(got.text, c.want) {
			t.Errorf("%s: %d %s %v, want %d %s", name, got.status, got.text, got.err, c.status, c.want)
		}
	}
	p.stop(t)
	if log := in.log(); !strings.Contains(log, `"code":"deadline_exceeded"`) || !strings.Contains(log, tooSlow) {
		t.Errorf("the log does not say that bodies were too slow:\n%s", log)
	}
}
