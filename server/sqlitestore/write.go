package sqlitestore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/piinguin/piinguin/internal/sqlitefile"
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
	return inPieces(ctx, s.file, "put", records, writes.put, func(err error) store.PutResult {
		return store.PutResult{Err: err}
	})
}

// Erase implements store.Store.
func (s *Store) Erase(ctx context.Context, modifiedValues []string, at time.Time) []store.EraseResult {
	store.CheckBatch(len(modifiedValues))
	erase := func(w writes, key string) (store.EraseResult, error) { return w.erase(key, at) }
	return inPieces(ctx, s.file, "erase", modifiedValues, erase, func(err error) store.EraseResult {
		return store.EraseResult{Err: err}
	})
}

// inPieces writes the items in transactions of up to sqlitefile.MaxRows. The first piece that
// fails ends it: the engine is at fault then, as a single row's fault is in its result.
func inPieces[T, R any](
	ctx context.Context, file *sqlitefile.File, operation string, items []T, write func(writes, T) (R, error), failed func(error) R,
) []R {
	results := make([]R, 0, len(items))
	var err error
	for piece := range slices.Chunk(slices.Clone(items), sqlitefile.MaxRows) { // a job may outlive the call
		done := make([]R, len(piece))
		err = file.WriteRows(ctx, len(piece), func(w sqlitefile.Writer) (err error) {
			to := writes{w, store.FormatTime(time.Now())}
			for i, item := range piece {
				if done[i], err = write(to, item); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			break
		}
		results = append(results, done...)
	}
	for len(results) < len(items) {
		results = append(results, failed(failure(operation, err)))
	}
	return results
}

// writes is a job's part of a transaction. The transaction holds SQLite's write lock from its
// beginning, so what a job reads stays true until it ends.
type writes struct {
	w   sqlitefile.Writer
	now string
}

func (w writes) put(r store.Record) (store.PutResult, error) {
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
	_, err = w.w.Exec(putRecord, r.ModifiedValue, r.Original.Reveal(), store.FormatTime(r.ObservedAt), w.now,
		r.Source.FieldName, r.Source.JSONPath, r.Source.Schema, r.Source.HashFunction, r.Source.ParentEventID)
	return store.PutResult{Outcome: outcome}, err
}

func (w writes) erase(key string, at time.Time) (store.EraseResult, error) {
	standing, err := w.standing(key)
	if errors.Is(err, errRow) {
		return store.EraseResult{Err: err}, nil
	}
	if err != nil {
		return store.EraseResult{}, err
	}
	tombstone := standing.Erase(at)
	_, err = w.w.Exec(putTombstone, key, store.FormatTime(tombstone.ObservedAt), w.now, store.FormatTime(tombstone.ErasedAt))
	return store.EraseResult{Erased: standing.Live}, err
}

// standing reads what decides the next write of a key.
func (w writes) standing(key string) (store.Standing, error) {
	var original, erased *string
	var observed string
	found, err := w.w.First(selectStanding, sqlitefile.Args{key}, &original, &observed, &erased)
	if err != nil || !found {
		return store.Standing{}, err
	}
	s := store.Standing{Live: original != nil, Erased: erased != nil}
	if s.Live {
		s.Original = store.NewOriginal(*original)
	}
	if s.ObservedAt, err = store.ParseTime(observed); err != nil {
		return s, errRow
	}
	if s.Erased {
		if s.ErasedAt, err = store.ParseTime(*erased); err != nil {
			return s, errRow
		}
	}
	return s, nil
}
