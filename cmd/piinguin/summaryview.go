package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// otherPurposes stands in the table for the purposes that are not told apart.
const otherPurposes = "(all others)"

func (o *summaryFlags) print(w io.Writer, rows []audit.SummaryRow, by []audit.Dimension, env func(string) string) error {
	switch {
	case o.asJSON:
		for _, r := range rows {
			line := map[string]any{"other": r.Other, "count": r.Count}
			for _, d := range by {
				line[string(d)] = valueOf(r, d)
			}
			if err := encodeJSON(w, line); err != nil {
				return err
			}
		}
		return nil
	case o.asCSV:
		return printable.WriteCSV(printable.Raw(w), summaryCells(rows, by))
	}
	width := 0
	if !o.wide {
		width = widthOf(w, env)
	}
	return printable.WriteColumns(w, summaryColumns(rows, by), width)
}

// valueOf is the value of a row in a dimension.
func valueOf(r audit.SummaryRow, d audit.Dimension) string {
	return map[audit.Dimension]string{
		audit.ByDay: r.Day.Format(time.DateOnly), audit.ByCaller: r.Caller, audit.ByOperation: string(r.Operation),
		audit.ByOutcome: string(r.Outcome), audit.ByBasis: r.Basis, audit.ByPurpose: r.Purpose,
	}[d]
}

// summaryCells is the summary for other programs: other is a column of its own, as a purpose may be any text.
func summaryCells(rows []audit.SummaryRow, by []audit.Dimension) [][]string {
	var head []string
	for _, d := range by {
		head = append(head, string(d))
	}
	all := [][]string{append(head, "other", "count")}
	for _, r := range rows {
		var cells []string
		for _, d := range by {
			cells = append(cells, valueOf(r, d))
		}
		all = append(all, append(cells, strconv.FormatBool(r.Other), strconv.FormatInt(r.Count, 10)))
	}
	return all
}

// summaryColumns is the summary for people. No column is left out: rows would look alike that differ in it.
func summaryColumns(rows []audit.SummaryRow, by []audit.Dimension) []printable.Column {
	least := map[audit.Dimension]int{audit.ByCaller: 9, audit.ByBasis: 8, audit.ByPurpose: 9}
	var all []printable.Column
	for _, d := range by {
		column := printable.Column{Name: strings.ToUpper(string(d)), Min: least[d]}
		for _, r := range rows {
			cell := valueOf(r, d)
			if d == audit.ByPurpose && r.Other {
				cell = otherPurposes
			}
			column.Cells = append(column.Cells, cell)
		}
		all = append(all, column)
	}
	count := printable.Column{Name: "COUNT"}
	width := len(count.Name)
	for _, r := range rows {
		width = max(width, len(strconv.FormatInt(r.Count, 10)))
	}
	for _, r := range rows {
		count.Cells = append(count.Cells, fmt.Sprintf("%*d", width, r.Count))
	}
	return append(all, count)
}
