package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

const (
	// maxAnswers bounds the original values of all reads, and the rows of all summaries, that are under way
	// at one time, from before they are fetched until the answer is sent, in bytes; maxCallerAnswers those
	// of one caller.
	// Encoding costs some times as much.
	maxAnswers       = 128 << 20
	maxCallerAnswers = maxAnswers / 4
	// maxReading is what one value counts until it is fetched: the longest that create takes, of control
	// characters. A table of the original may hold longer ones; then what they take is known after the fetch.
	maxReading = 6 * piinguinv1.MaxOriginalValue
	// answerWait is how long a read waits for its part of maxAnswers.
	answerWait = 5 * time.Second
	// answerTime and answerRate are how long a caller may take for an answer: this time, and a second
	// for each so many bytes.
	answerTime = 10 * time.Second
	answerRate = 1 << 20
)

// outgoing is the answer to a request.
type outgoing struct {
	http.ResponseWriter
	values  *part    // of Server.answers; nil if the answer has no values and is no summary
	failure *failure // why the answer was not sent whole
}

// Unwrap serves http.ResponseController.
func (o *outgoing) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// Write implements io.Writer. A caller that does not take its answer in time loses the connection, and
// with it the memory that the answer holds.
func (o *outgoing) Write(p []byte) (int, error) {
	end := time.Now().Add(answerTime + time.Duration(len(p))*time.Second/answerRate)
	_ = http.NewResponseController(o.ResponseWriter).SetWriteDeadline(end) // every net/http server can
	n, err := o.ResponseWriter.Write(p)
	switch {
	case err == nil:
	case time.Now().Before(end): // HTTP/2 has no error of its own for the deadline
		o.failure = failCanceled
	default:
		o.failure = failSlowAnswer
	}
	return n, err //nolint:wrapcheck // as io.Writer says
}

// close gives back what the answer's values took. The answer has been written.
func (o *outgoing) close() {
	if o.values != nil {
		o.values.close()
	}
}

// errBusy says that there was no memory for an answer.
var errBusy = errors.New("server: no memory for the answer")

// read reads keys in the vault, within the memory for answers. That is taken before the vault is asked,
// so no read is refused for it after its entry was appended. What the values do not need is given back.
func (s *Server) read(ctx context.Context, action policy.Action, req statement, keys []string) ([]vault.Reading, error) {
	values := s.hold(ctx, min(len(keys)*maxReading, vault.MaxReleased))
	if values == nil {
		return nil, errBusy
	}
	readings, err := s.vault.Read(ctx, s.call(ctx, action), statementOf(req), keys)
	values.shrink(sizeOf(readings))
	return readings, err //nolint:wrapcheck // one table has them all
}

// hold takes memory for values of so many bytes until the answer has been sent. It returns nil if there is none.
func (s *Server) hold(ctx context.Context, size int) *part {
	a := accessOf(ctx)
	a.answer.values = s.answers.open(a.principal)
	if !a.answer.values.grow(ctx, answerWait, int64(size)) {
		return nil
	}
	return a.answer.values
}

// sizeOf is what the values of readings take in an answer, in bytes.
func sizeOf(readings []vault.Reading) (size int64) {
	for _, r := range readings {
		if value, ok := r.Value(); ok {
			size += int64(value.Size())
		}
	}
	return size
}
