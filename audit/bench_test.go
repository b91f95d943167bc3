package audit_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// benchEntry is an entry of the usual length.
func benchEntry(n int) audit.Entry {
	return audit.Entry{
		Operation: audit.Read, Outcome: audit.Granted, Caller: "support-desk", Authentication: "token", Basis: "CONTRACT", Policy: "built-in",
		Purpose: "send the invoice", Reference: "T-1001", ModifiedValue: fmt.Sprintf("%064x", n), RequestID: fmt.Sprintf("%032x", n),
	}
}

func benchLine(b *testing.B) (audit.Entry, []byte) {
	b.Helper()
	e, placed := benchEntry(1), placedEntry()
	e.Ledger, e.Log, e.Index, e.Time = placed.Ledger, placed.Log, 1_000_000, placed.Time
	line, err := e.Format()
	if err != nil {
		b.Fatal(err)
	}
	return e, line
}

func BenchmarkFormat(b *testing.B) {
	e, line := benchLine(b)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Format(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	_, line := benchLine(b)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audit.Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend has 128 appenders on an engine that costs nothing: what is left is the ledger's own work.
func BenchmarkAppend(b *testing.B) {
	l := newLedger(b, audit.NewMem(), 1)
	b.ReportAllocs()
	b.ResetTimer()
	appendAll(b, l, 128, b.N)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	mustClose(b, l)
}

// appendAll appends n entries one by one, with some appenders at a time.
func appendAll(b *testing.B, l *audit.Ledger, appenders, n int) {
	b.Helper()
	var all sync.WaitGroup
	for a := range appenders {
		all.Go(func() {
			for i := a; i < n; i += appenders {
				if _, err := l.Append(b.Context(), benchEntry(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkVerify verifies a ledger whose pages have as many entries as its name says.
func BenchmarkVerify(b *testing.B) {
	for _, width := range []int{1, 32} {
		b.Run(fmt.Sprint(width), func(b *testing.B) {
			m, pages := audit.NewMem(), 1024
			l := newLedger(b, m, 1)
			for p := range pages {
				entries := make([]audit.Entry, width)
				for i := range entries {
					entries[i] = benchEntry(p*width + i)
				}
				mustAppend(b, l, entries...)
			}
			mustClose(b, l)
			b.ReportAllocs()
			for b.Loop() {
				if r, err := audit.Verify(b.Context(), m, audit.VerifyOptions{}); err != nil || len(r.Findings) > 0 {
					b.Fatal(err, r.Findings)
				}
			}
			b.ReportMetric(float64(pages*width*b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
