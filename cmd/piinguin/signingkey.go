package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/durable"
)

// addAuditKey adds the flag of the signing key for serve, prune, hold and rotate, which write to the ledger. Only serve makes
// the file, and says so in more.
func addAuditKey(flags *pflag.FlagSet, path *string, more string) {
	flags.StringVar(path, "audit-key", "piinguin-audit.key", "`file` of the ledger's signing key"+more)
}

// openKey reads the ledger's signing key, or makes it on the first run. The key and the ledger
// begin together. If only one of them is there, the other was lost, and a new one must not take
// its place in silence: the ledger would begin again at entry 0 under the same key, and verify
// would find it whole.
func openKey(ctx context.Context, path string, ledger audit.Reader, name string) (audit.Key, error) {
	_, err := ledger.VerifierKey(ctx)
	begun := err == nil
	if err != nil && !errors.Is(err, audit.ErrNotFound) {
		return audit.Key{}, err
	}
	key, err := readKey(path, "--audit-key")
	switch {
	case errors.Is(err, fs.ErrNotExist) && begun:
		return audit.Key{}, fmt.Errorf("the ledger has a key, but --audit-key %s is not there", path)
	case errors.Is(err, fs.ErrNotExist):
		return makeKey(path, name)
	case err == nil && !begun:
		return audit.Key{}, fmt.Errorf("--audit-key %s is there, but the store holds no ledger: if the store was lost, restore it; "+
			"to begin a new ledger, move the key away", path)
	}
	return key, err
}

// readKey reads the file of a signing key, which a flag names. The error wraps fs.ErrNotExist if there is
// none.
func readKey(path, flag string) (audit.Key, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return audit.Key{}, fmt.Errorf("%s: %w", flag, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return audit.Key{}, fmt.Errorf("%s: %w", flag, err)
	}
	if openToOthers(info) {
		return audit.Key{}, fmt.Errorf("%s %s can be read by others than its owner; chmod 600 it", flag, path)
	}
	key, err := audit.ParseKey(string(text))
	if err != nil {
		return audit.Key{}, fmt.Errorf("%s %s: %w", flag, path, err)
	}
	return key, nil
}

// makeKey makes a key and its file, under the ledger's name. Of two servers that start at the same moment
// one fails: they must not sign with different keys.
func makeKey(path, name string) (audit.Key, error) {
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		return audit.Key{}, err
	}
	if err := durable.Create(path, 0o600, durable.Bytes([]byte(key.Text(name)+"\n"))); err != nil {
		return audit.Key{}, fmt.Errorf("make the audit key: %w", err)
	}
	return key, nil
}
