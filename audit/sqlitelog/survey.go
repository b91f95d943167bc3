package sqlitelog

import (
	"context"
	"fmt"

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
		for _, look := range []func(sqlitefile.Reader, *audit.Survey, func(*audit.RowError)) error{surveyPages, surveyBlobs, surveyLedger} {
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

// surveyBlobs finds the kinds of blobs by one look-up each.
func surveyBlobs(r sqlitefile.Reader, found *audit.Survey, stray func(*audit.RowError)) error {
	log, after, strays := int64(-1<<63), "", 0
	for compare := ">="; strays < maxStrays; compare = ">" {
		before, kind, lowest := log, "", int64(0)
		there, err := r.First(`SELECT log, `+begin("kind")+`, number FROM audit_blobs
			WHERE (log, kind) `+compare+` (?, ?) ORDER BY log, kind, number LIMIT 1`, sqlitefile.Args{maxKind + 1, log, after}, &log, &kind, &lowest)
		if err != nil || !there {
			return err
		}
		// A kind that is no text, for which the schema must have been another for a while, is behind all text.
		goesOn := compare == ">=" || log != before || kind > after
		after = kind
		if len(kind) > maxKind {
			kind = kind[:maxKind]
			after = kind + "\xff" // behind all text that begins so
		}
		id := audit.LogID(log)
		if goesOn && int64(id) == log && id.Valid() && audit.ValidKind(kind) && lowest >= 0 {
			found.Blobs = append(found.Blobs, audit.BlobKind{Log: id, Kind: kind})
			continue
		}
		strays++
		stray(&audit.RowError{Row: fmt.Sprintf("audit_blobs %d/%+q/%d", log, kind, lowest), Problem: "it belongs to nothing"})
		if !goesOn {
			return nil
		}
	}
	return nil
}

func surveyLedger(r sqlitefile.Reader, _ *audit.Survey, stray func(*audit.RowError)) error {
	var rows int64
	if _, err := r.First(`SELECT count(*) FROM audit_ledger WHERE id <> 0`, nil, &rows); err != nil {
		return err
	}
	if rows > 0 {
		stray(&audit.RowError{Row: audit.KeyRow, Problem: "it is there twice"})
	}
	return nil
}
