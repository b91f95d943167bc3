package sqlitelog_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
)

func benchEntry(n int) audit.Entry {
	return audit.Entry{
		Operation: audit.Read, Outcome: audit.Granted, Caller: "support-desk", Authentication: "token", Basis: "CONTRACT", Policy: "built-in",
		Purpose: "send the invoice", Reference: "T-1001", ModifiedValue: fmt.Sprintf("%064x", n), RequestID: fmt.Sprintf("%032x", n),
	}
}

func benchLedger(b *testing.B, s audit.Backend) *audit.Ledger {
	b.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		b.Fatal(err)
	}
	l, err := audit.Open(b.Context(), audit.Config{Store: s, Key: key, Name: "vault.example.com/pii", Period: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkAppend appends entries one by one, with as many appenders as its name says.
func BenchmarkAppend(b *testing.B) {
	for _, appenders := range []int{1, 32, 128} {
		b.Run(fmt.Sprint(appenders), func(b *testing.B) {
			l := benchLedger(b, newStore(b, filepath.Join(b.TempDir(), "ledger.db")))
			entry := benchEntry(1)
			b.ResetTimer()
			var all sync.WaitGroup
			for a := range appenders {
				all.Go(func() {
					for i := a; i < b.N; i += appenders {
						if _, err := l.Append(b.Context(), entry); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			if err := l.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkVerify verifies a ledger whose pages have as many entries as its name says.
func BenchmarkVerify(b *testing.B) {
	for _, width := range []int{1, 32} {
		b.Run(fmt.Sprint(width), func(b *testing.B) {
			s, pages := newStore(b, filepath.Join(b.TempDir(), "ledger.db")), 2048
			l := benchLedger(b, s)
			for p := range pages {
				entries := make([]audit.Entry, width)
				for i := range entries {
					entries[i] = benchEntry(p*width + i)
				}
				for _, r := range l.AppendAll(b.Context(), entries) {
					if r.Err != nil {
						b.Fatal(r.Err)
					}
				}
			}
			if err := l.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if r, err := audit.Verify(b.Context(), s, audit.VerifyOptions{}); err != nil || len(r.Findings) > 0 {
					b.Fatal(err, r.Findings)
				}
			}
			b.ReportMetric(float64(pages*width*b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
