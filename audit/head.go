package audit

import (
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// head is the end of a log: everything that the next page builds on. The writer and the verifier
// share it, so that both have the same rules for what comes next.
type head struct {
	ledger string
	log    LogID
	key    VerifierKey // signs the next page
	number int64       // of the next page
	size   int64
	edge   edge
	time   time.Time // of the last entry
	spine  *spine    // what the spine's entries say; nil in other logs
}

// newHead is the head of a log without pages.
func newHead(ledger string, log LogID, key VerifierKey) head {
	h := head{ledger: ledger, log: log, key: key}
	if log == Spine {
		h.spine = &spine{}
	}
	return h
}

func (h head) origin() string { return Origin(h.ledger, h.log) }

// tree is the log's tree at this head. The log must have an entry.
func (h head) tree() tlog.Tree { return tlog.Tree{N: h.size, Hash: h.edge.root()} }

// nextPage returns the next page, with as many of the drafts as fit into it, and the head after
// it. Every entry gets the page's time. A clock that went back does not make time go back in the
// log: the page then gets the time of the last entry. Every entry is held to the rules by which the
// page will be verified; the error names what breaks them.
//
// The page is signed by key, which must be the head's, and if it holds a KEY entry by next as well.
func (h head) nextPage(drafts []*draft, now time.Time, key Key, next ...Key) (Page, head, error) {
	at := now.UTC().Truncate(time.Microsecond)
	if at.Before(h.time) {
		at = h.time
	}
	p := Page{Log: h.log, Number: h.number, First: h.size, Time: at}
	after := h
	if err := after.fill(&p, drafts); err != nil {
		return Page{}, head{}, err
	}
	if err := h.checkTurn(p.entries); err != nil {
		return Page{}, head{}, err
	}
	after.number++
	after.edge = h.edge.grow(h.size, p.leaves...)
	p.Edge, p.Root = after.edge, after.edge.root()
	p.Checkpoint = signCheckpoint(after.origin(), p.Tree(), append([]Key{key}, next...)...)
	return p, after, nil
}

// fill gives the page its lines, and takes their entries. The lines share one piece of memory.
func (h *head) fill(p *Page, drafts []*draft) error {
	room := 0
	for _, d := range drafts {
		room += d.room(h.ledger)
	}
	lines, at := make([]byte, 0, min(room, MaxPageBytes)), FormatTime(p.Time)
	p.Lines, p.entries, p.leaves = make([][]byte, 0, len(drafts)), make([]Entry, 0, len(drafts)), make([]tlog.Hash, 0, len(drafts))
	total := 0
	for n, d := range drafts {
		p.entries = append(p.entries, d.entry)
		e := &p.entries[n]
		if e.Operation != RolledBack {
			e.Ledger = h.ledger
		}
		e.Log, e.Index, e.Time = h.log, h.size, p.Time
		if err := e.validatePlace(); err != nil {
			return err
		}
		from := len(lines)
		lines = d.appendLine(lines, e, at)
		line := lines[from:len(lines):len(lines)]
		if total += len(line) + 1; total > MaxPageBytes && n > 0 {
			p.entries = p.entries[:n]
			return nil
		}
		if err := h.take(e); err != nil {
			return err
		}
		h.size++
		p.Lines, p.leaves = append(p.Lines, line), append(p.leaves, LeafHash(line))
	}
	return nil
}

// follow checks a page completely as the one that comes next, and returns the head after it. The
// error is a *RowError.
func (h head) follow(p Page) (head, error) { return h.advance(examine(p, h.ledger, h.key)) }

// advance is follow for a page that was examined already.
func (h head) advance(x examined) (head, error) {
	p := x.page
	switch {
	case p.Number > h.number:
		return head{}, &RowError{PageRow(h.log, h.number), "missing"}
	case p.Number < h.number:
		return head{}, p.fault("out of order")
	case x.err != nil:
		return head{}, x.err
	case p.Stub:
		return head{}, p.fault("it is a stub, though pages before it are there")
	case len(x.entries) == 0 || p.First != h.size || p.Size() != x.tree.N:
		return head{}, p.fault("its entries are not those of its checkpoint")
	case !x.key.Equal(h.key):
		return head{}, p.fault("its checkpoint is not signed by the key of the log here")
	}
	if err := h.checkTurn(x.entries); err != nil {
		return head{}, err
	}
	after := h
	after.number++
	after.edge, after.size = h.edge.grow(h.size, x.leaves...), h.size+int64(len(x.leaves))
	switch {
	case after.edge.root() != x.tree.Hash:
		return head{}, p.fault("its root is not that of its entries")
	case !slices.Equal(after.edge, edge(p.Edge)):
		return head{}, p.fault("its edge is not that of its entries")
	}
	for i := range x.entries { // the row is what was signed: the rest is about what the entries say
		if err := after.take(&x.entries[i]); err != nil {
			return head{}, err
		}
	}
	return after, nil
}

// checkTurn holds that an entry which changes the name or the key is alone on its page: the name and
// the keys that signed a page would not be clear otherwise. In the spine a ROLLBACK names the tree that
// it goes on from. The error is a *RowError.
func (h head) checkTurn(entries []Entry) error {
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Operation != Rekeyed && e.Operation != RolledBack:
			continue
		case len(entries) > 1:
			return e.fault("it must be alone on its page")
		}
		l, err := parseLoss(*e)
		if e.Operation == RolledBack && h.log == Spine && (err != nil || h.size == 0 || l.restored != h.tree()) {
			return e.fault("it does not name the tree that the spine has here")
		}
	}
	return nil
}

// take records an entry as the next one, if the rules of its log allow it. The error is a *RowError.
func (h *head) take(e *Entry) error {
	switch {
	case e.Time.Before(h.time):
		return e.fault("its time goes back")
	case (e.Index == 0) != (e.Operation == Opened):
		return e.fault("OPEN must be a log's first entry, and stands nowhere else")
	case e.Operation == Opened && e.Reference != h.key.Text(h.ledger):
		return e.fault("it names another ledger or key than the one that signed it")
	case e.Operation.inSpine() && h.log != Spine:
		return e.fault("its operation stands in the spine only")
	}
	if e.Operation == RolledBack {
		if e.Ledger == h.ledger || e.Reference != h.ledger {
			return e.fault("it does not name the ledger that goes on under another name here")
		}
		h.ledger = e.Ledger
	}
	if e.Ledger != h.ledger {
		return e.fault("it is an entry of another ledger")
	}
	if e.Operation == Rekeyed {
		next, err := ParseVerifierKey(e.Reference)
		if err != nil || e.Reference != next.Text(h.ledger) || e.Detail != h.key.Text(h.ledger) || next.Equal(h.key) {
			return e.fault("it does not name the key here and another one of this ledger")
		}
		h.key = next
	}
	if h.spine != nil {
		s, err := h.spine.take(*e)
		if err != nil {
			return err
		}
		h.spine = s
	}
	h.time = e.Time
	return nil
}

// headAfter returns the head after a page, and trusts the page's signature for everything before
// it. A writer starts with the page before the last one, and a verifier at a trusted checkpoint or at
// a stub. ledger and key are those of the next page. A spine's head from here knows no entry up to the page.
func headAfter(p Page, ledger string, key VerifierKey) (head, error) {
	x := examine(p, ledger, key)
	if x.err != nil {
		return head{}, x.err
	}
	if _, next, is := rekeying(x.entries); is && !next.Equal(key) || !is && !x.key.Equal(key) {
		return head{}, p.fault("its checkpoint is not signed by the key of the log here")
	}
	if p.Size() != x.tree.N || !edge(p.Edge).fits(x.tree.N) || edge(p.Edge).root() != x.tree.Hash {
		return head{}, p.fault("its entries or its edge are not those of its checkpoint")
	}
	if x.ledger != ledger {
		return head{}, p.fault("its entries are those of another ledger")
	}
	h := newHead(ledger, p.Log, key)
	h.number, h.size, h.edge, h.time = p.Number+1, x.tree.N, p.Edge, p.Time
	return h, nil
}
