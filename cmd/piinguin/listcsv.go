package main

import (
	"io"
	"strconv"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/printable"
)

func printCSV(w io.Writer, entries []audit.Entry) error {
	rows := [][]string{{
		"log", "index", "time", "operation", "outcome", "reason", "caller", "authentication", "on_behalf_of",
		"basis", "purpose", "reference", "modified_value", "request_id", "count", "checkpoint",
		"special_category_condition", "policy", "about", "detail",
	}}
	for _, e := range entries {
		rows = append(rows, []string{
			e.Log.String(), strconv.FormatInt(e.Index, 10), e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
			string(e.Operation), string(e.Outcome), e.Reason, e.Caller, e.Authentication, e.OnBehalfOf,
			e.Basis, e.Purpose, e.Reference, e.ModifiedValue, e.RequestID, strconv.FormatInt(e.Count, 10), e.Checkpoint,
			e.Condition, e.Policy, e.About, e.Detail,
		})
	}
	return printable.WriteCSV(printable.Raw(w), rows)
}
