package sqlitelog

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// pageID is the id of a page's row.
func pageID(log audit.LogID, number int64) int64 { return int64(log)<<numberBits | number }

// endID is the id after the last one that a page of the log can have.
func endID(log audit.LogID) int64 { return (int64(log) + 1) << numberBits }

const insertPage = `INSERT OR IGNORE INTO audit_pages (id, first, time, lines, edge, root, checkpoint) VALUES (?,?,?,?,?,?,?)`

// errNumber says that a page's number has no id. A log of ten million pages a day reaches it after 300
// years.
var errNumber = errors.New("sqlitelog: the number of a page is 2^40 or more")

// Commit implements audit.Log.
func (s *Store) Commit(ctx context.Context, p audit.Page) error {
	if p.Number >= 1<<numberBits {
		return errNumber
	}
	lines, edge := joinLines(p.Lines), join(p.Edge)
	return s.write(ctx, "commit", func(w sqlitefile.Writer) error {
		n, err := w.Exec(insertPage, pageID(p.Log, p.Number), p.First, audit.FormatTime(p.Time), lines, edge, p.Root[:], string(p.Checkpoint))
		if err == nil && n == 0 {
			return audit.ErrTaken
		}
		return err
	})
}

// maxRow is the size limit of a page's row in bytes: the lines, and more than an edge, leaf hashes and
// a checkpoint can have. A longer one is not read into memory.
const maxRow = audit.MaxPageBytes + audit.MaxLine + 64<<10

// limit is LIMIT with a parameter. SQLite compiles a statement again for each value of a parameter that stands
// there alone, to plan for it; that took a third of a list's CPU time.
const limit = `LIMIT (? + 0)`

const selectPages = `SELECT id, fits, CASE fits WHEN 1 THEN first END, CASE fits WHEN 1 THEN time END, CASE fits WHEN 1 THEN lines END,
		CASE fits WHEN 1 THEN leaves END, CASE fits WHEN 1 THEN edge END, CASE fits WHEN 1 THEN root END,
		CASE fits WHEN 1 THEN checkpoint END
	FROM (SELECT *, octet_length(time) + coalesce(octet_length(lines), 0) + coalesce(octet_length(leaves), 0) +
		octet_length(edge) + octet_length(root) + octet_length(checkpoint) <= ? AND typeof(first) = 'integer' AND typeof(time) = 'text' AND
		typeof(lines) IN ('text', 'null') AND typeof(leaves) IN ('blob', 'null') AND typeof(edge) = 'blob' AND typeof(root) = 'blob' AND
		typeof(checkpoint) = 'text' AS fits
	FROM audit_pages WHERE id >= ? AND id < ? ORDER BY id `

// Last implements audit.PageReader.
func (s rows) Last(ctx context.Context, log audit.LogID) (audit.Page, error) {
	pages, err := s.pages(ctx, log, selectPages+`DESC `+limit+`)`, 0, 1)
	if err != nil {
		return audit.Page{}, err
	}
	if len(pages) == 0 {
		return audit.Page{}, audit.ErrNotFound
	}
	return pages[0], nil
}

// chunk is how many pages one query reads: a long query would keep SQLite from
// truncating its write-ahead log.
const chunk = 64

// Pages implements audit.PageReader.
func (s rows) Pages(ctx context.Context, log audit.LogID, from int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for n := 1; from < 1<<numberBits; n = min(4*n, chunk) { // whoever searches wants only the first
			pages, err := s.pages(ctx, log, selectPages+limit+`)`, from, n)
			for _, p := range pages {
				if !yield(p, nil) {
					return
				}
				from = p.Number + 1
			}
			if err != nil {
				yield(audit.Page{}, err)
			}
			if err != nil || len(pages) < n {
				return
			}
		}
	}
}

// pages returns the pages that a query selects. With an error it returns those before it.
func (s rows) pages(ctx context.Context, log audit.LogID, query string, from int64, most int) ([]audit.Page, error) {
	var pages []audit.Page
	err := s.read(ctx, "read pages", func(r sqlitefile.Reader) error {
		return r.Each(query, sqlitefile.Args{maxRow, pageID(log, from), endID(log), most}, func(scan sqlitefile.Scan) error {
			p, err := scanPage(log, scan)
			if err == nil {
				pages = append(pages, p)
			}
			return err
		})
	})
	return pages, err
}

// scanPage reads a page's row. The error is an *audit.RowError, or that of scan.
func scanPage(log audit.LogID, scan sqlitefile.Scan) (audit.Page, error) {
	p := audit.Page{Log: log}
	var id int64
	var fits, first *int64
	var at, checkpoint *string
	var lines, leaves, edge, root *[]byte
	if err := scan(&id, &fits, &first, &at, &lines, &leaves, &edge, &root, &checkpoint); err != nil {
		return p, err
	}
	p.Number = id & (1<<numberBits - 1)
	bad := func(problem string) (audit.Page, error) {
		return p, &audit.RowError{Row: audit.PageRow(log, p.Number), Problem: problem}
	}
	if fits == nil || *fits != 1 {
		return bad("it is larger than a page can be, or has a value of another type than its column")
	}
	p.First = *first
	var err error
	if p.Time, err = audit.ParseTime(*at); err != nil {
		return bad("its time is not one that a page has")
	}
	var roots []tlog.Hash
	var okEdge, okRoot, okLeaves bool
	p.Edge, okEdge = split(*edge)
	roots, okRoot = split(*root)
	if !okEdge || !okRoot || len(roots) != 1 {
		return bad("its hashes are not whole")
	}
	p.Root, p.Checkpoint = roots[0], []byte(*checkpoint)
	switch {
	case lines != nil && leaves == nil:
		text, whole := bytes.CutSuffix(*lines, []byte{'\n'})
		if !whole {
			return bad("its lines do not end with a line break")
		}
		p.Lines = bytes.Split(text, []byte{'\n'})
	case lines == nil && leaves != nil:
		if p.Leaves, okLeaves = split(*leaves); !okLeaves {
			return bad("its hashes are not whole")
		}
		p.Stub = true
	default:
		return bad("it has neither lines nor, as a stub, leaf hashes; or both")
	}
	return p, nil
}

// Prune implements audit.Pruner. The page and those before it change in one transaction.
func (s *Store) Prune(ctx context.Context, stub audit.Page) error {
	id := pageID(stub.Log, stub.Number)
	return s.write(ctx, "prune", func(w sqlitefile.Writer) error {
		n, err := w.Exec(`UPDATE audit_pages SET first = ?, time = ?, lines = NULL, leaves = ? WHERE id = ? AND checkpoint = ?`,
			stub.First, audit.FormatTime(stub.Time), join(stub.Leaves), id, string(stub.Checkpoint))
		if err == nil && n == 0 {
			return audit.ErrNotFound
		}
		if err == nil {
			_, err = w.Exec(`DELETE FROM audit_pages WHERE id >= ? AND id < ?`, pageID(stub.Log, 0), id)
		}
		return err
	})
}

// joinLines returns the lines as an export has them.
func joinLines(lines [][]byte) string {
	size := len(lines)
	for _, line := range lines {
		size += len(line)
	}
	var b strings.Builder
	b.Grow(size)
	for _, line := range lines {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func split(b []byte) ([]tlog.Hash, bool) {
	hashes := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], b[i*tlog.HashSize:])
	}
	return hashes, len(b)%tlog.HashSize == 0
}
