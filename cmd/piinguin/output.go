package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/piinguin/piinguin/cmd/internal/printable"
)

func addJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON")
}

// printJSON prints an answer as the server's JSON API has it.
func printJSON(w io.Writer, m proto.Message) error {
	out, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return errors.New("the answer cannot be written as JSON")
	}
	return writeJSON(w, out)
}

// encodeJSON prints a report of the command's own.
func encodeJSON(w io.Writer, report any) error {
	out, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("the report cannot be written as JSON: %w", err)
	}
	return writeJSON(w, out)
}

// writeJSON prints a line of JSON.
func writeJSON(w io.Writer, line []byte) error {
	_, err := fmt.Fprintf(printable.Raw(w), "%s\n", printable.JSON(line))
	return err
}

// table prints rows in columns. A cell is data, which adds no row and no column.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable.Text(cell)
		}
		_, _ = fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t")) // Flush returns the error
	}
	return t.Flush()
}

// formatTime shows milliseconds in UTC, so that columns line up and times of several servers compare.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// rfc3339 is what a time looks like. time.Parse alone takes more, such as the offset +24:00.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads a time or a day, which begins at midnight UTC.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil && rfc3339.MatchString(s) {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Time{}, errors.New("must be a time as 2026-01-31T12:00:00Z or a day as 2026-01-31")
}

// enum reads a value of the contract by its name, in any case; empty is none.
func enum(flag, name string, values map[string]int32) (int32, error) {
	if name == "" {
		return 0, nil
	}
	if v := values[strings.ToUpper(name)]; v != 0 {
		return v, nil
	}
	return 0, fmt.Errorf("--%s must be one of %s", flag, namesOf(values))
}

// namesOf lists the names of an enum of the contract in the order of their numbers, without the unspecified one.
func namesOf(values map[string]int32) string {
	var names []string
	for n, v := range values {
		if v != 0 {
			names = append(names, n)
		}
	}
	sort.Slice(names, func(i, j int) bool { return values[names[i]] < values[names[j]] })
	return strings.Join(names, ", ")
}

// rpcFailure says what a server answered, by code and text.
func rpcFailure(err error) error {
	var t twirp.Error
	if !errors.As(err, &t) {
		return err
	}
	if t.Meta("reason") == "" { // not from our server
		return fmt.Errorf("the server could not be asked (%s): %s", t.Code(), printable.Text(t.Msg()))
	}
	return fmt.Errorf("%s: %s (%s)", t.Code(), printable.Text(t.Msg()), printable.Text(t.Meta("reason")))
}
