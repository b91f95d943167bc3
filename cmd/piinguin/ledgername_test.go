package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A ledger has the name that it was given at its first start, or one that nobody else has, and keeps it.
func TestLedgerName(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		dev := []string{"--dev", "--store", in.store}
		refused := func(says string, args ...string) {
			t.Helper()
			code, _, stderr := in.run(t, "piinguin", append(append([]string{"serve", "--listen", "127.0.0.1:0"}, dev...), args...)...)
			if code != 2 || !strings.Contains(stderr, says) {
				t.Errorf("serve %q: exit %d, says %q, want %q", args, code, stderr, says)
			}
		}
		for _, name := range []string{"https://acme.com", "Acme.com", "acme.com/1", "acme.com/", "acme.com/a.b", strings.Repeat("a", 64)} {
			refused("--ledger-name must be a URL without a scheme", "--ledger-name", name)
		}
		refused("there is no ledger here", "--accept-rollback", "--ledger-name", "acme.com/new")
		if _, err := os.Stat(filepath.Join(in.dir, "piinguin-dev", "audit.key")); err == nil {
			t.Error("a start that was refused made a key")
		}
		in.serve(t, append(dev, "--ledger-name", "vault.acme.com/pii")...).stop(t)
		refused("the ledger in the store is vault.acme.com/pii, and keeps its name", "--ledger-name", "vault.acme.com/other")
		in.serve(t, dev...).stop(t) // the name is in the store
		keys := strings.Fields(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store))
		if !strings.HasPrefix(keys[0], "vault.acme.com/pii+") || !strings.HasPrefix(keys[1], "vault.acme.com/pii/1+") {
			t.Errorf("audit key prints %q", keys)
		}
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "show", "spine/0", "--store", in.store), "ledger ", "vault.acme.com/pii")
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--key", keys[0]), "Ledger vault.acme.com/pii")
		wantFinding(t, in, []string{"audit", "verify", "--store", in.store, "--key", strings.Replace(otherNames(t, keys[0], "acme.com/else"), "\n", "", 1)}, "another name")
	})
}

// A ledger that was given no name makes one.
func TestLedgerNameIsMade(t *testing.T) {
	made := map[string]bool{}
	for range 2 {
		onSQLite(t, func(t *testing.T, in *install) {
			in.serve(t, "--dev").stop(t)
			name, _, _ := strings.Cut(in.keyLine(t), "+")
			if !regexp.MustCompile(`^piinguin\.internal/[0-9a-f]{16}$`).MatchString(name) || made[name] {
				t.Errorf("the ledger is called %s", name)
			}
			made[name] = true
		})
	}
}

// oldSchema is what a ledger of the format before this one had.
const oldSchema = `CREATE TABLE audit_logs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE audit_pages (log INTEGER NOT NULL, number INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (log, number)) WITHOUT ROWID;
CREATE TABLE audit_entries (log TEXT NOT NULL, idx INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (log, idx));
CREATE TABLE audit_ledger (id INTEGER PRIMARY KEY, verifier TEXT NOT NULL)`

// A store of the older format is refused in words by every command, and is not opened as an empty one.
func TestOldStoreIsRefused(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		if err := os.MkdirAll(filepath.Join(in.dir, "piinguin-dev"), 0o700); err != nil {
			t.Fatal(err)
		}
		if in.db == nil {
			if _, err := in.sqlite(t).ExecContext(t.Context(), oldSchema); err != nil {
				t.Fatal(err)
			}
		} else if _, err := in.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &in.audit, Item: map[string]types.AttributeValue{
			"partition": &types.AttributeValueMemberS{Value: "ledger/key"}, "number": &types.AttributeValueMemberN{Value: "0"},
			"verifier": &types.AttributeValueMemberS{Value: "ledger+1+A"},
		}}); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"serve", "--listen", "127.0.0.1:0", "--dev"}, {"audit", "verify"}, {"audit", "list"}, {"audit", "key"}, {"audit", "export", "--out", "out"},
			{"audit", "prune", "--before", "2020-01-01"}, {"audit", "hold", "--reference", "r"}, {"audit", "key", "rotate", "--next-key", "next.key"},
		} {
			code, _, stderr := in.run(t, "piinguin", append(args, "--store", in.store)...)
			if code != 2 || !strings.Contains(stderr, "a ledger of another format") {
				t.Errorf("%q: exit %d, says %q", args, code, stderr)
			}
		}
		for _, file := range []string{"piinguin-dev/audit.key", "piinguin-audit.key", "next.key", "out"} {
			if _, err := os.Stat(filepath.Join(in.dir, file)); err == nil {
				t.Errorf("%s was made", file)
			}
		}
		if in.db != nil && len(in.scan(t, in.audit)) != 1 {
			t.Error("something was written into the table")
		}
	})
}
