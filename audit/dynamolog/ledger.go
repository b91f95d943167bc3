package dynamolog

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/audit"
)

const (
	ledgerPartition = "~ledger"
	// oldKeyPartition is where a ledger of the format before had its key.
	oldKeyPartition = "ledger/key"
)

// KeepVerifierKey implements audit.Backend.
func (s *Store) KeepVerifierKey(ctx context.Context, verifier string) (string, error) {
	if kept, err := s.VerifierKey(ctx); !errors.Is(err, audit.ErrNotFound) {
		return kept, err
	}
	it := key(ledgerPartition, 0)
	it["verifier"] = text(verifier)
	if err := s.putNew(ctx, "keep verifier key", it); err != nil && !errors.Is(err, audit.ErrTaken) {
		return "", err
	}
	return s.VerifierKey(ctx)
}

// VerifierKey implements audit.Reader.
func (s rows) VerifierKey(ctx context.Context) (string, error) {
	it, err := s.get(ctx, "read verifier key", key(ledgerPartition, 0))
	if errors.Is(err, audit.ErrNotFound) {
		return "", s.notFound(ctx)
	}
	if err != nil {
		return "", err
	}
	verifier, ok := textOf(it, "verifier")
	if !ok || len(it) != 3 {
		return "", &audit.RowError{Row: audit.KeyRow, Problem: "its attributes are not those of a verifier key"}
	}
	return verifier, nil
}

// notFound returns audit.ErrNotFound, or audit.ErrFormat if the ledger is of the format before. That one
// has no spine: a row added beside one cannot make a ledger look old that only lost its own.
func (s rows) notFound(ctx context.Context) error {
	_, err := s.get(ctx, "read verifier key", key(oldKeyPartition, 0))
	if err != nil {
		return err
	}
	for _, err := range s.each(ctx, audit.Spine.String(), nil) {
		if err == nil {
			err = audit.ErrNotFound
		}
		return err
	}
	return audit.ErrFormat
}

// get returns a row, or audit.ErrNotFound.
func (s rows) get(ctx context.Context, operation string, key item) (item, error) {
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, failure(ctx, operation, err)
	}
	if out.Item == nil {
		return nil, audit.ErrNotFound
	}
	return out.Item, nil
}
