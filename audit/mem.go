package audit

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Mem is a Store in memory, for tests: the simplest driver, and the model for the others. It loses
// everything when the process ends.
type Mem struct {
	mu         sync.Mutex
	pages      map[string][]Page
	registered []string
	key        string
	leases     map[string]lease // the key is the series
}

type lease struct {
	holder string
	until  time.Time
}

// NewMem returns an empty store.
func NewMem() *Mem { return &Mem{pages: map[string][]Page{}, leases: map[string]lease{}} }

// Commit implements Log.
func (m *Mem) Commit(ctx context.Context, p Page) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at, taken := m.find(p.Log, p.Number)
	if taken {
		return ErrTaken
	}
	p.entries = nil // as an engine that stores lines
	m.pages[p.Log] = slices.Insert(m.pages[p.Log], at, p)
	return nil
}

// Last implements PageReader.
func (m *Mem) Last(ctx context.Context, log string) (Page, error) {
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	pages := m.pages[log]
	if len(pages) == 0 {
		return Page{}, ErrNotFound
	}
	return pages[len(pages)-1], nil
}

// Pages implements PageReader.
func (m *Mem) Pages(ctx context.Context, log string, from int64) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(Page{}, err)
			return
		}
		m.mu.Lock()
		at, _ := m.find(log, from)
		pages := slices.Clone(m.pages[log][at:])
		m.mu.Unlock()
		for _, p := range pages {
			if err := ctx.Err(); err != nil {
				yield(Page{}, err)
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

func (m *Mem) find(log string, number int64) (int, bool) {
	return slices.BinarySearchFunc(m.pages[log], number, func(p Page, n int64) int { return int(p.Number - n) })
}

// List implements Index.
func (m *Mem) List(ctx context.Context, q Query) ([]Entry, error) {
	entries, err := m.entries(ctx)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return !q.Match(e) })
	slices.SortFunc(entries, func(a, b Entry) int { return b.Position().Compare(a.Position()) })
	return entries[:min(q.Limit, len(entries))], nil
}

// Entry implements Index.
func (m *Mem) Entry(ctx context.Context, log string, index int64) (Entry, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.pages[log] {
		if index < p.First || index >= p.Size() {
			continue
		}
		return p.Entry(index)
	}
	return Entry{}, ErrNotFound
}

func (m *Mem) entries(ctx context.Context) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Entry
	for _, pages := range m.pages {
		for _, p := range pages {
			entries, err := p.Entries()
			if err != nil {
				return nil, err
			}
			all = append(all, entries...)
		}
	}
	return all, nil
}

// Lines implements Tiles.
func (m *Mem) Lines(ctx context.Context, log string, first, count int64) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines [][]byte
	for _, p := range m.pages[log] {
		for i, line := range p.Lines {
			if at := p.First + int64(i); at >= first && at < first+count && line != nil {
				lines = append(lines, line)
			}
		}
	}
	if int64(len(lines)) != count {
		return nil, ErrNotFound
	}
	return lines, nil
}

// Leaves implements Tiles.
func (m *Mem) Leaves(ctx context.Context, log string, first, count int64) ([]tlog.Hash, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var leaves []tlog.Hash
	for _, p := range m.pages[log] {
		for i, leaf := range p.LeafHashes() {
			if at := p.First + int64(i); at >= first && at < first+count {
				leaves = append(leaves, leaf)
			}
		}
	}
	if int64(len(leaves)) != count {
		return nil, ErrNotFound
	}
	return leaves, nil
}

// Prune implements Pruner.
func (m *Mem) Prune(ctx context.Context, pages []Page) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range pages {
		at, there := m.find(p.Log, p.Number)
		if !there {
			return ErrNotFound
		}
		pruned, err := m.pages[p.Log][at].Prune()
		if err != nil {
			return err
		}
		m.pages[p.Log][at] = pruned
	}
	return ctx.Err()
}

// Tile implements Tiles. Mem stores none.
func (*Mem) Tile(ctx context.Context, _ string, _ int, _ int64) ([]tlog.Hash, error) {
	return nil, cmp.Or(ctx.Err(), ErrNotFound)
}

// Logs implements Registry.
func (m *Mem) Logs(ctx context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.registered), ctx.Err()
}

// Register implements Registry.
func (m *Mem) Register(ctx context.Context, log string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, known := slices.BinarySearch(m.registered, log); !known {
		m.registered = slices.Insert(m.registered, at, log)
	}
	return ctx.Err()
}

// KeepVerifierKey implements Registry.
func (m *Mem) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == "" {
		m.key = key
	}
	return m.key, ctx.Err()
}

// VerifierKey implements Evidence.
func (m *Mem) VerifierKey(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == "" {
		return "", ErrNotFound
	}
	return m.key, ctx.Err()
}

// Lease implements Leases.
func (m *Mem) Lease(ctx context.Context, series, holder string, now, until time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, is := m.leases[series]; is && have.holder != holder && have.until.After(now) {
		return false, nil
	}
	m.leases[series] = lease{holder, until}
	return true, nil
}

// Audit implements Evidence. Mem derives nothing.
func (m *Mem) Audit(ctx context.Context, found func(*RowError)) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	logs := slices.Clone(m.registered)
	for log := range m.pages {
		if !slices.Contains(logs, log) {
			found(&RowError{LogRow(log), "not registered"})
			logs = append(logs, log)
		}
	}
	slices.Sort(logs)
	return logs, ctx.Err()
}
