package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"
)

// TestAnswersAreBounded: what has ended makes place first, and the newest is kept.
func TestAnswersAreBounded(t *testing.T) {
	hash := func(n int) [sha256.Size]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) } //nolint:gosec // not negative
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	a := newAnswers()
	for n := range keptTokens {
		ends := start.Add(time.Minute)
		if n%2 == 0 {
			ends = start.Add(time.Hour)
		}
		a.put(hash(n), "bob", ends, start)
	}
	later := start.Add(time.Minute)
	a.put(hash(keptTokens), "eve", later.Add(time.Hour), later)
	for n := 0; n < keptTokens; n += 2 {
		if _, found := a.get(hash(n), later); !found {
			t.Fatalf("answer %d made place though others had ended", n)
		}
	}
	for n := range keptTokens + 100 {
		a.put(hash(n), "bob", later.Add(time.Hour), later)
		if a.kept.Len() > keptTokens {
			t.Fatalf("%d answers are kept, want at most %d", a.kept.Len(), keptTokens)
		}
		if name, found := a.get(hash(n), later); !found || name != "bob" {
			t.Fatal("the newest is not kept")
		}
	}
}
