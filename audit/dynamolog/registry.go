package dynamolog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"github.com/piinguin/piinguin/audit"
)

const (
	keyPartition  = "ledger/key"
	logsPartition = "ledger/logs"
)

func logItem(log string) item {
	sum := sha256.Sum256([]byte(log))
	it := key(logsPartition, strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 10))
	it["log"] = text(log)
	return it
}

// Register implements audit.Registry.
func (s *Store) Register(ctx context.Context, log string) error {
	if err := s.putNew(ctx, "register", logItem(log)); !errors.Is(err, audit.ErrTaken) {
		return err
	}
	return nil
}

// Logs implements audit.Registry.
func (s *Store) Logs(ctx context.Context) ([]string, error) {
	var logs []string
	for it, err := range s.rows(ctx, logsPartition, "0", true) {
		if err != nil {
			return nil, err
		}
		if log, ok := textOf(it, "log"); ok {
			logs = append(logs, log)
		}
	}
	slices.Sort(logs)
	return logs, nil
}

// KeepVerifierKey implements audit.Registry.
func (s *Store) KeepVerifierKey(ctx context.Context, verifier string) (string, error) {
	it := key(keyPartition, "0")
	it["verifier"] = text(verifier)
	if err := s.putNew(ctx, "keep verifier key", it); err != nil && !errors.Is(err, audit.ErrTaken) {
		return "", err
	}
	return s.VerifierKey(ctx)
}

// VerifierKey implements audit.Evidence.
func (s *Store) VerifierKey(ctx context.Context) (string, error) {
	it, err := s.get(ctx, "read verifier key", key(keyPartition, "0"))
	if err != nil {
		return "", err
	}
	verifier, ok := textOf(it, "verifier")
	if !ok {
		return "", &audit.RowError{Row: audit.KeyRow, Problem: "its verifier is not a text"}
	}
	return verifier, nil
}
