package audit

import "slices"

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
	m.pages[log] = pages
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
