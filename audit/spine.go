package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// spine is what the entries of the spine say so far. It never changes: take returns a new one.
type spine struct {
	trees  []LogTree            // of the newest CHECKPOINT
	at     int64                // index of the newest CHECKPOINT; 0 if there is none
	pruned map[LogID][]pruning  // the PRUNEs of each log, in their order
	holds  map[string]time.Time // HOLDs that are not released, by their references
	losses []loss               // what ROLLBACK entries said, in their order
}

// pruning is what a PRUNE says.
type pruning struct {
	page   int64 // the last page that was removed, which is a stub now
	tree   tlog.Tree
	before time.Time
}

// tree returns the tree of a log in the newest CHECKPOINT.
func (s *spine) tree(log LogID) (tlog.Tree, bool) {
	i, found := slices.BinarySearchFunc(s.trees, log, func(t LogTree, l LogID) int { return int(t.Log - l) })
	if !found {
		return tlog.Tree{}, false
	}
	return s.trees[i].Tree, true
}

// take returns what the spine says after one more entry. An operation that this version does not know is
// one of a later version, and says nothing here. The error is a *RowError.
func (s *spine) take(e Entry) (*spine, error) {
	row := EntryRow(Spine, e.Index)
	next := *s
	switch e.Operation {
	case Opened, Rekeyed:
		return s, nil
	case RolledBack:
		l, err := parseLoss(e)
		if err != nil || l.restored.N != e.Index || l.lost.N != 0 && l.lost.N <= l.restored.N {
			return nil, &RowError{row, "it does not say what was restored and what is lost"}
		}
		next.losses = append(slices.Clone(s.losses), l)
	case Checkpoint:
		trees, err := parseTrees(e.Checkpoint)
		if err != nil {
			return nil, &RowError{row, "it lists no trees"}
		}
		next.trees, next.at = trees, e.Index
		for _, t := range s.trees {
			now, there := next.tree(t.Log)
			switch {
			case !there:
				return nil, &RowError{row, "it leaves out log " + t.Log.String() + ", which an earlier one lists"}
			case now.N < t.N || now.N == t.N && now.Hash != t.Hash:
				return nil, &RowError{row, "its tree of log " + t.Log.String() + " does not extend the one listed before"}
			}
		}
	case Pruned:
		p, log, err := parsePruning(e)
		listed, there := s.tree(log)
		if err != nil || !there || p.tree.N > listed.N {
			return nil, &RowError{row, "it prunes more of a log than the spine lists"}
		}
		if n := len(s.pruned[log]); n > 0 && p.tree.N < s.pruned[log][n-1].tree.N {
			return nil, &RowError{row, "it prunes less of a log than was pruned before"}
		}
		next.pruned = cloned(s.pruned)
		next.pruned[log] = append(slices.Clone(s.pruned[log]), p)
	case Read, Delete, Create, Find, Review, Mark, SignOff, Setting:
		return nil, &RowError{row, "its operation does not stand in the spine"}
	case Held:
		next.holds = cloned(s.holds)
		next.holds[e.Reference] = e.Time
	case Released:
		next.holds = cloned(s.holds)
		delete(next.holds, e.Reference)
	}
	return &next, nil
}

func cloned[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

const beforePrefix = "before "

// newPruning returns the fields of a PRUNE that say what it removes.
func newPruning(log LogID, p pruning) (checkpoint, detail string, count int64) {
	return formatTrees([]LogTree{{log, p.tree}}), beforePrefix + FormatTime(p.before), p.page
}

// parsePruning reads newPruning, exactly.
func parsePruning(e Entry) (pruning, LogID, error) {
	trees, err := parseTrees(e.Checkpoint)
	text, found := strings.CutPrefix(e.Detail, beforePrefix)
	before, timeErr := ParseTime(text)
	if err != nil || len(trees) != 1 || !found || timeErr != nil {
		return pruning{}, 0, ErrEntry
	}
	return pruning{e.Count, trees[0].Tree, before}, trees[0].Log, nil
}
