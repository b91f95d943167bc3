package sqlitestore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/piinguin/piinguin/server/store"
)

const selectRecords = `SELECT modified_value, original_value, observed_at, field_name, json_path, schema, hash_function, parent_event_id
FROM records WHERE original_value IS NOT NULL AND modified_value IN `

// Get implements store.Store. All keys are read in one statement, so from one
// state of the file.
func (s *Store) Get(ctx context.Context, modifiedValues []string) []store.GetResult {
	store.CheckBatch(len(modifiedValues))
	results := make([]store.GetResult, len(modifiedValues))
	if len(modifiedValues) == 0 {
		return results
	}
	found, err := s.records(ctx, modifiedValues)
	for i, key := range modifiedValues {
		switch r, ok := found[key]; {
		case err != nil:
			results[i].Err = failure(ctx, "read", err)
		case !ok:
			results[i].Err = store.ErrNotFound
		default:
			results[i] = r
		}
	}
	return results
}

func (s *Store) records(ctx context.Context, keys []string) (map[string]store.GetResult, error) {
	rows, err := s.query(ctx, keys)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	found := make(map[string]store.GetResult, len(keys))
	for rows.Next() {
		key, result, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found[key] = result
	}
	return found, rows.Err()
}

func (s *Store) query(ctx context.Context, keys []string) (*sql.Rows, error) {
	if len(keys) == 1 {
		return s.readOne.QueryContext(ctx, keys[0])
	}
	args := make([]any, len(keys))
	for i, key := range keys {
		args[i] = key
	}
	return s.read.QueryContext(ctx, selectRecords+"(?"+strings.Repeat(",?", len(keys)-1)+")", args...)
}

func scan(rows *sql.Rows) (key string, result store.GetResult, err error) {
	var r store.Record
	var original, observed string
	err = rows.Scan(&r.ModifiedValue, &original, &observed, &r.Source.FieldName, &r.Source.JSONPath,
		&r.Source.Schema, &r.Source.HashFunction, &r.Source.ParentEventID)
	if err != nil {
		return "", result, err
	}
	r.Original = store.NewOriginal(original)
	if r.ObservedAt, err = store.ParseTime(observed); err != nil {
		return r.ModifiedValue, store.GetResult{Err: errRow}, nil //nolint:nilerr // the row's fault is its result
	}
	return r.ModifiedValue, store.GetResult{Record: r}, nil
}

// Ready implements store.Store: it reads from the table.
func (s *Store) Ready(ctx context.Context) error {
	if _, err := s.records(ctx, []string{""}); err != nil {
		return failure(ctx, "ready", err)
	}
	return nil
}
