package sqlitestore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/server/store"
)

// BenchmarkGet reads single records, as ReadPiiRecord does, by one caller and by many.
func BenchmarkGet(b *testing.B) {
	s, err := open(b.Context(), filepath.Join(b.TempDir(), "piinguin.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	keys := make([]string, store.MaxBatch)
	records := make([]store.Record, len(keys))
	for i := range keys {
		keys[i] = fmt.Sprintf("%064x", i)
		records[i] = store.Record{ModifiedValue: keys[i], Original: store.NewOriginal("ada@example.org"), ObservedAt: time.Now()}
	}
	for _, r := range s.Put(b.Context(), records) {
		if r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	ctx, cancel := context.WithCancel(b.Context()) // as that of a request, it may end
	defer cancel()
	var next atomic.Int64
	get := func() {
		key := keys[next.Add(1)%int64(len(keys))]
		if got := s.Get(ctx, []string{key}); got[0].Err != nil {
			b.Error(got[0].Err)
		}
	}
	b.Run("1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			get()
		}
	})
	b.Run("64", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				get()
			}
		})
	})
}
