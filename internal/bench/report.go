package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/piinguin/piinguin/internal/durable"
)

// report writes what was found.
func (b *bench) report(machine []string, rows []row, stdout io.Writer) error {
	var text strings.Builder
	err := page.Execute(&text, map[string]any{
		"Machine": machine, "Ratios": b.ratioLines(), "Rows": b.rowLines(rows),
		"Rounds": b.rounds, "Length": b.length, "Took": time.Since(b.started).Round(time.Minute), "Long": b.long,
	})
	if err != nil {
		return err
	}
	if b.out != "" {
		return durable.Replace(b.out, 0o644, durable.Bytes([]byte(text.String())))
	}
	_, err = io.WriteString(stdout, text.String())
	return err
}

// ratioLines returns the lines of the table of ratios. A ratio is taken within each round.
func (b *bench) ratioLines() (lines []string) {
	for _, r := range ratiosOf(b.connections, b.size) {
		of, to := b.samples[r.of], b.samples[r.to]
		var all []float64
		for i := range of {
			value := r.value(of[i])
			if r.to != "" {
				if i >= len(to) || r.value(to[i]) == 0 {
					continue
				}
				value /= r.value(to[i])
			}
			if value > 0 {
				all = append(all, value)
			}
		}
		if len(all) > 0 {
			lines = append(lines, fmt.Sprintf("| %s | %s | %s |", r.what, spread(all), r.goal))
		}
	}
	return lines
}

// rowLines returns the lines of the table of rows.
func (b *bench) rowLines(rows []row) (lines []string) {
	for _, r := range rows {
		of := func(value func(sample) float64) (all []float64) {
			for _, s := range b.samples[r.name] {
				if v := value(s); v > 0 {
					all = append(all, v)
				}
			}
			return all
		}
		rest := []string{}
		for _, name := range b.moreOf(r.name) {
			rest = append(rest, short(median(of(more(name))))+" "+name)
		}
		if failed := sum(of(func(s sample) float64 { return float64(s.Failed) })); failed > 0 {
			rest = append(rest, short(failed)+" calls FAILED")
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", r.name, spread(of(rate)),
			known(median(of(cpu))), known(median(of(p50))), known(median(of(p99))), strings.Join(rest, "; ")))
	}
	return lines
}

// moreOf returns what else was measured of a row, in the order of names.
func (b *bench) moreOf(row string) []string {
	names := map[string]bool{}
	for _, s := range b.samples[row] {
		for name := range s.More {
			names[name] = name != callsMade && s.More[name] > 0.0005 // else it would show as 0
		}
	}
	maps.DeleteFunc(names, func(_ string, shown bool) bool { return !shown })
	return sortedKeys(names)
}

// spread shows the median of some numbers, and the least and the greatest of them.
func spread(all []float64) string {
	if median(all) == 0 {
		return ""
	}
	if len(all) == 1 {
		return short(all[0])
	}
	return fmt.Sprintf("%s (%s to %s)", short(median(all)), short(slices.Min(all)), short(slices.Max(all)))
}

func known(f float64) string {
	if f == 0 {
		return ""
	}
	return short(f)
}

// median returns 0 of nothing.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func sum(all []float64) (sum float64) {
	for _, f := range all {
		sum += f
	}
	return sum
}
