package printable

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// Column is a column of a table that has to fit a width. Widths are counted in the cells of a terminal,
// of which a character of East Asia takes two.
type Column struct {
	Name  string
	Cells []string
	// Min is how far the column may be shortened: the middle of a longer cell is left out. 0: not at all.
	Min int
	// Tail begins the end of a cell that is not shortened, such as the "/" of "log/17". Min is then the
	// width of what stands before it. Empty: none.
	Tail string
	// Rank says which columns are left out where there is no room: those of the highest rank first, and
	// one that Stays after all others.
	Rank  int
	Stays bool
}

const (
	gap       = 2 // between columns
	leftOut   = "…"
	noCell    = "-"
	tooNarrow = 4 // a column is not shortened further
	little    = 6 // a column that lacks no more becomes whole before others grow
)

// natural is the width that a column takes unshortened.
func (c Column) natural() int {
	width := uniseg.StringWidth(c.Name)
	for _, cell := range c.Cells {
		width = max(width, uniseg.StringWidth(cell))
	}
	return width
}

// least is the width that a column takes at least.
func (c Column) least() int {
	if c.Min == 0 {
		return c.natural()
	}
	tail := 0
	for _, cell := range c.Cells {
		_, end := c.split(cell)
		tail = max(tail, uniseg.StringWidth(end))
	}
	return min(c.natural(), max(max(c.Min, tooNarrow)+tail, uniseg.StringWidth(c.Name)))
}

// split returns what of a cell may be shortened, and its tail.
func (c Column) split(cell string) (head, tail string) {
	if i := strings.LastIndex(cell, c.Tail); c.Tail != "" && i >= 0 {
		return cell[:i], cell[i:]
	}
	return cell, ""
}

// shortened is a cell of at most width.
func (c Column) shortened(cell string, width int) string {
	head, tail := c.split(cell)
	return shorten(head, width-uniseg.StringWidth(tail)) + tail
}

// WriteColumns writes the columns as a table of at most width, in their order; width 0 is no limit. An empty
// cell is a -. The columns that would be left out last are written even if they do not fit.
func WriteColumns(w io.Writer, columns []Column, width int) error {
	columns = slices.Clone(columns)
	for i := range columns {
		columns[i].Cells = slices.Clone(columns[i].Cells)
		for j, cell := range columns[i].Cells {
			if columns[i].Cells[j] = Text(cell); cell == "" {
				columns[i].Cells[j] = noCell
			}
		}
	}
	columns, widths := fit(columns, width)
	var b strings.Builder
	for row := -1; row < len(columns[0].Cells); row++ {
		var line strings.Builder
		for i, c := range columns {
			cell := c.Name
			if row >= 0 {
				cell = c.shortened(c.Cells[row], widths[i])
			}
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", max(0, widths[i]-uniseg.StringWidth(cell))+gap))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fit leaves out columns until the others have room. What room is left they share evenly, but those
// that lack little become whole first.
func fit(columns []Column, width int) ([]Column, []int) {
	for width > 0 && taken(columns) > width {
		first := slices.MaxFunc(columns, byRank)
		if byRank(first, slices.MinFunc(columns, byRank)) == 0 {
			break
		}
		columns = slices.DeleteFunc(columns, func(c Column) bool { return byRank(c, first) == 0 })
	}
	room := width - taken(columns)
	widths := make([]int, len(columns))
	order := make([]int, len(columns))
	missing := func(i int) int { return columns[i].natural() - columns[i].least() }
	for i, c := range columns {
		widths[i], order[i] = c.least(), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(missing(a), missing(b)) })
	for k, i := range order {
		more := missing(i)
		if width > 0 && more > little {
			more = min(more, room/(len(order)-k))
		}
		if width > 0 {
			more = max(0, min(more, room))
		}
		widths[i] += more
		room -= more
	}
	return columns, widths
}

// byRank orders columns, and those that are left out first come last.
func byRank(a, b Column) int {
	if a.Stays != b.Stays {
		return map[bool]int{true: -1, false: 1}[a.Stays]
	}
	return cmp.Compare(a.Rank, b.Rank)
}

// taken is the least width of all columns.
func taken(columns []Column) int {
	sum := gap * (len(columns) - 1)
	for _, c := range columns {
		sum += c.least()
	}
	return sum
}

// shorten leaves out the middle of text, so that its ends still tell it from others. It takes time in
// proportion to the text: a cell may be long, and a table has many.
func shorten(text string, width int) string {
	left := uniseg.StringWidth(text)
	if left <= width {
		return text
	}
	head := width / 2
	start, used, rest, state := "", 0, text, -1
	for used < head {
		cluster, after, w, next := firstShown(rest, state)
		if used+w > head {
			break
		}
		start, used, left, rest, state = start+cluster, used+w, left-w, after, next
	}
	for left > width-1-used {
		var w int
		_, rest, w, state = firstShown(rest, state)
		left -= w
	}
	return start + leftOut + rest
}

// firstShown returns the first character of text as a reader sees it, and what comes after. An escape such
// as \u{2028} is one: a part of it would look like another character.
func firstShown(text string, state int) (cluster, rest string, width, next int) {
	if strings.HasPrefix(text, `\u{`) {
		if end := strings.IndexByte(text[:min(len(text), len(`\u{10ffff}`))], '}'); end > 0 {
			return text[:end+1], text[end+1:], end + 1, -1
		}
	}
	return uniseg.FirstGraphemeClusterInString(text, state)
}
