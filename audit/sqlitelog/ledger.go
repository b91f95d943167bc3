package sqlitelog

import (
	"context"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/sqlitefile"
)

// KeepVerifierKey implements audit.Backend.
func (s *Store) KeepVerifierKey(ctx context.Context, key string) (string, error) {
	err := s.write(ctx, "keep verifier key", func(w sqlitefile.Writer) error {
		_, err := w.Exec(`INSERT OR IGNORE INTO audit_ledger VALUES (0, ?)`, key)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.VerifierKey(ctx)
}

// maxKey is the size limit of a verifier key's text in bytes.
const maxKey = 1 << 10

// VerifierKey implements audit.Reader.
func (s rows) VerifierKey(ctx context.Context) (key string, err error) {
	err = s.read(ctx, "read verifier key", func(r sqlitefile.Reader) error {
		found, err := r.First(`SELECT `+begin("verifier")+` FROM audit_ledger WHERE id = 0`, sqlitefile.Args{maxKey}, &key)
		if err == nil && !found {
			return audit.ErrNotFound
		}
		return err
	})
	return key, err
}
