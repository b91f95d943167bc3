package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

// defaultWidth is the width of a table that no terminal shows.
const defaultWidth = 80

// listView says how list prints its table.
type listView struct {
	columns []string
	wide    bool
}

func (v *listView) addTo(flags *pflag.FlagSet) {
	flags.StringSliceVar(&v.columns, "columns", nil, "only these `columns`, in this order, with commas between them:\n"+strings.Join(columnNames(), ", "))
	flags.BoolVar(&v.wide, "wide", false, "show every column and value whole, however long the lines become")
}

// listColumn is a column that list can show.
type listColumn struct {
	name  string
	min   int // as in printable.Column
	rank  int // as in printable.Column; 0: only if it is asked for
	value func(audit.Entry) string
}

var listColumns = []listColumn{
	{"time", 0, 1, func(e audit.Entry) string { return e.Time.UTC().Format("2006-01-02T15:04:05Z") }},
	{"operation", 0, 2, func(e audit.Entry) string { return string(e.Operation) }},
	{"outcome", 0, 3, func(e audit.Entry) string { return string(e.Outcome) }},
	{"reason", 8, 10, func(e audit.Entry) string { return e.Reason }},
	{"caller", 9, 5, func(e audit.Entry) string { return e.Caller }},
	{"on_behalf_of", 8, 0, func(e audit.Entry) string { return e.OnBehalfOf }},
	{"basis", 8, 9, func(e audit.Entry) string { return e.Basis }},
	{"subject", 9, 6, func(e audit.Entry) string { return e.ModifiedValue }},
	{"purpose", 9, 7, func(e audit.Entry) string { return e.Purpose }},
	{"reference", 9, 8, func(e audit.Entry) string { return e.Reference }},
	{"request_id", 9, 0, func(e audit.Entry) string { return e.RequestID }},
	{"policy", 8, 0, func(e audit.Entry) string { return e.Policy }},
	{"entry", 0, 4, func(e audit.Entry) string { return fmt.Sprintf("%s/%d", e.Log, e.Index) }},
}

func columnNames() []string {
	var names []string
	for _, c := range listColumns {
		names = append(names, c.name)
	}
	return names
}

func (v *listView) check() error {
	if len(v.columns) > 0 && v.wide {
		return errors.New("--wide shows every column: leave --columns out")
	}
	for _, name := range v.columns {
		if !slices.Contains(columnNames(), name) {
			return fmt.Errorf("--columns has %q, which is none of %s", name, strings.Join(columnNames(), ", "))
		}
	}
	return nil
}

// print prints the table.
func (v *listView) print(w io.Writer, entries []audit.Entry, f filter, env func(string) string) error {
	width := 0
	if !v.wide {
		width = widthOf(w, env)
	}
	var shown []printable.Column
	for _, c := range v.chosen(entries, f) {
		column := printable.Column{Name: strings.ToUpper(c.name), Min: c.min, Rank: c.rank}
		for _, e := range entries {
			column.Cells = append(column.Cells, c.value(e))
		}
		shown = append(shown, column)
	}
	return printable.WriteColumns(w, shown, width)
}

// chosen returns the columns that were asked for, or those that tell something of the entries.
func (v *listView) chosen(entries []audit.Entry, f filter) []listColumn {
	if v.wide {
		return listColumns
	}
	var all []listColumn
	for _, name := range v.columns {
		c := listColumns[slices.Index(columnNames(), name)]
		c.rank = 0 // WriteColumns leaves out none of the lowest rank
		all = append(all, c)
	}
	if len(all) > 0 {
		return all
	}
	for _, c := range listColumns {
		tells := slices.ContainsFunc(entries, func(e audit.Entry) bool { return c.value(e) != "" })
		if c.rank > 0 && (tells || len(entries) == 0) && !f.constant(c.name) {
			all = append(all, c)
		}
	}
	return all
}

// widthOf is the width of the terminal that w is, or COLUMNS, or defaultWidth.
func widthOf(w io.Writer, env func(string) string) int {
	if f, ok := printable.Raw(w).(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	if width, err := strconv.Atoi(env("COLUMNS")); err == nil && width > 0 {
		return width
	}
	return defaultWidth
}
