package sqlitelog_test

import (
	"database/sql"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the tamperer's own way into the file

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/sqlitelog"
	"github.com/piinguin/piinguin/internal/sqlitefile"
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
	return &tamperer{s, s, path, db}
}

// tamperer changes the file as anybody with an SQLite shell could.
type tamperer struct {
	*sqlitelog.Store
	own  *sqlitelog.Store
	path string
	db   *sql.DB
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

// place is the log and the number of a page's row.
func (r storedRow) place() (audit.LogID, int64) {
	id, _ := r.at("id").(int64)
	return audit.LogID(id >> 40), id & (1<<40 - 1)
}

func (r storedRow) isStub() bool { return r.table == "audit_pages" && r.at("lines") == nil }

// name is how a finding names the row.
func (r storedRow) name() string {
	switch r.table {
	case "audit_pages":
		return audit.PageRow(r.place())
	case "audit_blobs":
		log, _ := r.at("log").(int64)
		kind, _ := r.at("kind").(string)
		number, _ := r.at("number").(int64)
		return audit.BlobRow(audit.LogID(log), kind, number)
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
	x.exec(t, "DELETE FROM "+r.table+" WHERE "+strings.Join(r.columns, " IS ? AND ")+" IS ?", r.values...)
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
	for _, table := range []string{"audit_pages", "audit_ledger"} {
		rows := x.rows(t, table)
		for i, r := range rows {
			all = append(all, x.changes(r)...)
			if table != "audit_pages" {
				all = append(all, x.drop(r, r.name()))
				all = append(all, x.retypes(r)...)
				continue
			}
			last := lastOfLog(rows, i)
			all = append(all, x.double(r, rows[last]))
			log, number := r.place()
			first, _ := r.at("first").(int64)
			if log == 2 && number < 2 {
				all = append(all, x.retypes(r)...)
			}
			switch {
			case i < last:
				all = append(all, x.drop(r, r.name()), x.swap(r, rows[i+1]))
			case log != audit.Spine: // the spine lists what is missing; its own end only a kept file has
				all = append(all, x.drop(r, audit.EntryRow(log, first)))
			}
		}
	}
	return append(all, x.schemaTamperings()...)
}

// schemaTamperings change what is not a row. A view in place of a table could have rows without end.
func (x *tamperer) schemaTamperings() []audittest.Tampering {
	const view = `CREATE VIEW audit_entries AS SELECT 'nobody' AS caller`
	made := map[string]string{}
	all := []audittest.Tampering{}
	add := func(name, row string, apply, undo []string) {
		do := func(statements []string, then func(*testing.T)) func(*testing.T) {
			return func(t *testing.T) {
				for _, text := range statements {
					if text == "" { // what the driver made
						text = made["audit_entries"]
					}
					x.exec(t, text)
				}
				then(t)
			}
		}
		all = append(all, audittest.Tampering{Name: name, Row: row, Apply: func(t *testing.T) {
			if len(made) == 0 {
				made["audit_entries"] = x.text(t, "audit_entries")
			}
			do(apply, x.reopen)(t)
		}, Undo: do(undo, func(*testing.T) { x.Store = x.own })})
	}
	add("another view", "schema audit_entries", []string{`DROP VIEW audit_entries`, view}, []string{`DROP VIEW audit_entries`, ""})
	add("no view", "schema audit_entries", []string{`DROP VIEW audit_entries`}, []string{""})
	add("a trigger", "schema quiet", []string{`CREATE TRIGGER quiet BEFORE INSERT ON audit_pages BEGIN SELECT RAISE(IGNORE); END`}, []string{`DROP TRIGGER quiet`})
	add("an index", "schema fast", []string{`CREATE INDEX fast ON audit_pages (time)`}, []string{`DROP INDEX fast`})
	add("a table of that kind of name", `schema "audit_\u00fc"`, []string{`CREATE TABLE "audit_ü" (n)`}, []string{`DROP TABLE "audit_ü"`})
	add("pages are an endless view", "schema audit_pages",
		[]string{`ALTER TABLE audit_pages RENAME TO kept`, `DROP VIEW audit_entries`, `CREATE VIEW audit_pages AS WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n)
			SELECT id, 0 AS first, '' AS time, '' AS lines, NULL AS leaves, x'' AS edge, x'' AS root, '' AS checkpoint FROM n`},
		[]string{`DROP VIEW audit_pages`, `ALTER TABLE kept RENAME TO audit_pages`, `PRAGMA writable_schema = ON`,
			`UPDATE sqlite_schema SET sql = replace(sql, 'CREATE TABLE "audit_pages"', 'CREATE TABLE audit_pages') WHERE name = 'audit_pages'`, `PRAGMA writable_schema = RESET`, ""})
	return all
}

// text returns the statement that made a table or view.
func (x *tamperer) text(t *testing.T, name string) (sql string) {
	t.Helper()
	if err := x.db.QueryRowContext(t.Context(), `SELECT sql FROM sqlite_schema WHERE name = ?`, name).Scan(&sql); err != nil {
		t.Fatal(err)
	}
	return sql
}

// reopen looks at the file as a reviewer's program does that starts now. A connection of before would
// go on with the view that it knows: one that reads no table is never compiled again.
func (x *tamperer) reopen(t *testing.T) {
	t.Helper()
	file, err := sqlitefile.OpenReadOnly(t.Context(), x.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	s, err := sqlitelog.New(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	x.Store = s
}

func lastOfLog(rows []storedRow, i int) int {
	log, _ := rows[i].place()
	for i+1 < len(rows) {
		if next, _ := rows[i+1].place(); next != log {
			break
		}
		i++
	}
	return i
}

func (x *tamperer) drop(r storedRow, row string) audittest.Tampering {
	return audittest.Tampering{
		Name: "drop " + r.name(), Row: row,
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
		if r.table == "audit_ledger" && column == "id" {
			continue // the schema allows no other value
		}
		log, number := r.place()
		first := r.table == "audit_ledger" || r.table == "audit_pages" && log == 2 && number == 0
		for n, value := range changed(r.values[i], first) {
			name, now := fmt.Sprintf("change %s of %s (%d)", column, r.name(), n), r.with(column, value)
			all = append(all, x.replace(name, r.name(), []storedRow{r}, []storedRow{now}))
		}
	}
	return all
}

// retypes gives each column of a row, but the rowid, a value of every other type, and one with the same bytes.
func (x *tamperer) retypes(r storedRow) []audittest.Tampering {
	var all []audittest.Tampering
	for i, column := range r.columns {
		if column == "id" {
			continue // the rowid is a whole number whatever the schema says
		}
		for _, value := range []any{nil, int64(7), 1.5, "canary", []byte("canary")} {
			if reflect.TypeOf(value) != reflect.TypeOf(r.values[i]) {
				all = append(all, x.retype(r, column, value, r.name()))
			}
		}
		if text, is := r.values[i].(string); is {
			all = append(all, x.retype(r, column, []byte(text), r.name()))
		}
	}
	return all
}

// loose are the tables without types, which keep any value as it is.
var loose = map[string]string{
	"audit_pages":  `CREATE TABLE audit_pages (id INTEGER PRIMARY KEY, first, time, lines, leaves, edge, root, checkpoint)`,
	"audit_blobs":  `CREATE TABLE audit_blobs (log, kind, number, data, UNIQUE (log, kind, number))`,
	"audit_ledger": `CREATE TABLE audit_ledger (id INTEGER PRIMARY KEY, verifier)`,
}

// retype gives a column a value of another type, while the table has no types for a moment. row is what the
// finding names.
func (x *tamperer) retype(r storedRow, column string, value any, row string) audittest.Tampering {
	set := func(t *testing.T, was, now any) {
		made := x.text(t, r.table)
		schema := func(text string) {
			x.exec(t, `PRAGMA writable_schema = ON`)
			x.exec(t, `UPDATE sqlite_schema SET sql = ? WHERE name = ?`, text, r.table)
			x.exec(t, `PRAGMA writable_schema = RESET`)
		}
		schema(loose[r.table])
		old := r.with(column, was)
		x.exec(t, "UPDATE "+r.table+" SET "+column+" = ? WHERE "+strings.Join(r.columns, " IS ? AND ")+" IS ?", append([]any{now}, old.values...)...)
		schema(made)
	}
	return audittest.Tampering{
		Name: fmt.Sprintf("%s of %s is a %T", column, r.name(), value), Row: row,
		Apply: func(t *testing.T) { set(t, r.at(column), value) },
		Undo:  func(t *testing.T) { set(t, value, r.at(column)) },
	}
}

func changed(value any, everyByte bool) []any {
	var all []any
	switch v := value.(type) {
	case int64:
		all = append(all, v+1000)
	case string:
		all = append(all, v+"x", v+"\x00x") // substr stops at a NUL
		if v != "" {
			all = append(all, "", v[:len(v)-1])
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
	column := map[string]string{"audit_pages": "id", "audit_blobs": "number"}[a.table]
	return x.replace("swap "+a.name()+" and "+b.name(), a.name(), []storedRow{a, b},
		[]storedRow{a.with(column, b.at(column)), b.with(column, a.at(column))})
}

// double puts a copy of a page behind the log's end, which leaves a gap before it. Of a stub the copy
// itself is what must not be.
func (x *tamperer) double(r, last storedRow) audittest.Tampering {
	log, n := last.place()
	id, _ := last.at("id").(int64)
	row := audit.PageRow(log, n+1)
	if r.isStub() {
		row = audit.PageRow(log, n+2)
	}
	return x.replace("double "+r.name(), row, nil, []storedRow{r.with("id", id+2)})
}
