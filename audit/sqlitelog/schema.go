package sqlitelog

import (
	"context"
	"fmt"
	"strings"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// object is a table, view or index of the ledger.
type object struct{ name, sql string }

// numberBits is how many bits of a page's id are its number.
const numberBits = 40

// schema is what the ledger makes, and all that may be there under its names. audit_pages has no other
// index than its rowid: a page is one row of one B-tree. In the view the page's time comes first, so
// that a condition on it is settled before any line is parsed.
var schema = []object{
	{"audit_pages", `CREATE TABLE audit_pages (
	id         INTEGER PRIMARY KEY,
	first      INTEGER NOT NULL,
	time       TEXT NOT NULL,
	lines      TEXT,
	leaves     BLOB,
	edge       BLOB NOT NULL,
	root       BLOB NOT NULL,
	checkpoint TEXT NOT NULL
) STRICT`},
	{"audit_blobs", `CREATE TABLE audit_blobs (
	log    INTEGER NOT NULL,
	kind   TEXT NOT NULL,
	number INTEGER NOT NULL,
	data   BLOB NOT NULL,
	UNIQUE (log, kind, number)
) STRICT`},
	{"audit_ledger", `CREATE TABLE audit_ledger (
	id       INTEGER PRIMARY KEY CHECK (id = 0),
	verifier TEXT NOT NULL
) STRICT`},
	{"audit_entries", `CREATE VIEW audit_entries AS SELECT
	p.time AS time,
	CASE p.id >> 40 WHEN 0 THEN 'spine' ELSE CAST(p.id >> 40 AS TEXT) END AS log,
	p.first + j.key AS "index",
	j.value ->> 'operation' AS operation,
	j.value ->> 'outcome' AS outcome,
	j.value ->> 'reason' AS reason,
	j.value ->> 'caller' AS caller,
	j.value ->> 'authentication' AS authentication,
	j.value ->> 'on_behalf_of' AS on_behalf_of,
	j.value ->> 'basis' AS basis,
	j.value ->> 'special_category_condition' AS special_category_condition,
	j.value ->> 'policy' AS policy,
	j.value ->> 'purpose' AS purpose,
	j.value ->> 'reference' AS reference,
	j.value ->> 'modified_value' AS modified_value,
	j.value ->> 'request_id' AS request_id,
	j.value ->> 'count' AS count,
	j.value ->> 'checkpoint' AS checkpoint,
	j.value ->> 'about' AS about,
	j.value ->> 'detail' AS detail,
	p.id & 1099511627775 AS page
FROM audit_pages AS p, json_each('[' || replace(rtrim(p.lines, char(10)), char(10), ',') || ']') AS j`},
}

// own are the names that SQLite makes up itself for the tables above.
var own = map[string]bool{"sqlite_autoindex_audit_blobs_1": true}

// make makes the ledger's tables in a file that has none of them.
func (s *Store) make(ctx context.Context) error {
	return s.write(ctx, "make tables", func(w sqlitefile.Writer) error {
		for _, o := range schema {
			if _, err := w.Exec(o.sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// objects returns what the file has under the ledger's names, at most a few more than belong there.
func objects(r sqlitefile.Reader) (map[string]string, error) {
	found := map[string]string{}
	err := r.Each(`SELECT `+begin("name")+`, `+begin("sql")+` FROM sqlite_schema
		WHERE name LIKE 'audit\_%' ESCAPE '\' OR tbl_name LIKE 'audit\_%' ESCAPE '\' ORDER BY name LIMIT 50`,
		sqlitefile.Args{100, 4096}, func(scan sqlitefile.Scan) error {
			var name, sql string
			err := scan(&name, &sql)
			found[name] = sql
			return err
		})
	return found, err
}

// examineSchema compares what is there with what belongs there. absent says that nothing is there. The
// error is audit.ErrFormat for a ledger of before.
func examineSchema(found map[string]string) (faults []*audit.RowError, absent bool, err error) {
	if _, old := found["audit_logs"]; old {
		return nil, false, audit.ErrFormat
	}
	expected := map[string]string{}
	for _, o := range schema {
		expected[o.name] = o.sql
		switch sql, there := found[o.name]; {
		case !there:
			faults = append(faults, &audit.RowError{Row: schemaRow(o.name), Problem: "missing"})
		case sql != o.sql:
			faults = append(faults, &audit.RowError{Row: schemaRow(o.name), Problem: "it is not as it was made"})
		}
	}
	for name := range found {
		if _, known := expected[name]; !known && !own[name] {
			faults = append(faults, &audit.RowError{Row: schemaRow(name), Problem: "it does not belong to the ledger"})
		}
	}
	return faults, len(found) == 0, nil
}

// schemaRow is the name of a table, view, index or trigger in a finding.
func schemaRow(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		name = fmt.Sprintf("%+q", name)
	}
	return "schema " + name
}
