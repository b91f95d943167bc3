package sqlitelog

import (
	"context"
	"fmt"
	"strconv"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// maxStrays is how many rows that belong to nothing a survey names of each table.
const maxStrays = 20

// Survey implements audit.Evidence. It sees one moment of the file.
func (s *Store) Survey(ctx context.Context, stray func(*audit.RowError)) (audit.Survey, error) {
	var found audit.Survey
	err := s.file.Snapshot(ctx, func(r sqlitefile.Reader) error {
		there, err := objects(r)
		if err != nil {
			return err
		}
		faults, _, err := examineSchema(there)
		if err != nil {
			return err
		}
		for _, f := range faults {
			stray(f)
		}
		if len(faults) > 0 {
			return nil // a view in place of a table may have rows without end
		}
		for _, look := range []func(sqlitefile.Reader, *audit.Survey, func(*audit.RowError)) error{surveyPages, surveyTypes, surveyBlobs, surveyLedger} {
			if err := look(r, &found, stray); err != nil {
				return err
			}
		}
		return nil
	})
	return found, failure("survey", err)
}

// begin returns the SQL of the first bytes of a text, of which the parameter says how many; of no text they are
// empty. substr of a text stops at a NUL: what stands behind it would count for nothing, and a search that goes on
// behind what it found would not end. substr of no bytes is NULL.
func begin(column string) string {
	return "coalesce(CAST(substr(CAST(" + column + " AS BLOB), 1, ?) AS TEXT), '')"
}

// surveyPages finds the logs that have a page by one look-up each.
func surveyPages(r sqlitefile.Reader, found *audit.Survey, stray func(*audit.RowError)) error {
	for log := audit.Spine; log.Valid(); log++ {
		var id int64
		there, err := r.First(`SELECT id FROM audit_pages WHERE id >= ? AND id < ? LIMIT 1`, sqlitefile.Args{pageID(log, 0), endID(log)}, &id)
		if err != nil {
			return err
		}
		if there {
			found.Logs = append(found.Logs, log)
		}
	}
	return r.Each(`SELECT id FROM audit_pages WHERE id < 0 OR id >= ? ORDER BY id LIMIT ?`, sqlitefile.Args{endID(audit.MaxLogs), maxStrays},
		func(scan sqlitefile.Scan) error {
			var id int64
			if err := scan(&id); err != nil {
				return err
			}
			stray(&audit.RowError{Row: fmt.Sprintf("audit_pages id %d", id), Problem: "an id that no page has"})
			return nil
		})
}

// maxKind is the size limit in bytes of a kind that is looked at whole.
const maxKind = 100

// ofTheTypes are the rows of audit_blobs whose values are of their columns' types. STRICT keeps all rows so, but
// whoever writes to sqlite_schema can take it off for a while.
const ofTheTypes = placed + ` AND typeof(data) = 'blob'`

// placed is the part of ofTheTypes that an index has.
const placed = `typeof(log) = 'integer' AND typeof(kind) = 'text' AND typeof(number) = 'integer'`

// otherType is what a finding says of a row that is not of the types.
const otherType = "it has a value of another type than its column"

// surveyTypes finds the blobs that have a value of another type, which the other queries pass over. The index has
// a copy of the values, which may differ: STRICT makes a whole number of 0.0 where it reads the table.
func surveyTypes(r sqlitefile.Reader, _ *audit.Survey, stray func(*audit.RowError)) error {
	told := map[int64]bool{}
	for _, from := range []string{
		`audit_blobs NOT INDEXED WHERE NOT (` + ofTheTypes + `)`, `audit_blobs INDEXED BY sqlite_autoindex_audit_blobs_1 WHERE NOT (` + placed + `)`,
	} {
		err := r.Each(`SELECT rowid, `+begin("log")+`, `+begin("kind")+`, `+begin("number")+` FROM `+from+` LIMIT ?`,
			sqlitefile.Args{maxKind, maxKind, maxKind, maxStrays}, func(scan sqlitefile.Scan) error {
				var id int64
				var log, kind, number string
				if err := scan(&id, &log, &kind, &number); err != nil {
					return err
				}
				if !told[id] {
					told[id] = true
					stray(&audit.RowError{Row: fmt.Sprintf("audit_blobs %s/%+q/%s", whole(log), kind, whole(number)), Problem: fmt.Sprintf("%s; its rowid is %d", otherType, id)})
				}
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// whole returns a whole number as it is, and any other text quoted.
func whole(text string) string {
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		return strconv.QuoteToASCII(text)
	}
	return text
}

// surveyBlobs finds the kinds of blobs by one look-up each.
func surveyBlobs(r sqlitefile.Reader, found *audit.Survey, stray func(*audit.RowError)) error {
	log, after, strays := int64(-1<<63), "", 0
	for compare := ">="; strays < maxStrays; compare = ">" {
		var kind string
		var lowest int64
		there, err := r.First(`SELECT log, `+begin("kind")+`, number FROM audit_blobs
			WHERE (log, kind) `+compare+` (?, ?) AND `+ofTheTypes+` ORDER BY log, kind, number LIMIT 1`, sqlitefile.Args{maxKind + 1, log, after}, &log, &kind, &lowest)
		if err != nil || !there {
			return err
		}
		after = kind
		if len(kind) > maxKind {
			kind = kind[:maxKind]
			after = kind + "\xff" // behind all text that begins so
		}
		if id := audit.LogID(log); int64(id) == log && id.Valid() && audit.ValidKind(kind) && lowest >= 0 {
			found.Blobs = append(found.Blobs, audit.BlobKind{Log: id, Kind: kind})
			continue
		}
		strays++
		stray(&audit.RowError{Row: fmt.Sprintf("audit_blobs %d/%+q/%d", log, kind, lowest), Problem: "it belongs to nothing"})
	}
	return nil
}

func surveyLedger(r sqlitefile.Reader, _ *audit.Survey, stray func(*audit.RowError)) error {
	var more, retyped bool
	_, err := r.First(`SELECT count(*) FILTER (WHERE id <> 0) > 0, count(*) FILTER (WHERE typeof(verifier) <> 'text') > 0 FROM audit_ledger`, nil, &more, &retyped)
	if err != nil {
		return err
	}
	if more {
		stray(&audit.RowError{Row: audit.KeyRow, Problem: "it is there twice"})
	}
	if retyped {
		stray(&audit.RowError{Row: audit.KeyRow, Problem: otherType})
	}
	return nil
}
