package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// The ledger and its key begin together. Where one of them is there alone, the other was lost: a new one would
// hide that.
const testName = "ledger.test/pii"

func TestOpenKey(t *testing.T) {
	key, err := audit.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		begun bool        // the ledger has its verifier key
		mode  os.FileMode // of the key's file; 0: there is none
		text  string
		fails string
	}{
		"a first start":        {},
		"a later start":        {begun: true, mode: 0o600, text: key.Text(testName) + "\n"},
		"a key alone":          {mode: 0o600, text: key.Text(testName), fails: "the store holds no ledger"},
		"a ledger alone":       {begun: true, fails: "is not there"},
		"a key for everybody":  {begun: true, mode: 0o644, text: key.Text(testName), fails: "chmod 600"},
		"a key that is broken": {begun: true, mode: 0o600, text: "CANARY", fails: "--audit-key"},
	} {
		path, ledger := filepath.Join(t.TempDir(), "audit.key"), audit.NewMem()
		if c.begun {
			if _, err := ledger.KeepVerifierKey(t.Context(), key.Verifier().Text(testName)); err != nil {
				t.Fatal(err)
			}
		}
		if c.mode != 0 {
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
		}
		got, err := openKey(t.Context(), path, ledger, testName)
		if c.fails != "" {
			after, _ := os.ReadFile(path)
			if err == nil || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "CANARY") || string(after) != c.text {
				t.Errorf("%s: %v, want %q; the file has %q", name, err, c.fails, after)
			}
			continue
		}
		kept, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || strings.TrimSpace(string(kept)) != got.Text(testName) || (c.begun && got.Text(testName) != key.Text(testName)) {
			t.Errorf("%s: %v, %v", name, err, readErr)
		}
	}
}
