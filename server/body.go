package server

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const (
	// maxBodies bounds the bodies of all requests that are read or answered at one time, in bytes, and
	// maxCallerBodies those of one caller. Decoding costs some times as much.
	maxBodies       = 64 << 20
	maxCallerBodies = maxBodies / 4
	// bodyStep is the least that a body takes. It then grows as it comes, to twice the size each time.
	bodyStep = 4 << 10
	// bodyWait is how long a body waits each time that it grows.
	bodyWait = time.Second
)

// readBody reads the whole body. It refuses one that is over the limit, one for which no memory is free,
// and one that has not arrived when http.Server.ReadTimeout ends. Only what has arrived counts in held,
// so that a length which is merely announced keeps nobody out. The body counts until held is closed.
func readBody(w http.ResponseWriter, r *http.Request, held *part) ([]byte, *failure) {
	if r.ContentLength > piinguinv1.MaxBody {
		return nil, failBody
	}
	if r.ContentLength >= 0 && r.ContentLength < bodyStep {
		return readShort(r, held)
	}
	from := http.MaxBytesReader(w, r.Body, piinguinv1.MaxBody)
	var body bytes.Buffer
	for step := int64(bodyStep); ; step = min(held.size, piinguinv1.MaxBody+1-held.size) {
		if !held.grow(r.Context(), bodyWait, step) {
			return nil, failBusy
		}
		switch _, err := io.CopyN(&body, from, step); {
		case errors.Is(err, io.EOF):
			held.shrink(int64(body.Len()))
			return body.Bytes(), nil
		case err != nil:
			return nil, bodyFailure(err)
		}
	}
}

// readShort is readBody for a body whose length is known and less than a step.
func readShort(r *http.Request, held *part) ([]byte, *failure) {
	if !held.grow(r.Context(), bodyWait, r.ContentLength) {
		return nil, failBusy
	}
	body := make([]byte, r.ContentLength+1) // one more, to read the end as well
	n, err := io.ReadFull(r.Body, body)
	if int64(n) != r.ContentLength || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, bodyFailure(err)
	}
	return body[:n], nil
}

// bodyFailure says why a body did not arrive.
func bodyFailure(err error) *failure {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return failBody
	case errors.Is(err, os.ErrDeadlineExceeded):
		return failSlowBody
	}
	return failCanceled
}
