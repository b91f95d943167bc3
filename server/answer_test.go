package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// longest is the original value with the longest answer: JSON takes six bytes for each of its own.
var longest = strings.Repeat("\x01", piinguinv1.MaxOriginalValue)

func putLongest(t *testing.T, records *store.Mem, key string) {
	t.Helper()
	if r := records.Put(t.Context(), []store.Record{{ModifiedValue: key, Original: store.NewOriginal(longest), ObservedAt: time.Now()}}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
}

// TestAnswersAreBounded: a key that is given many times does not make an answer longer than the
// contract says. What was left out says so, to the caller and in the ledger.
func TestAnswersAreBounded(t *testing.T) {
	v := newMemServer(t, nil)
	putLongest(t, v.records.Mem, "a")
	const released = piinguinv1.MaxAnswerValues / (6 * piinguinv1.MaxOriginalValue)
	keys := slices.Repeat([]string{"a"}, piinguinv1.MaxBatch)
	status, answer := v.send(t, http.MethodPost, "/twirp/piinguin.v1.Piinguin/ReadPiiRecords", "dev-reader",
		strings.NewReader(`{"modified_values":["`+strings.Join(keys, `","`)+`"],"processing_basis":"CONTRACT"}`))
	left := strings.Count(answer, `"answer_too_large"`)
	if status != http.StatusOK || len(answer) > piinguinv1.MaxAnswer || left != len(keys)-released {
		t.Errorf("%d, %d bytes, %d values left out; want %d", status, len(answer), left, len(keys)-released)
	}
	count := map[string]int{}
	for _, o := range v.outcomes(t) {
		count[o]++
	}
	if count["READ GRANTED  a"] != released || count["READ ERROR answer_too_large a"] != left {
		t.Errorf("entries: %v", count)
	}
}

// pipes is a listener whose connections have no buffer, and so are held up by a caller that does not read.
type pipes struct {
	waiting chan net.Conn
	closed  context.Context
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}
func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// ask sends a read of n values and leaves its answer to be read.
func (p pipes) ask(t *testing.T, caller string, n int) net.Conn {
	t.Helper()
	mine, theirs := net.Pipe()
	t.Cleanup(func() { _ = mine.Close() })
	p.waiting <- theirs
	body := `{"modified_values":["a"` + strings.Repeat(`,"a"`, n-1) + `],"processing_basis":"CONTRACT"}`
	_, err := fmt.Fprintf(mine, "POST /twirp/piinguin.v1.Piinguin/ReadPiiRecords HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", caller, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	return mine
}

// newPipes starts a server that has only pipes, so that a test may use a clock of its own.
func newPipes(t *testing.T) (p pipes, log *lockedBuffer) {
	t.Helper()
	records := store.NewMem()
	putLongest(t, records, "a")
	ledger, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: newTestKey(t)})
	if err != nil {
		t.Fatal(err)
	}
	log = &lockedBuffer{}
	s, err := server.New(server.Config{Ledger: ledger, Store: records, Callers: everybody{}, Policy: policy.NewBuiltin(), Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	p = pipes{make(chan net.Conn), ctx}
	h := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = h.Serve(p) }()
	t.Cleanup(func() {
		stop()
		_ = h.Close()
		_ = ledger.Close(context.WithoutCancel(ctx))
	})
	return p, log
}

// TestStalledAnswersEnd: callers that do not take their answers keep no more memory than their share,
// and not for long. Meanwhile others are answered.
func TestStalledAnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, log := newPipes(t)
		begin := time.Now()
		for range 2 {
			p.ask(t, "stalled", piinguinv1.MaxBatch)
		}
		synctest.Wait()
		for caller, want := range map[string]int{"stalled": http.StatusServiceUnavailable, "another": http.StatusOK} {
			if status, answer := answerOf(t, p.ask(t, caller, piinguinv1.MaxBatch)); status != want {
				t.Errorf("%s: %d %.200s", caller, status, answer)
			}
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("they waited %v", took)
		}
		time.Sleep(30 * time.Second) // of the test's own clock
		synctest.Wait()
		if n := strings.Count(log.String(), `"reason":"answer_too_slow"`); n != 2 || strings.Contains(log.String(), "unknown") {
			t.Errorf("the stalled answers did not end, or do not say why:\n%s", log)
		}
		if status, answer := answerOf(t, p.ask(t, "stalled", 1)); status != http.StatusOK {
			t.Errorf("after them: %d %.200s", status, answer)
		}
	})
}
