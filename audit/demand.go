package audit

import (
	"sync/atomic"
	"time"
)

// demandWindow is the time over which entries are counted. A shorter burst does not open a further log.
const demandWindow = 100 * time.Millisecond

// demand measures how many entries a second are appended. It holds no lock, which all callers would meet.
type demand struct {
	start   time.Time    // monotonic: a clock that is set changes nothing
	began   atomic.Int64 // of the window, in nanoseconds since start
	entries atomic.Int64 // in the window
	rate    atomic.Int64 // entries a second: the mean of the last window and of the rate before it
}

// add counts n entries, and returns the rate.
func (d *demand) add(n int) (rate int64) {
	entries := d.entries.Add(int64(n))
	now, began := int64(time.Since(d.start)), d.began.Load()
	if now-began < int64(demandWindow) || !d.began.CompareAndSwap(began, now) {
		return d.rate.Load()
	}
	d.entries.Add(-entries)
	rate = (d.rate.Load() + entries*int64(time.Second)/(now-began)) / 2
	d.rate.Store(rate)
	return rate
}
