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
	shape printable.Column // without its name and cells; Rank 0: only if it is asked for
	value func(audit.Entry) string
}

var listColumns = []listColumn{
	{"time", printable.Column{Rank: 1}, func(e audit.Entry) string { return e.Time.UTC().Format("2006-01-02T15:04:05Z") }},
	{"operation", printable.Column{Rank: 2}, func(e audit.Entry) string { return string(e.Operation) }},
	{"outcome", printable.Column{Rank: 3}, func(e audit.Entry) string { return string(e.Outcome) }},
	{"reason", printable.Column{Rank: 10, Min: 8}, func(e audit.Entry) string { return e.Reason }},
	{"caller", printable.Column{Rank: 5, Min: 9}, func(e audit.Entry) string { return e.Caller }},
	{"on_behalf_of", printable.Column{Min: 8}, func(e audit.Entry) string { return e.OnBehalfOf }},
	{"basis", printable.Column{Rank: 9, Min: 8}, func(e audit.Entry) string { return e.Basis }},
	{"subject", printable.Column{Rank: 6, Min: 9, Stays: true}, func(e audit.Entry) string { return e.ModifiedValue }},
	{"purpose", printable.Column{Rank: 7, Min: 9}, func(e audit.Entry) string { return e.Purpose }},
	{"reference", printable.Column{Rank: 8, Min: 9}, func(e audit.Entry) string { return e.Reference }},
	{"request_id", printable.Column{Min: 9}, func(e audit.Entry) string { return e.RequestID }},
	{"policy", printable.Column{Min: 8}, func(e audit.Entry) string { return e.Policy }},
	{"entry", printable.Column{Rank: 4, Min: 6, Tail: "/"}, func(e audit.Entry) string { return e.Place().String() }},
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
func (v *listView) print(w io.Writer, entries []audit.Entry, q question, env func(string) string) error {
	width := 0
	if !v.wide {
		width = widthOf(w, env)
	}
	var shown []printable.Column
	for _, c := range v.chosen(entries, q) {
		column := c.shape
		column.Name = strings.ToUpper(c.name)
		for _, e := range entries {
			column.Cells = append(column.Cells, c.value(e))
		}
		shown = append(shown, column)
	}
	return printable.WriteColumns(w, shown, width)
}

// chosen returns the columns that were asked for, or those that tell something of the entries.
func (v *listView) chosen(entries []audit.Entry, q question) []listColumn {
	if v.wide {
		return listColumns
	}
	var all []listColumn
	for _, name := range v.columns {
		c := listColumns[slices.Index(columnNames(), name)]
		c.shape.Rank, c.shape.Stays = 0, false // WriteColumns leaves out none where all are alike
		all = append(all, c)
	}
	if len(all) > 0 {
		return all
	}
	for _, c := range listColumns {
		tells := slices.ContainsFunc(entries, func(e audit.Entry) bool { return c.value(e) != "" })
		if c.shape.Rank > 0 && (tells || len(entries) == 0) && !q.constant(c.name) {
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
