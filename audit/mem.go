package audit

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// Mem is a Store in memory, for tests: the simplest driver, and the model for the others. It loses
// everything when the process ends.
type Mem struct {
	mu     sync.Mutex
	pages  map[LogID][]Page
	blobs  map[BlobKind][]Blob
	key    string
	leases map[LogID]lease
}

type lease struct {
	holder string
	until  time.Time
}

// NewMem returns an empty store.
func NewMem() *Mem {
	return &Mem{pages: map[LogID][]Page{}, blobs: map[BlobKind][]Blob{}, leases: map[LogID]lease{}}
}

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
	p.entries, p.leaves = nil, nil // as an engine that stores lines
	m.pages[p.Log] = slices.Insert(m.pages[p.Log], at, p)
	return nil
}

// Last implements PageReader.
func (m *Mem) Last(ctx context.Context, log LogID) (Page, error) {
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
func (m *Mem) Pages(ctx context.Context, log LogID, from int64) iter.Seq2[Page, error] {
	return each(ctx, func() []Page {
		at, _ := m.find(log, from)
		return m.pages[log][at:]
	}, &m.mu)
}

// each yields the items that there are at one moment.
func each[T any](ctx context.Context, items func() []T, mu *sync.Mutex) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		mu.Lock()
		all := slices.Clone(items())
		mu.Unlock()
		var none T
		if err := ctx.Err(); err != nil {
			yield(none, err)
			return
		}
		for _, item := range all {
			if err := ctx.Err(); err != nil {
				yield(none, err)
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (m *Mem) find(log LogID, number int64) (int, bool) {
	return slices.BinarySearchFunc(m.pages[log], number, func(p Page, n int64) int { return cmp.Compare(p.Number, n) })
}

// PutBlobs implements Backend.
func (m *Mem) PutBlobs(ctx context.Context, blobs []Blob) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range blobs {
		kind := BlobKind{b.Log, b.Kind}
		at, there := m.findBlob(kind, b.Number)
		if there {
			m.blobs[kind][at] = b
		} else {
			m.blobs[kind] = slices.Insert(m.blobs[kind], at, b)
		}
	}
	return nil
}

func (m *Mem) findBlob(kind BlobKind, number int64) (int, bool) {
	return slices.BinarySearchFunc(m.blobs[kind], number, func(b Blob, n int64) int { return cmp.Compare(b.Number, n) })
}

// Blobs implements BlobReader.
func (m *Mem) Blobs(ctx context.Context, log LogID, kind string, from int64) iter.Seq2[Blob, error] {
	return each(ctx, func() []Blob {
		at, _ := m.findBlob(BlobKind{log, kind}, from)
		return m.blobs[BlobKind{log, kind}][at:]
	}, &m.mu)
}

// BlobsAt implements BlobReader.
func (m *Mem) BlobsAt(ctx context.Context, log LogID, kind string, numbers []int64) (found []Blob, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range numbers {
		if at, there := m.findBlob(BlobKind{log, kind}, n); there {
			found = append(found, m.blobs[BlobKind{log, kind}][at])
		}
	}
	return found, ctx.Err()
}

// Reviews implements Backend.
func (m *Mem) Reviews() Reader { return m }

// Prune implements Pruner.
func (m *Mem) Prune(ctx context.Context, stub Page) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, there := m.find(stub.Log, stub.Number)
	if !there || !bytes.Equal(m.pages[stub.Log][at].Checkpoint, stub.Checkpoint) {
		return ErrNotFound
	}
	m.pages[stub.Log] = slices.Concat([]Page{stub}, m.pages[stub.Log][at+1:])
	return ctx.Err()
}

// PruneBlobs implements Pruner.
func (m *Mem) PruneBlobs(ctx context.Context, log LogID, kind string, from, to int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := BlobKind{log, kind}
	first, _ := m.findBlob(k, from)
	end, _ := m.findBlob(k, to)
	if m.blobs[k] = slices.Concat(m.blobs[k][:first], m.blobs[k][max(first, end):]); len(m.blobs[k]) == 0 {
		delete(m.blobs, k)
	}
	return ctx.Err()
}

// KeepVerifierKey implements Backend.
func (m *Mem) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == "" {
		m.key = key
	}
	return m.key, ctx.Err()
}

// VerifierKey implements Reader.
func (m *Mem) VerifierKey(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == "" {
		return "", ErrNotFound
	}
	return m.key, ctx.Err()
}

// Lease implements Leases.
func (m *Mem) Lease(ctx context.Context, log LogID, holder string, now, until time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if have, is := m.leases[log]; is && have.holder != holder && have.until.After(now) {
		return false, nil
	}
	m.leases[log] = lease{holder, until}
	return true, nil
}

// Survey implements Evidence.
func (m *Mem) Survey(ctx context.Context, _ func(*RowError)) (Survey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var s Survey
	for log, pages := range m.pages {
		if len(pages) > 0 {
			s.Logs = append(s.Logs, log)
		}
	}
	for kind := range m.blobs {
		s.Blobs = append(s.Blobs, kind)
	}
	slices.Sort(s.Logs)
	slices.SortFunc(s.Blobs, func(a, b BlobKind) int { return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Kind, b.Kind)) })
	return s, ctx.Err()
}
