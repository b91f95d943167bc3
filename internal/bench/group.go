package main

import (
	"context"
	"errors"
	"strings"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// group is the bare group commit of SQLite: a read fetches its value and returns it when 300
// bytes for it are on disk. One row holds the bytes of all reads that wait. There is no identity,
// no policy, no hash and no signature.
type group struct {
	piinguinv1.Piinguin
	file    *sqlitefile.File
	waiting chan chan error
}

func newGroup(ctx context.Context, path string) (group, error) {
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Config{})
	if err != nil {
		return group{}, err
	}
	g := group{file: file, waiting: make(chan chan error, audit.MaxPageEntries)}
	err = file.WritePage(ctx, func(w sqlitefile.Writer) error {
		for _, statement := range []string{
			`CREATE TABLE IF NOT EXISTS audits (id INTEGER PRIMARY KEY, lines TEXT NOT NULL) STRICT`,
			`CREATE TABLE IF NOT EXISTS records (modified_value TEXT PRIMARY KEY, original_value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
		} {
			if _, err := w.Exec(statement); err != nil {
				return err
			}
		}
		for n := range records {
			if _, err := w.Exec(`INSERT OR IGNORE INTO records VALUES (?, ?)`, keyOf(n), original); err != nil {
				return err
			}
		}
		return nil
	})
	go g.commit(ctx)
	return g, err
}

func (g group) ReadPiiRecord(ctx context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	var value string
	err := g.file.Read(ctx, func(r sqlitefile.Reader) error {
		found, err := r.First(`SELECT original_value FROM records WHERE modified_value = ?`, sqlitefile.Args{req.GetModifiedValue()}, &value)
		if err == nil && !found {
			return errors.New("the record is not there")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	g.waiting <- done
	if err := <-done; err != nil {
		return nil, err
	}
	return answerTo(req.GetModifiedValue(), value), nil
}

// commit writes what waits, again and again.
func (g group) commit(ctx context.Context) {
	for first := range g.waiting {
		batch := []chan error{first}
		for more := true; more && len(batch) < cap(g.waiting); {
			select {
			case next := <-g.waiting:
				batch = append(batch, next)
			default:
				more = false
			}
		}
		err := g.file.WritePage(ctx, func(w sqlitefile.Writer) error {
			_, err := w.Exec(`INSERT INTO audits (lines) VALUES (?)`, strings.Repeat(usualEntry, len(batch)))
			return err
		})
		for _, done := range batch {
			done <- err
		}
	}
}
