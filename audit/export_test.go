package audit

import (
	"slices"
	"time"
)

// MaxQueue is the bound of a writer's queue.
const MaxQueue = maxQueue

// RawPages returns what Mem stores of a log.
func (m *Mem) RawPages(log string) []Page {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.pages[log])
}

// SetRawPages replaces what Mem stores of a log, behind the back of Commit.
func (m *Mem) SetRawPages(log string, pages []Page) {
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

// SetRawLogs replaces the registry.
func (m *Mem) SetRawLogs(logs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.registered = logs
}

// ForgePage returns a page that the key's holder writes after the pages of a log,
// past every check of a writer.
func ForgePage(key Key, pages []Page, entries ...Entry) Page {
	last := pages[len(pages)-1]
	signer, err := key.signer(last.Log)
	if err != nil {
		panic(err)
	}
	h := head{log: last.Log, number: last.Number + 1, size: last.Size(), edge: last.Edge}
	p, _, err := h.nextPage(entries, time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC), signer)
	if err != nil {
		panic(err)
	}
	return p
}
