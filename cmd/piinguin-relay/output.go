package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/piinguin/piinguin/relay"
)

// note tells what was done with a setting.
func (p *program) note(text string) { _, _ = fmt.Fprintf(p.stderr, "piinguin-relay: %s\n", text) }

// printSummary prints the counts. A dry run has no outcomes, so it ends with the pairs, and says so:
// nobody may take it for the run itself.
func (p *program) printSummary(s relay.Summary) error {
	if p.dryRun {
		p.note("dry run: nothing was sent")
	}
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
