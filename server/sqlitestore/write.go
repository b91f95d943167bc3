package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/piinguin/piinguin/server/store"
)

const (
	selectStanding = `SELECT original_value, observed_at, erased_at FROM records WHERE modified_value = ?`

	putRecord = `INSERT OR REPLACE INTO records
(modified_value, original_value, observed_at, stored_at, field_name, json_path, schema, hash_function, parent_event_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

	putTombstone = `INSERT OR REPLACE INTO records (modified_value, observed_at, stored_at, erased_at) VALUES (?, ?, ?, ?)`
)

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, records []store.Record) []store.PutResult {
	store.CheckBatch(len(records))
	results, records := make([]store.PutResult, len(records)), slices.Clone(records)
	err := s.do(ctx, "put", len(records), func(w *writes) error {
		for i, r := range records {
			var err error
			if results[i], err = w.put(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		results = make([]store.PutResult, len(records)) // the writer may still have the other one
		for i := range results {
			results[i].Err = err
		}
	}
	return results
}

// Erase implements store.Store.
func (s *Store) Erase(ctx context.Context, modifiedValues []string, at time.Time) []store.EraseResult {
	store.CheckBatch(len(modifiedValues))
	results, modifiedValues := make([]store.EraseResult, len(modifiedValues)), slices.Clone(modifiedValues)
	err := s.do(ctx, "erase", len(modifiedValues), func(w *writes) error {
		for i, key := range modifiedValues {
			var err error
			if results[i], err = w.erase(key, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		results = make([]store.EraseResult, len(modifiedValues)) // the writer may still have the other one
		for i := range results {
			results[i].Err = err
		}
	}
	return results
}

// writes is one transaction. It holds SQLite's write lock from its beginning, so
// what it reads stays true until it ends.
type writes struct {
	standingStmt, putStmt, eraseStmt *sql.Stmt
	now                              string
}

func (w *writes) put(r store.Record) (store.PutResult, error) {
	standing, err := w.standing(r.ModifiedValue)
	if errors.Is(err, errRow) {
		return store.PutResult{Err: err}, nil
	}
	if err != nil {
		return store.PutResult{}, err
	}
	outcome, write := standing.Decide(r)
	if !write {
		return store.PutResult{Outcome: outcome}, nil
	}
	_, err = w.putStmt.Exec(r.ModifiedValue, r.Original.Reveal(), store.FormatTime(r.ObservedAt), w.now,
		r.Source.FieldName, r.Source.JSONPath, r.Source.Schema, r.Source.HashFunction, r.Source.ParentEventID)
	return store.PutResult{Outcome: outcome}, err
}

func (w *writes) erase(key string, at time.Time) (store.EraseResult, error) {
	standing, err := w.standing(key)
	if errors.Is(err, errRow) {
		return store.EraseResult{Err: err}, nil
	}
	if err != nil {
		return store.EraseResult{}, err
	}
	tombstone := standing.Erase(at)
	_, err = w.eraseStmt.Exec(key, store.FormatTime(tombstone.ObservedAt), w.now, store.FormatTime(tombstone.ErasedAt))
	return store.EraseResult{Erased: standing.Live}, err
}

// standing reads what decides the next write of a key.
func (w *writes) standing(key string) (store.Standing, error) {
	var original, erased sql.NullString
	var observed string
	err := w.standingStmt.QueryRow(key).Scan(&original, &observed, &erased)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Standing{}, nil
	}
	if err != nil {
		return store.Standing{}, err
	}
	s := store.Standing{Live: original.Valid, Original: store.NewOriginal(original.String), Erased: erased.Valid}
	if s.ObservedAt, err = store.ParseTime(observed); err != nil {
		return s, errRow
	}
	if s.Erased {
		if s.ErasedAt, err = store.ParseTime(erased.String); err != nil {
			return s, errRow
		}
	}
	return s, nil
}
