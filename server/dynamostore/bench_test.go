package dynamostore

import (
	"context"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/piinguin/piinguin/server/store"
)

// BenchmarkGather is what it costs to gather the gets of 128 callers. The engine lets those that are
// ready go first, and then answers at once.
func BenchmarkGather(b *testing.B) {
	var requests atomic.Int64
	g := newLookups(func(_ context.Context, keys []string) []store.GetResult {
		requests.Add(1)
		runtime.Gosched()
		results := make([]store.GetResult, len(keys))
		for i, key := range keys {
			results[i] = store.GetResult{Record: store.Record{ModifiedValue: key}}
		}
		return results
	})
	b.ReportAllocs()
	b.SetParallelism(64) // for each of two cores
	var callers atomic.Int64
	b.RunParallel(func(p *testing.PB) {
		key := "key-" + strconv.FormatInt(callers.Add(1), 10)
		for p.Next() {
			if r := g.ask(b.Context(), key); r.Err != nil {
				b.Error(r.Err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(requests.Load()), "gets/request")
}
