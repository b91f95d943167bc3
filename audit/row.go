package audit

import "fmt"

// RowError names a stored row that is not what was written. It means tampering or a broken disk,
// so a caller reports it and never retries.
type RowError struct {
	Row     string // as PageRow and its siblings write it, or as the driver's package doc says
	Problem string // a fixed text; never a stored value
}

// Error implements error.
func (e *RowError) Error() string { return "audit: " + e.Row + ": " + e.Problem }

// PageRow is the name of a page in a finding.
func PageRow(log string, number int64) string { return fmt.Sprintf("page %s/%d", log, number) }

// EntryRow is the name of an entry in a finding.
func EntryRow(log string, index int64) string { return fmt.Sprintf("entry %s/%d", log, index) }

// TileRow is the name of a full tile in a finding.
func TileRow(log string, level int, number int64) string {
	return fmt.Sprintf("tile %s/%d/%d", log, level, number)
}

// LogRow is the name of a log's registration in a finding.
func LogRow(log string) string { return fmt.Sprintf("log %q", log) }

// KeyRow is the name of the stored verifier key in a finding.
const KeyRow = "verifier key"
