package lambdatest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What a path of each API begins with.
const (
	runtimePath   = "/2018-06-01/runtime/"
	extensionPath = "/2020-01-01/extension/"
)

// api is the HTTP side of Lambda for one process.
type api struct {
	tb          testing.TB
	invocations chan *invocation
	closing     chan struct{}
	closeOnce   sync.Once

	mu         sync.Mutex
	number     int
	now        *invocation // handed out and not answered
	registered bool
	initText   string
}

func newAPI(tb testing.TB) *api {
	return &api{tb: tb, invocations: make(chan *invocation), closing: make(chan struct{})}
}

func (a *api) close() { a.closeOnce.Do(func() { close(a.closing) }) }

func (a *api) initError() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.initText
}

func (a *api) extension() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.registered
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch call := r.Method + " " + r.URL.Path; {
	case call == "GET "+runtimePath+"invocation/next":
		a.next(w, r)
	case call == "POST "+runtimePath+"init/error":
		a.mu.Lock()
		defer a.mu.Unlock()
		a.initText = r.Header.Get("Lambda-Runtime-Function-Error-Type") + " " + text(r)
		w.WriteHeader(http.StatusAccepted)
	case strings.HasPrefix(call, "POST "+runtimePath+"invocation/"):
		a.answer(w, r)
	case call == "POST "+extensionPath+"register":
		a.mu.Lock()
		defer a.mu.Unlock()
		a.registered = true
		w.Header().Set("Lambda-Extension-Identifier", "extension-1")
	case call == "GET "+extensionPath+"event/next":
		a.wait(r)
	default:
		a.tb.Errorf("lambdatest: %s is no call of the Runtime API", call)
		w.WriteHeader(http.StatusNotFound)
	}
}

// wait keeps a request open for as long as there is nothing to say.
func (a *api) wait(r *http.Request) {
	select {
	case <-a.closing:
	case <-r.Context().Done():
	}
}

func (a *api) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if a.now != nil {
		a.tb.Error("lambdatest: the next invocation is asked for before the last one is answered")
	}
	a.mu.Unlock()
	select {
	case <-a.closing:
	case <-r.Context().Done():
	case given := <-a.invocations:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.number++
		a.now = given
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", requestID(a.number))
		h.Set("Lambda-Runtime-Deadline-Ms", deadline(given.Invocation))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:piinguin-relay")
		if given.TraceID != "" {
			h.Set("Lambda-Runtime-Trace-Id", given.TraceID)
		}
		_, _ = w.Write(given.Event) // a process that is gone is noticed by its end
	}
}

func requestID(n int) string { return "request-" + strconv.Itoa(n) }

// answer takes .../invocation/ID/response and .../invocation/ID/error.
func (a *api) answer(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, kind, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, runtimePath+"invocation/"), "/")
	if a.now == nil || id != requestID(a.number) || kind != "response" && kind != "error" {
		a.tb.Errorf("lambdatest: %s answers no invocation that is on its way", r.URL.Path)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer := Answer{Body: text(r)}
	if kind == "error" {
		answer.ErrorType = "Unhandled"
		if name := r.Header.Get("Lambda-Runtime-Function-Error-Type"); name != "" {
			answer.ErrorType = name
		}
	}
	w.WriteHeader(http.StatusAccepted)
	a.now.answered <- answer
	a.now = nil
}

// text is the body; what was lost on the way shows in it.
func text(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return string(body) + " (cut: " + err.Error() + ")"
	}
	return string(body)
}
