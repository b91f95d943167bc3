package relaytest

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
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

// Results answers that so many pairs are stored, whatever was asked, and stores nothing.
func Results(n int) OnCall {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		answer := &piinguinv1.CreatePiiRecordsResponse{}
		for range n {
			answer.Results = append(answer.Results, &piinguinv1.CreatePiiRecordResult{Receipt: receipt()})
		}
		text, err := proto.Marshal(answer)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/protobuf")
		_, _ = w.Write(text)
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
