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
func PageRow(log LogID, number int64) string { return fmt.Sprintf("page %s/%d", log, number) }

// EntryRow is the name of an entry in a finding.
func EntryRow(log LogID, index int64) string { return "entry " + Place{log, index}.String() }

// BlobRow is the name of what was derived from pages in a finding. A name that a driver read from a
// store may hold anything, so it is quoted where it is not of the usual form.
func BlobRow(log LogID, kind string, number int64) string {
	if !kindPattern.MatchString(kind) {
		kind = fmt.Sprintf("%+q", kind)
	}
	return fmt.Sprintf("blob %s/%s/%d", log, kind, number)
}

// KeyRow is the name of the row that holds the ledger's name and its first verifier key.
const KeyRow = "ledger"
