package main

import "runtime/debug"

// Garbage is collected when the heap is five times what is in use, and not twice as Go does by itself: what
// is in use is small, and collecting cost a tenth of a read's CPU time, and a seventh of audit verify's.
// Beyond the limit, which has room for what all callers of a server may hold, it is collected as often as it
// must.
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
