package audit

import "slices"

// chain checks that the logs of a series follow one another, and that a PRUNE entry accounts for
// every line that is gone.
func (v *verification) chain(logs []string) {
	for _, log := range logs {
		h, whole := v.last[log]
		if !whole || h.next == "" {
			continue
		}
		if !slices.Contains(logs, h.next) {
			v.found(PageRow(h.next, 0), "missing, though "+log+" was closed and names it as the next")
		}
	}
	for _, e := range v.opens {
		v.checkOpen(e, logs)
	}
	for _, p := range v.pruned {
		h, whole := v.last[p.log]
		if whole && !slices.Contains(v.prunes, h.at().String()) {
			v.found(PageRow(p.log, p.number), "its lines are gone, and no PRUNE that was read says that they were removed")
		}
	}
}

// checkOpen checks what the first entry of a log says about the log before it.
func (v *verification) checkOpen(e Entry, logs []string) {
	row := EntryRow(e.Log, 0)
	before := ""
	for _, log := range logs {
		if SeriesOf(log) == SeriesOf(e.Log) && log < e.Log {
			before = max(before, log)
		}
	}
	switch c, err := parseCommitment(e.Checkpoint); {
	case err != nil && e.Log == SeriesOf(e.Log):
	case err != nil:
		v.found(row, "it commits to no log before its own")
	case !slices.Contains(logs, c.log):
		v.found(PageRow(c.log, 0), "missing, though "+e.Log+" was opened after it")
	case c.log != before:
		v.found(row, "it commits to another log than the one before its own")
	default:
		h, whole := v.last[c.log]
		if whole && (h.next != e.Log || h.at() != c) {
			v.found(row, "it does not commit to the log that was closed before it")
		}
	}
}
