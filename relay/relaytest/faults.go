package relaytest

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/twitchtv/twirp"
)

// Fail answers with a Twirp error. The text and meta hold a secret, as a careless
// server's might.
func Fail(code twirp.ErrorCode, secret string) OnCall {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		_ = twirp.WriteError(w, twirp.NewError(code, secret).WithMeta("reason", secret))
	}
}

// Status answers as a proxy does: an HTTP status and a page.
func Status(status int, page string) OnCall {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(page))
	}
}

// Cut lets the server do what was asked and loses the second half of its answer.
func Cut(_ int, w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	for k, v := range whole.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// Drop lets the server do what was asked and closes the connection instead of
// answering.
func Drop(_ int, _ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// Hang does nothing until the caller gives up.
func Hang(_ int, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body) // net/http looks for the caller's end behind the body
	<-r.Context().Done()
}

// First lets a fault happen in the first n calls only.
func First(n int, fault OnCall) OnCall {
	return func(call int, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if call <= n {
			fault(call, w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}
