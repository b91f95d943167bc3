package server

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/semaphore"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const (
	// maxBodies bounds the bodies of all requests that are read or answered at one time, in bytes.
	// Decoding and answering cost some times as much.
	maxBodies = 64 << 20
	// bodyWait is how long a request waits for its part of maxBodies.
	bodyWait = time.Second
)

// bodies hands out parts of maxBodies.
type bodies struct{ free *semaphore.Weighted }

func newBodies() bodies { return bodies{semaphore.NewWeighted(maxBodies)} }

// read reads the whole body. It refuses one that is over the limit, one for which no memory is free,
// and one that has not arrived when http.Server.ReadTimeout ends. The body counts until done is
// called. A body of unknown length counts as the longest while it is read.
func (b bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, done func(), f *failure) {
	part := r.ContentLength
	switch {
	case part > piinguinv1.MaxBody:
		return nil, nil, failBody
	case part < 0:
		part = piinguinv1.MaxBody
	}
	ctx, cancel := context.WithTimeout(r.Context(), bodyWait)
	defer cancel()
	if b.free.Acquire(ctx, part) != nil {
		return nil, nil, failBusy
	}
	body, f = readAll(w, r)
	if f != nil {
		b.free.Release(part)
		return nil, nil, f
	}
	length := int64(len(body))
	b.free.Release(part - length)
	return body, func() { b.free.Release(length) }, nil
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, *failure) {
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength) + bytes.MinRead) // ReadFrom wants this much more
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, piinguinv1.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, failBody
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, failSlowBody
	case err != nil:
		return nil, failCanceled
	}
	return body.Bytes(), nil
}
