package main

import "runtime/debug"

// A server collects garbage when the heap is five times what is in use, and not twice as Go does by
// itself: what is in use is small, and collecting cost a tenth of a read's CPU time. Beyond the
// limit, which has room for what all callers together may hold, it collects as often as it must.
const (
	garbagePercent = 400
	memoryLimit    = 512 << 20
)

// setMemory sets the garbage collector. What the operator set by Go's own variables stays.
func setMemory(env func(string) string) {
	if env("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
