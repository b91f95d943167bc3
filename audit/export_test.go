package audit

import (
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxQueue is the bound of a writer's queue.
const MaxQueue = maxQueue

// RawPages returns what Mem stores of a log.
func (m *Mem) RawPages(log LogID) []Page {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.pages[log])
}

// SetRawPages replaces what Mem stores of a log, behind the back of Commit.
func (m *Mem) SetRawPages(log LogID, pages []Page) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pages[log] = slices.Clone(pages)
	if len(pages) == 0 {
		delete(m.pages, log)
	}
}

// SetRawKey replaces the kept verifier key.
func (m *Mem) SetRawKey(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.key = text
}

// ForgePage returns a page that the key's holder writes after the pages of a log, past every check of a
// writer.
func ForgePage(key Key, pages []Page, entries ...Entry) Page {
	last := pages[len(pages)-1]
	h, err := headAfter(last, pageLedger(last), key.Verifier())
	if err != nil {
		panic(err)
	}
	if h.log == Spine {
		h.spine = &spine{}
	}
	drafts := make([]*draft, len(entries))
	for i, e := range entries {
		d, err := newDraft(e)
		if err != nil {
			panic(err)
		}
		drafts[i] = &d
	}
	p, _, err := h.nextPage(drafts, time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC), key)
	if err != nil {
		panic(err)
	}
	return p
}

func pageLedger(p Page) string {
	entries, err := p.Entries()
	if err != nil {
		panic(err)
	}
	return entries[0].Ledger
}

// SetRawBlobs replaces the blobs of a kind.
func (m *Mem) SetRawBlobs(kind BlobKind, blobs []Blob) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[kind] = slices.Clone(blobs)
	if len(blobs) == 0 {
		delete(m.blobs, kind)
	}
}

// RawBlobs returns the blobs of a kind.
func (m *Mem) RawBlobs(kind BlobKind) []Blob {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.blobs[kind])
}

// Resign signs a page's tree with a key.
func Resign(key Key, p Page) []byte {
	return signCheckpoint(Origin(pageLedger(p), p.Log), p.Tree(), key)
}

// Waiting is how many entries wait for the ledger's writers, or are being committed.
func Waiting(l *Ledger) (n int64) {
	for _, w := range *l.writers.Load() {
		n += w.waiting.Load()
	}
	return n
}

// Tests have small runs and few roots a blob, so that a log of some hundred entries has all tiers, and lists and blobs that say
// to look below. Package audittest holds Mem to its suite with runs of the real size.
func init() {
	tierOf = [tiers]tier{{8, 0, 0}, {32, 2, 4}, {128, 4, 4}}
	maxList, maxBucket, maxSummary = 6, 200, 600
	rootsWidth = 2
}

// TermOf is the name that a subject has in the index.
func TermOf(subject string) uint32 { return termOf(fieldSubject, subject) }

// RunKind is the kind of the runs of a tier.
func RunKind(tier int) string { return runKind(tier) }

// CopyRun puts a run of another store, with all that it binds, in the place of this one's, as far as that
// store has it. The function that it returns restores what was there.
func (m *Mem) CopyRun(from *Mem, log LogID, tier int, run int64) (restore func()) {
	kinds := []BlobKind{{log, runKind(tier)}, {log, summaryKind(tier)}, {log, bucketKind(tier)}}
	var before [][]Blob
	for _, k := range kinds {
		blobs := m.RawBlobs(k)
		before = append(before, slices.Clone(blobs))
		for i, b := range blobs {
			number := b.Number
			if k.Kind == bucketKind(tier) {
				number >>= tierOf[tier].bits
			}
			for _, other := range from.RawBlobs(k) {
				if number == run && other.Number == b.Number {
					blobs[i] = other
				}
			}
		}
		m.SetRawBlobs(k, blobs)
	}
	return func() {
		for i, k := range kinds {
			m.SetRawBlobs(k, before[i])
		}
	}
}

// ForgeStub returns the pages as if pruning had removed those up to the i-th one.
func ForgeStub(pages []Page, i int) []Page {
	var leaves []tlog.Hash
	for _, p := range pages[:i] {
		leaves = append(leaves, leafHashes(p)...)
	}
	first := pages[i].First
	stub := pages[i].toStub(leaves[first-first%BundleWidth:])
	return append([]Page{stub}, pages[i+1:]...)
}
