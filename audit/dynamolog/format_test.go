package dynamolog_test

import (
	"errors"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// TestOldFormatIsRefused: a table that a server of the format before has filled is not an empty one. Its
// key stood at ledger/key.
func TestOldFormatIsRefused(t *testing.T) {
	x := newTable(t)
	old := item{"partition": text("ledger/key"), "number": decimal("0"), "verifier": text("piinguin+1+x")}
	x.put(t, old)
	key := newKey(t)
	given := key.Verifier()
	for name, call := range map[string]func() error{
		"Open": func() error { _, err := audit.Open(t.Context(), audit.Config{Store: x.Store, Key: key}); return err },
		"Verify": func() error {
			_, err := audit.Verify(t.Context(), x.Store, audit.VerifyOptions{Key: &given, Name: ledgerName})
			return err
		},
		"VerifierKey":            func() error { _, err := x.VerifierKey(t.Context()); return err },
		"VerifierKey of Reviews": func() error { _, err := x.Reviews().VerifierKey(t.Context()); return err },
		"KeepVerifierKey":        func() error { _, err := x.KeepVerifierKey(t.Context(), given.Text(ledgerName)); return err },
	} {
		if err := call(); !errors.Is(err, audit.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	if rows := x.rows(t); len(rows) != 1 {
		t.Errorf("to refuse a table left %d rows in it, want 1", len(rows))
	}
}
