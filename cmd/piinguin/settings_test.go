package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A table of DynamoDB that is named beside SQLite: the data would not be where its owner looks.
func TestTableWithoutDynamoDB(t *testing.T) {
	for _, variable := range []string{"PIINGUIN_TABLE_NAME", "PIINGUIN_DYNAMODB_TABLE", "PIINGUIN_DYNAMO_TABLE", "PIINGUIN_AUDIT_TABLE_NAME"} {
		in := newTestInstall(t)
		in.env = append(in.env, variable+"=mine")
		code, stdout, stderr := in.run(t, "piinguin", "serve", "--dev", "--listen", "127.0.0.1:0")
		if code != 2 || stdout != "" || !strings.Contains(stderr, "set --store dynamodb") {
			t.Errorf("%s: exit %d, prints %q, says %q", variable, code, stdout, stderr)
		}
		if _, err := os.Stat(filepath.Join(in.dir, "piinguin-dev", "piinguin.db")); err == nil {
			t.Errorf("%s: an SQLite store was made", variable)
		}
	}
	in := newTestInstall(t)
	if code, _, stderr := in.run(t, "piinguin", "audit", "verify", "--store", "sqlite:x.db", "--audit-table-name", "mine"); code != 2 || !strings.Contains(stderr, "set --store dynamodb") {
		t.Errorf("verify: exit %d, says %q", code, stderr)
	}
}

// A name that no table can have is refused by its flag's name, before AWS is asked.
func TestTableNames(t *testing.T) {
	in := newTestInstall(t)
	for _, name := range []string{"ab", "my/table", "tablé", strings.Repeat("x", 256), "a table", "arn:"} {
		for flag, command := range map[string][]string{
			"--table-name": {"tables", "create"}, "--audit-table-name": {"audit", "verify", "--store", "dynamodb"},
		} {
			code, stdout, stderr := in.run(t, "piinguin", append(command, flag, name)...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, flag+" (PIINGUIN_") || !strings.Contains(stderr, "must have 3 to 255") {
				t.Errorf("%s %q: exit %d, prints %q, says %q", flag, name, code, stdout, stderr)
			}
		}
	}
}

// The error of a variable's value names that variable too.
func TestTableNameOfTheOriginal(t *testing.T) {
	for _, variable := range []string{"PIINGUIN_TABLE_NAME", "PIINGUIN_DYNAMODB_TABLE", "PIINGUIN_DYNAMO_TABLE"} {
		in := newTestInstall(t)
		in.env = append(in.env, variable+"=my/table")
		if code, _, stderr := in.run(t, "piinguin", "tables", "create"); code != 2 || !strings.Contains(stderr, variable) {
			t.Errorf("%s: exit %d, says %q", variable, code, stderr)
		}
	}
}

// A machine that runs the server has its PIINGUIN_STORE: a reviewer's question is asked of the server, and
// recorded, all the same.
func TestStoreOfTheEnvironmentIsNotReviewed(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		in.env = append(in.env, "PIINGUIN_STORE="+in.store, "PIINGUIN_PORT=tcp://10.0.0.1:8080")
		for _, args := range [][]string{{"list"}, {"show", "1/0"}, {"prove", "1/0"}} {
			code, _, stderr := in.run(t, "piinguin", append([]string{"audit"}, args...)...)
			if code != 2 || !strings.Contains(stderr, "an auditor's credential is required") || !strings.Contains(stderr, "PIINGUIN_PORT is passed over") {
				t.Errorf("%q: exit %d, says %q", args, code, stderr)
			}
		}
		in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "list")...)
		_, out, _ := in.run(t, "piinguin", p.flags("auditor", "audit", "list", "--mine", "--json")...)
		if !strings.Contains(out, `"operation":"REVIEW"`) {
			t.Errorf("the review was not recorded: %s", out)
		}
	})
}

// A variable says nothing for a call that did not say it: no filter, no statement, no override.
func TestVariablesSayNothingForACall(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		in.mustRun(t, 0, "piinguin", p.flags("writer", "create", "k", "v")...)
		for flag, value := range map[string]string{
			"REFERENCE": "X", "PURPOSE": "X", "CALLER": "X", "LOG": "X", "FROM": "2099-01-01", "TO": "1999-01-01", "SUBJECT": "X", "BASIS": "CONSENT",
			"OPERATION": "READ", "OUTCOME": "ERROR", "REQUEST_ID": "X", "BEFORE": "X", "LIMIT": "0", "COLUMNS": "log", "JSON": "true", "CSV": "true",
			"CHECKPOINT": "/nowhere", "KEY": "X", "OUT": "/nowhere", "FORCE_RETENTION": "true", "RETENTION_MONTHS": "0", "DEV": "true", "ALLOW_PLAINTEXT": "true",
		} {
			in.env = append(in.env, "PIINGUIN_"+flag+"="+value)
		}
		if out := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "list")...); !strings.Contains(out, "CREATE") || strings.HasPrefix(out, "{") {
			t.Errorf("audit list prints %s", out)
		}
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		in.wantUsageError(t, "piinguin", p.flags("reader", "read", "k"), "processing_basis")
		in.wantUsageError(t, "piinguin", []string{"audit", "prune", "--store", in.store, "--before", "2099-01-01"}, "within the retention of 12 months")
		in.wantUsageError(t, "piinguin", []string{"serve", "--listen", "127.0.0.1:0"}, "--dev")
		in.wantUsageError(t, "piinguin", []string{"serve", "--listen", "0.0.0.0:0", "--tokens", "t"}, "TLS is required")
	})
}

// A misspelt setting is one that somebody believes to be in force.
func TestUnknownVariablesAreTold(t *testing.T) {
	in := newTestInstall(t)
	in.env = append(in.env, "PIINGUIN_REQUIRE_PURPSE=canary", "PIINGUIN_SERVICE_HOST=10.0.0.1", "PIINGUIN_PORT_8080_TCP=tcp://10.0.0.1:8080")
	_, _, stderr := in.run(t, "piinguin", "serve", "--tokens", "missing.txt")
	if !hasLine(stderr, []string{`"level":"warn"`, "PIINGUIN_REQUIRE_PURPSE (did you mean PIINGUIN_REQUIRE_PURPOSE?)"}) || strings.Contains(stderr, "10.0.0.1") || strings.Contains(stderr, "canary") {
		t.Errorf("serve says %s", stderr)
	}
	_, _, stderr = in.run(t, "piinguin-relay", "replay", "--dry-run", "missing.tsv")
	if !strings.Contains(stderr, "PIINGUIN_REQUIRE_PURPSE (did you mean PIINGUIN_REQUIRE_PURPOSE?) is passed over") || strings.Contains(stderr, "SERVICE") {
		t.Errorf("replay says %s", stderr)
	}
}

// A number that means nothing is refused by the name of its flag, and never replaced by a default, before anything is made.
func TestNumbersThatMeanNothing(t *testing.T) {
	in := newTestInstall(t)
	for _, c := range []struct{ command, flag, values string }{
		{"serve --dev", "--append-timeout", "0s -1s"},
		{"serve --dev", "--anchor-every", "0s -1s"},
		{"serve --dev", "--anchor-retention", "0s -1s"},
		{"serve --dev", "--limit-requests", "-1 NaN +Inf 1e300"},
		{"serve --dev", "--limit-records", "-1"},
		{"read 123 --basis CONSENT", "--port", "0 -1 65536"},
		{"read 123 --basis CONSENT", "--timeout-sec", "0 -1 86401 9223372037"},
		{"audit list --token t", "--limit", "-1"},
		{"audit export", "--from", "-1"},
		{"audit prune --before 2020-01-01", "--retention-months", "-1"},
	} {
		for _, value := range strings.Fields(c.values) {
			in.wantUsageError(t, "piinguin", append(strings.Fields(c.command), c.flag+"="+value), "piinguin: "+c.flag+" must ")
		}
	}
	if made, err := os.ReadDir(in.dir); err != nil || len(made) > 0 {
		t.Errorf("a refused command made %v %v", made, err)
	}
}

func TestTokenList(t *testing.T) {
	in := newTestInstall(t)
	hash := sha256.Sum256([]byte("t"))
	for i, line := range []string{"relay writer ", "alice@acme.com reader,eraser "} {
		hash[0] = byte(i)
		in.keepToken(t, line+hex.EncodeToString(hash[:])+[]string{"", " expires=2020-01-31"}[i])
	}
	out := in.mustRun(t, 0, "piinguin", "token", "list")
	want := "NAME            ROLES          EXPIRES\nrelay           writer         never\nalice@acme.com  reader,eraser  2020-01-31T00:00:00Z (ended)\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out = in.mustRun(t, 0, "piinguin", "token", "list", "--json")
	want = `[{"name":"relay","roles":["writer"],"expires":null},{"name":"alice@acme.com","roles":["reader","eraser"],"expires":"2020-01-31T00:00:00Z"}]` + "\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	in.keepToken(t, "canary canary canary")
	if code, stdout, stderr := in.run(t, "piinguin", "token", "list"); code != 2 || stdout != "" || !strings.Contains(stderr, "line 3") || strings.Contains(stderr, "canary") {
		t.Errorf("a broken file: exit %d, prints %q, says %q", code, stdout, stderr)
	}
}

// keepToken adds a line to tokens.txt.
func (in *install) keepToken(t *testing.T, line string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(in.dir, "tokens.txt"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
