package audit

import (
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Receipt says where a durable entry stands.
type Receipt struct {
	Log      LogID
	Index    int64
	Time     time.Time
	LeafHash tlog.Hash // RFC 6962
}

// Durable is the proof, inside the process, that an entry is durable under a signed root.
// Only Append and AppendAll of a Ledger make one, so code that takes a Durable cannot run
// before the entry is written. The zero Durable proves nothing: its Entry has no Operation.
type Durable struct {
	entry *Entry // in the committed page, whose entries nobody changes; nil in the zero Durable
	leaf  tlog.Hash
}

// newDurable is called by the writer alone, after the entry's page is committed.
func newDurable(e *Entry, leaf tlog.Hash) Durable { return Durable{e, leaf} }

// Entry returns the entry as the ledger holds it.
func (d Durable) Entry() Entry {
	if d.entry == nil {
		return Entry{}
	}
	return *d.entry
}

// Receipt returns where the entry stands.
func (d Durable) Receipt() Receipt {
	if d.entry == nil {
		return Receipt{}
	}
	return Receipt{d.entry.Log, d.entry.Index, d.entry.Time, d.leaf}
}

// Result is what became of one entry of AppendAll: durable, or an error as of Append.
type Result struct {
	Durable Durable
	Err     error
}
