package main

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// TestSetMemory holds that a server relaxes the garbage collector, and that the operator's own setting wins.
func TestSetMemory(t *testing.T) {
	const percent, limit = 77, 3 << 30
	oldPercent, oldLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
	t.Cleanup(func() {
		debug.SetGCPercent(oldPercent)
		debug.SetMemoryLimit(oldLimit)
	})
	for _, tc := range []struct {
		name           string
		env            map[string]string
		percent, limit uint64
	}{
		{"both are the operator's", map[string]string{"GOGC": "77", "GOMEMLIMIT": "3GiB"}, percent, limit},
		{"the limit is the operator's", map[string]string{"GOMEMLIMIT": "3GiB"}, garbagePercent, limit},
		{"the percentage is the operator's", map[string]string{"GOGC": "77"}, percent, memoryLimit},
		{"nothing is", nil, garbagePercent, memoryLimit},
	} {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
		setMemory(func(name string) string { return tc.env[name] })
		now := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
		metrics.Read(now)
		if p, l := now[0].Value.Uint64(), now[1].Value.Uint64(); p != tc.percent || l != tc.limit {
			t.Errorf("%s: %d %%, %d bytes; want %d %%, %d bytes", tc.name, p, l, tc.percent, tc.limit)
		}
	}
}
