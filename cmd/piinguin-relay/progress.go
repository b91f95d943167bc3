package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// redraw is how often the bar is drawn at most; drawing costs more than reading.
const redraw = 100 * time.Millisecond

// progress is a bar over the bytes of all inputs, on a terminal only.
type progress struct {
	bar    *progressbar.ProgressBar // nil: not a terminal
	events func() int               // read so far
	began  time.Time
	said   time.Time // when the events were last counted
}

func newProgress(stderr io.Writer, sources []*source, events func() int) *progress {
	f, ok := printable.Raw(stderr).(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{bar: newBar(f, sources), events: events, began: time.Now()}
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
	return &counted{in, p}
}

type counted struct {
	in io.Reader
	*progress
}

// Read implements io.Reader. The bar's error is not the input's: it refuses to
// count beyond its end, which a file that still grows reaches.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	_ = c.bar.Add(n)
	if time.Since(c.said) >= redraw {
		c.said = time.Now()
		c.bar.Describe(pace(c.events(), time.Since(c.began)))
	}
	return n, err
}

// pace says how many events were read, and how many in a second. The bar adds the bytes and
// the time that is left.
func pace(events int, taken time.Duration) string {
	rate := 0.0
	if taken > 0 {
		rate = float64(events) / taken.Seconds()
	}
	return fmt.Sprintf("replay: %d events, %.0f/s", events, rate)
}

// clear takes the bar away, to make room for a line; the next move draws it anew.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear() // a bar that cannot be drawn is no reason to stop
	}
}
