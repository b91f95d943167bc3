package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/piinguin/piinguin/relay"
)

func (p *program) printSummary(s relay.Summary) error {
	if p.json {
		return json.NewEncoder(p.stdout).Encode(s)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	rows := []struct {
		name  string
		count int
		note  string
	}{
		{"events", s.Events, "lines read"},
		{"skipped", s.Skipped, "events of other kinds"},
		{"quarantined", s.Quarantined, "events that cannot be stored, wholly or in part; see above"},
		{"pairs", s.Pairs, "found in the other events"},
		{"merged", s.Merged, "repeated by a newer pair beside it"},
		{"stored", s.Stored, ""},
		{"superseded", s.Superseded, "the server has a newer value, or erased it since"},
		{"refused", s.Refused, "by the server, as invalid"},
		{"failed", s.Failed, "not known to be stored; replay again"},
	}
	if p.dryRun {
		rows = rows[:4]
	}
	for _, row := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\n", row.name, row.count, row.note) // Flush returns the error
	}
	return w.Flush()
}

// redraw is how often the bar is drawn at most; drawing costs more than reading.
const redraw = 100 * time.Millisecond

// progress is a bar over the bytes of all inputs, on a terminal only.
type progress struct {
	bar *progressbar.ProgressBar // nil: not a terminal
}

func newProgress(stderr io.Writer, sources []*source) *progress {
	f, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{newBar(stderr, sources)}
}

// newBar counts up to the size of all inputs, or just up if one has no size.
func newBar(w io.Writer, sources []*source) *progressbar.ProgressBar {
	total := int64(0)
	for _, s := range sources {
		if s.size < 0 || total < 0 {
			total = -1
			continue
		}
		total += s.size
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("replay"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionThrottle(redraw),
		// A spinner that turns by itself would draw over the summary.
		progressbar.OptionSetSpinnerChangeInterval(0),
	)
}

// count moves the bar along as an input is read.
func (p *progress) count(in io.Reader) io.Reader {
	if p.bar == nil {
		return in
	}
	return &counted{in, p.bar}
}

type counted struct {
	in  io.Reader
	bar *progressbar.ProgressBar
}

// Read implements io.Reader. The bar's error is not the input's: it refuses to
// count beyond its end, which a file that still grows reaches.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	_ = c.bar.Add(n)
	return n, err
}

// clear takes the bar away, to make room for a line; the next move draws it anew.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear() // a bar that cannot be drawn is no reason to stop
	}
}
