package sqlitestore

import (
	"context"
	"errors"
	"math/bits"
	"strings"

	"github.com/piinguin/piinguin/internal/gather"
	"github.com/piinguin/piinguin/internal/sqlitefile"
	"github.com/piinguin/piinguin/server/store"
)

const selectRecords = `SELECT modified_value, original_value, observed_at, field_name, json_path, schema, hash_function, parent_event_id
FROM records WHERE original_value IS NOT NULL AND modified_value IN `

// gathered has lookups of one key share statements. After each commit of the ledger a connection looks at the file's
// locks and reads again the pages that it needs, which is more than half of a lookup: two statements at a time hold
// more keys than four. Where they are slow, because the file is not in memory, keys gather until there are enough for
// the other connections that read, and are read side by side.
var gathered = gather.Limits{Most: 16, Flights: sqlitefile.Readers, Eager: 2}

// Get implements store.Store. One statement reads all keys, so from one state of the file. Calls for a single
// key share statements.
func (s *Store) Get(ctx context.Context, modifiedValues []string) []store.GetResult {
	store.CheckBatch(len(modifiedValues))
	if len(modifiedValues) == 1 {
		return []store.GetResult{s.single.Ask(ctx, modifiedValues[0])}
	}
	return s.fetch(ctx, modifiedValues)
}

// shared reads keys of several callers. A statement ends at the first page that is damaged: then each key is read
// alone, so that only those on such a page fail.
func (s *Store) shared(ctx context.Context, keys []string) []store.GetResult {
	results := s.fetch(ctx, keys)
	if len(keys) == 1 || ctx.Err() != nil {
		return results
	}
	for i, r := range results {
		if r.Err != nil && !errors.Is(r.Err, store.ErrNotFound) {
			results[i] = s.fetch(ctx, keys[i:i+1])[0]
		}
	}
	return results
}

// fetch reads keys in one statement.
func (s *Store) fetch(ctx context.Context, modifiedValues []string) []store.GetResult {
	results := make([]store.GetResult, len(modifiedValues))
	if len(modifiedValues) == 0 {
		return results
	}
	found, err := s.records(ctx, modifiedValues)
	for i, key := range modifiedValues {
		switch r, ok := found[key]; {
		case err != nil:
			results[i].Err = failure("read", err)
		case !ok:
			results[i].Err = store.ErrNotFound
		default:
			results[i] = r
		}
	}
	return results
}

func (s *Store) records(ctx context.Context, keys []string) (map[string]store.GetResult, error) {
	found := make(map[string]store.GetResult, len(keys))
	query, args := selectOf(keys)
	err := s.file.Read(ctx, func(r sqlitefile.Reader) error {
		return r.Each(query, args, func(scan sqlitefile.Scan) error {
			key, result, err := record(scan)
			found[key] = result
			return err
		})
	})
	return found, err
}

// selectOf repeats the last key until there are a power of two. So a connection prepares ten
// statements, and not one for every number of keys.
func selectOf(keys []string) (query string, args sqlitefile.Args) {
	args = make(sqlitefile.Args, 1<<bits.Len(uint(len(keys)-1)))
	for i := range args {
		args[i] = keys[min(i, len(keys)-1)]
	}
	return selectRecords + "(?" + strings.Repeat(",?", len(args)-1) + ")", args
}

func record(scan sqlitefile.Scan) (key string, result store.GetResult, err error) {
	var r store.Record
	var original, observed string
	err = scan(&r.ModifiedValue, &original, &observed, &r.Source.FieldName, &r.Source.JSONPath,
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
		return failure("ready", err)
	}
	return nil
}
