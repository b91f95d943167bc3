package store

import (
	"context"
	"sync"
	"time"
)

// Mem is a Store in memory, for tests and as the shortest reading of the
// contract. What it holds ends with the process.
type Mem struct {
	mu   sync.Mutex
	rows map[string]memRow
}

type memRow struct {
	standing Standing
	record   Record // when standing.Live
}

var _ Store = (*Mem)(nil)

// NewMem returns an empty Mem.
func NewMem() *Mem { return &Mem{rows: map[string]memRow{}} }

// Put implements Store.
func (m *Mem) Put(ctx context.Context, records []Record) []PutResult {
	CheckBatch(len(records))
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]PutResult, len(records))
	for i, r := range records {
		if err := ctx.Err(); err != nil {
			results[i].Err = err
			continue
		}
		r.ObservedAt = r.ObservedAt.UTC()
		outcome, write := m.rows[r.ModifiedValue].standing.Decide(r)
		if write {
			live := Standing{Live: true, Original: r.Original, ObservedAt: r.ObservedAt}
			m.rows[r.ModifiedValue] = memRow{live, r}
		}
		results[i].Outcome = outcome
	}
	return results
}

// Get implements Store.
func (m *Mem) Get(ctx context.Context, modifiedValues []string) []GetResult {
	CheckBatch(len(modifiedValues))
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]GetResult, len(modifiedValues))
	for i, key := range modifiedValues {
		row := m.rows[key]
		switch err := ctx.Err(); {
		case err != nil:
			results[i].Err = err
		case !row.standing.Live:
			results[i].Err = ErrNotFound
		default:
			results[i].Record = row.record
		}
	}
	return results
}

// Erase implements Store.
func (m *Mem) Erase(ctx context.Context, modifiedValues []string, at time.Time) []EraseResult {
	CheckBatch(len(modifiedValues))
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]EraseResult, len(modifiedValues))
	for i, key := range modifiedValues {
		if err := ctx.Err(); err != nil {
			results[i].Err = err
			continue
		}
		standing := m.rows[key].standing
		results[i].Erased = standing.Live
		m.rows[key] = memRow{standing: standing.Erase(at)}
	}
	return results
}

// Ready implements Store.
func (m *Mem) Ready(ctx context.Context) error { return ctx.Err() }
