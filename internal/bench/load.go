package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// order says what a load generator does. Call is read, create or batch.
type order struct {
	URL         string
	PID         int // of the server
	Call        string
	Connections int
	Length      time.Duration
	Keys        int     // reads take a key of so many at random
	Rate        float64 // calls a second; 0 is as many as the connections can
}

// batchSize is how many records a call of batch stores.
const batchSize = 500

// loader is a load generator at work.
type loader struct {
	order
	begin, end time.Time    // what ends between them counts
	due        atomic.Int64 // calls that have their time, where there is a rate
	unique     string       // begins every key that it creates
}

// load is the load generator's process: a Twirp client with a connection for each worker, in
// protobuf over HTTP/1.1. Connections are opened, and caches warmed, before the measurement begins.
func load(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("load wants an order")
	}
	l := &loader{unique: rand.Text()[:10]}
	if err := json.Unmarshal([]byte(args[0]), &l.order); err != nil {
		return err
	}
	l.begin = time.Now().Add(l.warmUp())
	l.end = l.begin.Add(l.Length)
	workers := make([]worker, l.Connections)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { workers[i].run(ctx, l, i) })
	}
	time.Sleep(time.Until(l.begin))
	before, err := cpuTime(l.PID)
	if err != nil {
		return err
	}
	time.Sleep(time.Until(l.end))
	after, err := cpuTime(l.PID)
	if err != nil {
		return err
	}
	wg.Wait()
	s, err := l.sample(workers, after-before)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(s)
}

func (l *loader) sample(workers []worker, cpu time.Duration) (sample, error) {
	var took []time.Duration
	var s sample
	var all int64
	for _, w := range workers {
		took, s.Failed, all = append(took, w.took...), s.Failed+w.failed, all+w.calls
	}
	if len(took) == 0 {
		for _, w := range workers {
			if w.err != nil {
				return s, w.err
			}
		}
		return s, errors.New("no call ended in time")
	}
	slices.Sort(took)
	n := float64(len(took)) * l.items()
	s.Rate = n / l.Length.Seconds()
	s.CPU = float64(cpu.Microseconds()) / n
	s.P50, s.P99 = quantile(took, 0.5), quantile(took, 0.99)
	s.More = map[string]float64{callsMade: float64(all)}
	return s, nil
}

// callsMade counts all calls of a load generator, also those before the measurement.
const callsMade = "calls made"

// warmUp is how long calls are made before the measurement.
func (l *loader) warmUp() time.Duration { return min(l.Length/4, time.Second) }

// items is what one call counts as.
func (l *loader) items() float64 {
	if l.Call == "batch" {
		return batchSize
	}
	return 1
}

// quantile returns a quantile of sorted times in microseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[int(q*float64(len(sorted)-1))].Nanoseconds()) / 1000
}

// worker makes calls on one connection, one after the other.
type worker struct {
	took          []time.Duration
	calls, failed int64
	err           error // of the last call that failed
}

func (w *worker) run(ctx context.Context, l *loader, number int) {
	transport := &http.Transport{MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	c := piinguinv1.NewPiinguinProtobufClient(l.URL, &http.Client{Transport: transport, Timeout: 30 * time.Second})
	header := http.Header{"Authorization": {"Bearer " + tokenOf[l.Call]}}
	ctx, err := twirp.WithHTTPRequestHeaders(ctx, header)
	if err != nil {
		w.err = err
		return
	}
	for n := 0; ; n++ {
		begun, more := l.next()
		if !more {
			return
		}
		err := l.call(ctx, c, fmt.Sprintf("%s-%d-%d", l.unique, number, n))
		done := time.Now()
		w.calls++
		if err != nil {
			w.failed++
			w.err = err
			if w.failed == w.calls {
				return // it never worked
			}
			continue
		}
		if done.After(l.begin) && !done.After(l.end) {
			w.took = append(w.took, done.Sub(begun))
		}
	}
}

// next waits until the next call is due, and returns when it was. Where there is a rate, a call
// that no worker was free for in time began when it was due: else a slow server would have fewer
// slow calls. A call whose worker slept too long began when the worker woke: that delay is the
// load generator's.
func (l *loader) next() (begun time.Time, more bool) {
	now := time.Now()
	if l.Rate == 0 {
		return now, now.Before(l.end)
	}
	due := l.begin.Add(-l.warmUp()).Add(time.Duration(float64(l.due.Add(1)-1) / l.Rate * float64(time.Second)))
	if due.After(l.end) {
		return due, false
	}
	if wait := due.Sub(now); wait > 0 {
		time.Sleep(wait)
		return time.Now(), true
	}
	return due, now.Before(l.end)
}

var tokenOf = map[string]string{"read": "dev-reader", "create": "dev-writer", "batch": "dev-writer"}

func (l *loader) call(ctx context.Context, c piinguinv1.Piinguin, unique string) error {
	switch l.Call {
	case "create":
		_, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: newRecord(unique)})
		return err
	case "batch":
		req := &piinguinv1.CreatePiiRecordsRequest{}
		for i := range batchSize {
			req.PiiRecords = append(req.PiiRecords, newRecord(fmt.Sprintf("%s-%d", unique, i)))
		}
		res, err := c.CreatePiiRecords(ctx, req)
		for _, r := range res.GetResults() {
			if r.GetError() != nil {
				return errors.New(r.GetError().GetReason())
			}
		}
		return err
	}
	key := keyOf(mathrand.IntN(l.Keys)) //nolint:gosec // any key will do
	res, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: key, ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
		Purpose: "send the invoice", Reference: "INV-2026-1",
	})
	if err == nil && res.GetPiiRecord().GetOriginalValue() != original {
		return errors.New("the answer holds another value")
	}
	return err
}

// original is every record's value.
const original = "somebody@example.com"

// keyOf returns the pseudonym of a record, as long as a SHA-256.
func keyOf(n int) string { return fmt.Sprintf("%08x%056x", n, 0) }

func newRecord(key string) *piinguinv1.PiiRecord {
	return &piinguinv1.PiiRecord{
		ModifiedValue: key, OriginalValue: original,
		Source: &piinguinv1.Source{FieldName: "user_id", HashFunction: "SHA-256"},
	}
}
