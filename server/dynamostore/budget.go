package dynamostore

import (
	"sync/atomic"
	"time"

	"github.com/piinguin/piinguin/server/store"
)

const (
	// insertPrice is how many new records it takes to pay for one INSERT that finds an item there.
	insertPrice = 8
	// fullBudget covers the statements of four batches of store.MaxBatch under way.
	fullBudget = 4 * store.MaxBatch * insertPrice
	// pauseTime is how long no INSERT is tried after one was refused for what does not pass by itself, such as a
	// right that is missing.
	pauseTime = time.Minute
)

// budget decides when INSERT is tried. DynamoDB charges an INSERT that finds an item as it charges a write, and
// PutItem then comes on top, so where most pairs repeat INSERT would double the cost. Each new record earns one;
// an INSERT takes insertPrice before it is sent and gets it back unless it finds an item; a PutItem that finds an
// item costs insertPrice too, as far as that is there. So a server pays at most one write in excess for each
// insertPrice new records that it stores, beside the fullBudget/insertPrice that it starts with, and hardly any
// while most pairs repeat.
type budget struct {
	credit atomic.Int64 // callers share no lock
	paused atomic.Int64 // until when, in nanoseconds since 1970
}

// covers reports whether n statements could be paid for now.
func (b *budget) covers(n int) bool {
	return b.credit.Load() >= int64(n)*insertPrice && time.Now().UnixNano() >= b.paused.Load()
}

// take pays for n statements, or reports that they must not be sent.
func (b *budget) take(n int) bool {
	if !b.covers(n) {
		return false
	}
	if b.credit.Add(-int64(n)*insertPrice) < 0 { // another caller was first
		b.giveBack(n)
		return false
	}
	return true
}

// giveBack returns what take took for n statements that found no item.
func (b *budget) giveBack(n int) { b.credit.Add(int64(n) * insertPrice) }

// saw counts a put that found an item, or none.
func (b *budget) saw(found bool) {
	switch {
	case !found && b.credit.Load() < fullBudget:
		b.credit.Add(1)
	case found && b.credit.Load() >= insertPrice:
		b.credit.Add(-insertPrice)
	}
}

// pause has no INSERT tried for a while.
func (b *budget) pause() { b.paused.Store(time.Now().Add(pauseTime).UnixNano()) }
