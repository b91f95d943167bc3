package audit

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// cell is a count of entries that have the same day and the same fields.
type cell struct {
	cellKey
	count int64
}

// cellKey is what the entries of a cell have.
type cellKey struct {
	day    int64 // since 1970-01-01
	fields [cellFields]string
}

// The fields of a cell.
const (
	cellCaller = iota
	cellOperation
	cellOutcome
	cellBasis
	cellPurpose
	cellFields
)

const secondsOfDay = 24 * 60 * 60

func dayOf(t time.Time) int64 {
	s := t.Unix()
	day := s / secondsOfDay
	if s%secondsOfDay < 0 {
		day--
	}
	return day
}

func cellOf(e *Entry) cell { return cell{cellKey{dayOf(e.Time), cellTexts(e)}, 1} }

// cellTexts returns what a summary counts by, beside the day.
func cellTexts(e *Entry) [cellFields]string {
	return [cellFields]string{e.Caller, string(e.Operation), string(e.Outcome), e.Basis, e.Purpose}
}

func (c *cell) compare(o *cell) int {
	if d := cmp.Compare(c.day, o.day); d != 0 {
		return d
	}
	for i := range c.fields {
		if d := strings.Compare(c.fields[i], o.fields[i]); d != 0 {
			return d
		}
	}
	return 0
}

// sortedCells returns counts as cells in their order.
func sortedCells(counts map[cellKey]int64) []cell {
	cells := make([]cell, 0, len(counts))
	for k, n := range counts {
		cells = append(cells, cell{k, n})
	}
	slices.SortFunc(cells, func(a, b cell) int { return a.compare(&b) })
	return cells
}

// maxSummary is the size limit of a summary in bytes. A longer one says only to look below, and in the
// lowest tier to count the entries themselves.
var maxSummary = 128 << 10

// encodeSummary writes cells in their order: a count that is 0 for a summary that says to look below, and else
// one more than the texts; the texts in their order, each with its length; the cells in their order, each
// as the day's distance from that of the cell before, of the first from 0001-01-01, the numbers of its
// texts and its count. All numbers are unsigned varints.
func encodeSummary(cells []cell) []byte {
	var all []string
	for _, c := range cells {
		all = append(all, c.fields[:]...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	b := binary.AppendUvarint(nil, uint64(len(all))+1)
	number := make(map[string]uint64, len(all))
	for i, text := range all {
		number[text] = uint64(i)
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	day := firstDay
	for _, c := range cells {
		b = binary.AppendUvarint(b, uint64(c.day-day)) //nolint:gosec // cells are sorted
		day = c.day
		for _, text := range c.fields {
			b = binary.AppendUvarint(b, number[text])
		}
		b = binary.AppendUvarint(b, uint64(c.count)) //nolint:gosec // not negative
		if len(b) > maxSummary {
			return []byte{0}
		}
	}
	return b
}

// firstDay and lastDay are those that a line can have.
var (
	firstDay = dayOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	lastDay  = dayOf(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
)

// parseSummary reads what encodeSummary writes, and nothing else. below says that the runs of the tier
// below have the counts.
func parseSummary(data []byte) (cells []cell, below bool, err error) {
	r := varints{data}
	n := r.next(uint64(len(data)) + 1)
	if n == 0 {
		return nil, true, r.end()
	}
	var all []string
	for range n - 1 {
		text := string(r.bytes(int(r.next(MaxBlob)))) //nolint:gosec // bounded
		if r.data == nil || len(all) > 0 && text <= all[len(all)-1] {
			return nil, false, errBlob
		}
		all = append(all, text)
	}
	used := make([]bool, len(all))
	day := firstDay
	for len(r.data) > 0 {
		var c cell
		c.day = day + int64(r.next(uint64(lastDay-firstDay))) //nolint:gosec // bounded
		for i := range c.fields {
			k := r.next(uint64(len(all)))
			if r.data == nil || k >= uint64(len(all)) {
				return nil, false, errBlob
			}
			c.fields[i], used[k] = all[k], true
		}
		c.count = int64(r.next(maxIndex)) //nolint:gosec // bounded
		if r.data == nil || c.count < 1 || c.day > lastDay || len(cells) > 0 && cells[len(cells)-1].compare(&c) >= 0 {
			return nil, false, errBlob
		}
		cells, day = append(cells, c), c.day
	}
	if slices.Contains(used, false) {
		return nil, false, errBlob
	}
	return cells, false, r.end()
}
