package sqlitelog_test

import (
	"database/sql"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the tamperer's own way into the file

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/sqlitelog"
)

func TestTamper(t *testing.T) {
	audittest.Tamper(t, newTamperer)
}

func newTamperer(t *testing.T) audittest.Tamperable {
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := newStore(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &tamperer{s, db}
}

// tamperer changes the file as anybody with an SQLite shell could.
type tamperer struct {
	*sqlitelog.Store
	db *sql.DB
}

// storedRow is a row of a table, by its columns.
type storedRow struct {
	table   string
	columns []string
	values  []any
}

func (r storedRow) at(column string) any {
	for i, c := range r.columns {
		if c == column {
			return r.values[i]
		}
	}
	return nil
}

// name is how a finding names the row.
func (r storedRow) name() string {
	log, _ := r.at("log").(string)
	number, _ := r.at("number").(int64)
	index, _ := r.at("idx").(int64)
	switch r.table {
	case "audit_pages":
		return audit.PageRow(log, number)
	case "audit_entries":
		return audit.EntryRow(log, index)
	case "audit_logs":
		return audit.LogRow(log)
	case "audit_tiles":
		level, _ := r.at("level").(int64)
		return audit.TileRow(log, int(level), number)
	}
	return audit.KeyRow
}

func (x *tamperer) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := x.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (x *tamperer) insert(t *testing.T, r storedRow) {
	t.Helper()
	x.exec(t, "INSERT INTO "+r.table+" VALUES (?"+strings.Repeat(",?", len(r.values)-1)+")", r.values...)
}

// remove deletes a row by all its values.
func (x *tamperer) remove(t *testing.T, r storedRow) {
	t.Helper()
	x.exec(t, "DELETE FROM "+r.table+" WHERE ("+strings.Join(r.columns, ",")+") = (?"+strings.Repeat(",?", len(r.values)-1)+")", r.values...)
}

func (x *tamperer) rows(t *testing.T, table string) []storedRow {
	t.Helper()
	rows, err := x.db.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []storedRow
	for rows.Next() {
		r := storedRow{table, columns, make([]any, len(columns))}
		into := make([]any, len(columns))
		for i := range into {
			into[i] = &r.values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Tamperings implements audittest.Tamperable.
func (x *tamperer) Tamperings(t *testing.T) []audittest.Tampering {
	var all []audittest.Tampering
	for _, table := range []string{"audit_pages", "audit_entries", "audit_logs", "audit_key"} {
		rows := x.rows(t, table)
		for i, r := range rows {
			all = append(all, x.drop(r))
			all = append(all, x.changes(r)...)
			if i+1 < len(rows) && r.at("log") == rows[i+1].at("log") {
				all = append(all, x.swap(r, rows[i+1]))
			}
			if table == "audit_pages" || table == "audit_entries" {
				all = append(all, x.double(r, rows[lastOfLog(rows, i)]))
			}
		}
	}
	return all
}

func lastOfLog(rows []storedRow, i int) int {
	for i+1 < len(rows) && rows[i+1].at("log") == rows[i].at("log") {
		i++
	}
	return i
}

func (x *tamperer) drop(r storedRow) audittest.Tampering {
	return audittest.Tampering{
		Name: "drop " + r.name(), Row: r.name(),
		Apply: func(t *testing.T) { x.remove(t, r) },
		Undo:  func(t *testing.T) { x.insert(t, r) },
	}
}

// replace puts other rows in the place of some.
func (x *tamperer) replace(name, row string, old, now []storedRow) audittest.Tampering {
	put := func(t *testing.T, from, to []storedRow) {
		for _, r := range from {
			x.remove(t, r)
		}
		for _, r := range to {
			x.insert(t, r)
		}
	}
	return audittest.Tampering{
		Name: name, Row: row,
		Apply: func(t *testing.T) { put(t, old, now) },
		Undo:  func(t *testing.T) { put(t, now, old) },
	}
}

func (r storedRow) with(column string, value any) storedRow {
	values := append([]any(nil), r.values...)
	for i, c := range r.columns {
		if c == column {
			values[i] = value
		}
	}
	return storedRow{r.table, r.columns, values}
}

// changes changes every column of a row: every byte of it in the first rows of
// one log, one byte in the others.
func (x *tamperer) changes(r storedRow) []audittest.Tampering {
	var all []audittest.Tampering
	for i, column := range r.columns {
		if r.table == "audit_key" && column == "id" {
			continue // the schema allows no other value
		}
		first := r.table == "audit_key" || r.table != "audit_tiles" && r.at("log") == "piinguin-1" && (r.at("number") == int64(0) || r.at("idx") == int64(0))
		for n, value := range changed(r.values[i], first) {
			name := fmt.Sprintf("change %s of %s (%d)", column, r.name(), n)
			all = append(all, x.replace(name, r.name(), []storedRow{r}, []storedRow{r.with(column, value)}))
		}
	}
	return all
}

func changed(value any, everyByte bool) []any {
	var all []any
	switch v := value.(type) {
	case int64:
		all = append(all, v+1000)
	case string:
		all = append(all, v+"x")
		if v != "" {
			all = append(all, v[:len(v)-1])
		}
		for i := range places(len(v), everyByte) {
			all = append(all, v[:i]+string(v[i]^1)+v[i+1:])
		}
	case []byte:
		all = append(all, append(append([]byte(nil), v...), 0), append([]byte(nil), v[:len(v)-1]...))
		for i := range places(len(v), everyByte) {
			flipped := append([]byte(nil), v...)
			flipped[i] ^= 1
			all = append(all, flipped)
		}
	}
	return all
}

func places(n int, every bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if (every || i == n/2) && !yield(i) {
				return
			}
		}
	}
}

func (x *tamperer) swap(a, b storedRow) audittest.Tampering {
	column := map[string]string{"audit_pages": "number", "audit_entries": "idx", "audit_tiles": "number"}[a.table]
	return x.replace("swap "+a.name()+" and "+b.name(), a.name(), []storedRow{a, b},
		[]storedRow{a.with(column, b.at(column)), b.with(column, a.at(column))})
}

// double puts a copy of a row behind the log's end. A page that is there once too
// often leaves a gap before it; an entry belongs to no page.
func (x *tamperer) double(r, last storedRow) audittest.Tampering {
	log, _ := r.at("log").(string)
	if r.table == "audit_pages" {
		n, _ := last.at("number").(int64)
		return x.replace("double "+r.name(), audit.PageRow(log, n+1), nil, []storedRow{r.with("number", n+2)})
	}
	n, _ := last.at("idx").(int64)
	return x.replace("double "+r.name(), audit.EntryRow(log, n+2), nil, []storedRow{r.with("idx", n+2)})
}
