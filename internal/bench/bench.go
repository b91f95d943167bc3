package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// sample is what one measurement of a row found. Zero is "not measured"; all of it is zero where
// the measurement failed.
type sample struct {
	Rate   float64 // a second
	CPU    float64 // microseconds of the server a request
	P50    float64 // microseconds
	P99    float64
	Failed int64              // requests that ended with an error
	More   map[string]float64 // what only this row has, by name and unit
}

// row is one thing to measure.
type row struct {
	name string
	run  func(ctx context.Context, b *bench) (sample, error)
	once bool // it finds the same each time, so one round is enough
}

// bench is one run of the program.
type bench struct {
	options
	folder   string // of everything that is stored
	engine   string // URL of DynamoDB Local
	log      io.Writer
	started  time.Time
	children children
	clients  map[string]*dynamodb.Client // by endpoint
	samples  map[string][]sample         // by row, one a round
	round    int
	failures int
}

// measure goes through the rows, round after round, and reports.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	engine := os.Getenv("PIINGUIN_TEST_DYNAMODB")
	if engine == "" {
		return errors.New("PIINGUIN_TEST_DYNAMODB is not set; `make bench` starts DynamoDB Local")
	}
	if o.programs, err = filepath.Abs(o.programs); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "piinguin-bench-")
	if err != nil {
		return err
	}
	b := &bench{
		options: o, folder: folder, engine: engine, log: stderr, started: time.Now(),
		clients: map[string]*dynamodb.Client{}, samples: map[string][]sample{},
	}
	defer func() {
		b.children.stop()
		_ = os.RemoveAll(folder)
	}()
	machine := describeMachine(ctx, b)
	rows := b.selected()
	for b.round = range o.rounds {
		for _, r := range rows {
			if b.round > 0 && r.once {
				continue
			}
			if b.one(ctx, r); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if err := b.report(machine, rows, stdout); err != nil {
		return err
	}
	if b.failures > 0 {
		return fmt.Errorf("%d measurements failed", b.failures)
	}
	return nil
}

// selected returns the rows that the flags ask for.
func (b *bench) selected() (rows []row) {
	all := rowsOf(b.connections)
	if b.long {
		all = append(all, longRows(b.size)...)
	}
	for _, r := range all {
		if b.rows.MatchString(r.name) {
			rows = append(rows, r)
		}
	}
	return rows
}

// one measures a row, unless another row of this round has needed it already. A failure is told
// and counted, and the other rows go on: a run is long.
func (b *bench) one(ctx context.Context, r row) {
	if len(b.samples[r.name]) > b.round {
		return
	}
	s, err := r.run(ctx, b)
	told := s.String()
	if err != nil {
		b.failures++
		s, told = sample{}, err.Error()
	}
	b.samples[r.name] = append(b.samples[r.name], s)
	_, _ = fmt.Fprintf(b.log, "%6s  round %d  %-48s %s\n", time.Since(b.started).Round(time.Second), b.round+1, r.name, told)
}

// String shows a sample in one line, for whoever waits.
func (s sample) String() string {
	text := fmt.Sprintf("%9.0f/s  cpu %5.0f us  p50 %6.0f us  p99 %6.0f us", s.Rate, s.CPU, s.P50, s.P99)
	if s.Failed > 0 {
		text += fmt.Sprintf("  FAILED %d", s.Failed)
	}
	for _, name := range sortedKeys(s.More) {
		text += "  " + short(s.More[name]) + " " + name
	}
	return text
}

// short shows a number with three digits, and large ones whole.
func short(f float64) string {
	switch a := math.Abs(f); {
	case a >= 100 || a == 0:
		return fmt.Sprintf("%.0f", f)
	case a >= 10:
		return fmt.Sprintf("%.1f", f)
	case a >= 1:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}
