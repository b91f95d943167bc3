package relay

import (
	"slices"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// fate is what became of one pair. The zero fate is failed, so a pair that nobody decides about is
// never acknowledged.
type fate int

const (
	failed     fate = iota // not known to be stored
	refused                // the server will never take it
	merged                 // not sent: a newer pair of the same modified value was
	superseded             // the server has a newer one, or the value was erased since
	stored
)

// pair is one record to be sent, with the event that it came from.
type pair struct {
	event  int // index into the batch
	record *piinguinv1.PiiRecord
	fate   fate
	code   twirp.ErrorCode // why this pair alone failed, if the server said so
}

// pairSet is the pairs of some events, grouped by modified value.
type pairSet struct {
	all    []*pair
	newest []*pair            // one for each modified value
	older  map[string][]*pair // the others by modified value, oldest first
}

// merge finds the newest pair of each modified value: the one that was observed last, and among equal
// times the one that came last. That is the one which the server would keep, so the others need not
// be sent.
func merge(events []Event) pairSet {
	s := pairSet{older: map[string][]*pair{}}
	var order []string
	for i, e := range events {
		for _, r := range e.records {
			p := &pair{event: i, record: r}
			if _, ok := s.older[r.ModifiedValue]; !ok {
				order = append(order, r.ModifiedValue)
			}
			s.older[r.ModifiedValue] = append(s.older[r.ModifiedValue], p)
			s.all = append(s.all, p)
		}
	}
	for _, value := range order {
		pairs := s.older[value]
		slices.SortStableFunc(pairs, func(x, y *pair) int {
			return x.record.ObservedAt.AsTime().Compare(y.record.ObservedAt.AsTime())
		})
		last := len(pairs) - 1
		s.newest = append(s.newest, pairs[last])
		s.older[value] = pairs[:last]
	}
	return s
}

// settle decides about the older pairs once the newest of their modified value is decided:
//
//   - If the server has the newest, the older ones are merged: they need nothing more.
//   - If the newest failed, they stay failed and come again with it.
//   - If the newest was refused, the server may still want an older one. settle returns those,
//     oldest first for each modified value, and the caller sends them.
func (s pairSet) settle() (unmerged []*pair) {
	for _, p := range s.newest {
		older := s.older[p.record.ModifiedValue]
		switch p.fate {
		case stored, superseded:
			for _, o := range older {
				o.fate = merged
			}
		case refused:
			unmerged = append(unmerged, older...)
		}
	}
	return unmerged
}

// result counts the fates. An event gets the lowest outcome of its pairs.
func (s pairSet) result(events int) Result {
	r := Result{Outcomes: slices.Repeat([]Outcome{Finished}, events), Pairs: len(s.all)}
	for _, p := range s.all {
		outcome := Finished
		switch p.fate {
		case failed:
			r.Failed++
			outcome = Unfinished
		case refused:
			r.Refused++
			outcome = Refused
		case merged:
			r.Merged++
		case superseded:
			r.Superseded++
		case stored:
			r.Stored++
		}
		r.Outcomes[p.event] = min(r.Outcomes[p.event], outcome)
	}
	return r
}

// failure returns the reason of the first pair that failed by itself, while its call succeeded, or nil.
func (s pairSet) failure() error {
	for _, p := range s.all {
		if p.fate == failed && p.code != "" {
			return failureOf(p.code)
		}
	}
	return nil
}
