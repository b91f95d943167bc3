package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

const canary = "CANARY-original-4711"

func post(t *testing.T, p *process, token, method, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.address+"/twirp/piinguin.v1."+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(out)
}

// The main job from end to end, as a user has it: the built binaries, real HTTP,
// a real engine.
func TestMainJob(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.start(t)
		callInJSON(t, p)
		replaySamples(t, in, p)
		listByServer(t, in, p)
		p.stop(t)
		verifyAndTamper(t, in)
		if strings.Contains(in.log(), canary) {
			t.Error("an original value is in the server's log")
		}
	})
}

func callInJSON(t *testing.T, p *process) {
	t.Helper()
	for _, c := range []struct {
		token, method, body string
		status              int
		holds               []string
	}{
		{"dev-writer", "Piinguin/CreatePiiRecord", `{"pii_record":{"modified_value":"123","original_value":"` + canary + `"}}`, 200, []string{`"receipt"`}},
		{"dev-reader", "Piinguin/ReadPiiRecord", `{"modified_value":"123","processing_basis":"CONSENT","purpose":"support"}`, 200, []string{canary, `"receipt"`, `"leaf_hash"`}},
		{"dev-reader", "Piinguin/ReadPiiRecord", `{"modified_value":"123"}`, 400, []string{"invalid_argument", "processing_basis"}},
		{"dev-writer", "Piinguin/ReadPiiRecord", `{"modified_value":"123","processing_basis":"CONSENT","purpose":"support"}`, 403, []string{"permission_denied"}},
		{"dev-reader", "Piinguin/ReadPiiRecord", `{"modified_value":"nobody","processing_basis":"CONSENT"}`, 404, []string{"not_found"}},
		{"nobody", "Piinguin/ReadPiiRecord", `{"modified_value":"123","processing_basis":"CONSENT"}`, 401, []string{"unauthenticated"}},
		{"dev-writer", "Piinguin/CreatePiiRecord", `rubbish`, 400, []string{"malformed"}},
		{"dev-eraser", "Piinguin/DeletePiiRecord", `{"modified_value":"123"}`, 200, []string{`"erased":true`}},
		{"dev-reader", "Piinguin/ReadPiiRecord", `{"modified_value":"123","processing_basis":"CONSENT"}`, 404, []string{"not_found"}},
	} {
		status, body := post(t, p, c.token, c.method, c.body)
		if status != c.status {
			t.Fatalf("%s as %s: status %d, want %d: %s", c.method, c.token, status, c.status, body)
		}
		for _, want := range c.holds {
			if !strings.Contains(body, want) {
				t.Errorf("%s as %s: %s, want %q in it", c.method, c.token, body, want)
			}
		}
		if status != 200 && strings.Contains(body, canary) {
			t.Errorf("an error holds the original value: %s", body)
		}
	}
}

func samples(t *testing.T, names ...string) []string {
	t.Helper()
	var paths []string
	for _, name := range names {
		path, err := filepath.Abs(filepath.Join("../../relay/testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func replaySamples(t *testing.T, in *install, p *process) {
	t.Helper()
	raw, err := os.ReadFile(samples(t, "expected_pairs.json")[0])
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"123": ""} // erased before
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	before := ""
	for range 2 {
		out := in.mustRun(t, 1, "piinguin-relay", p.flags("writer", append([]string{"replay", "--json"}, samples(t, "pii_events.tsv", "pii_events.jsonl")...)...)...)
		var sum map[string]int
		if err := json.Unmarshal([]byte(out), &sum); err != nil {
			t.Fatal(err)
		}
		if sum["events"] != 7 || sum["skipped"] != 1 || sum["quarantined"] != 1 || sum["stored"] != 12 {
			t.Errorf("summary %v", sum)
		}
		whole, pairs := in.originals(t)
		if diff := cmp.Diff(want, pairs); diff != "" {
			t.Errorf("the store (-want +have):\n%s", diff)
		}
		if before != "" && whole != before {
			t.Errorf("the second run changed the store:\n%s", cmp.Diff(before, whole))
		}
		before = whole
	}
	in.mustRun(t, 0, "piinguin-relay", p.flags("writer", append([]string{"replay"}, samples(t, "pii_events.jsonl")...)...)...)
	if code, _, stderr := in.run(t, "piinguin-relay", p.flags("reader", append([]string{"replay"}, samples(t, "pii_events.jsonl")...)...)...); code != 2 {
		t.Errorf("replay with a reader's token: exit %d, want 2: %s", code, stderr)
	}
}

func listByServer(t *testing.T, in *install, p *process) {
	t.Helper()
	table := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "list", "--wide")...)
	for _, want := range [][]string{{"READ", "DENIED", "role_required", "dev-writer"}, {"READ", "NOT_FOUND", "nobody"}, {"READ", "GRANTED", "CONSENT", "support"}, {"OPEN"}} {
		if !hasLine(table, want) {
			t.Errorf("audit list has no line with %v:\n%s", want, table)
		}
	}
	lines := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "list", "--outcome", "denied", "--operation", "READ", "--json")...)
	e, err := audit.Parse([]byte(strings.TrimSuffix(lines, "\n")))
	if err != nil || e.Caller != "dev-writer" || e.ModifiedValue != "123" {
		t.Errorf("audit list --json: %v %v", e, err)
	}
	name := e.Place().String()
	shown := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "show", name)...)
	direct := in.mustRun(t, 0, "piinguin", "audit", "show", name, "--store", in.store)
	if shown != direct || !hasLine(shown, []string{"leaf_hash", audit.LeafHash([]byte(strings.TrimSuffix(lines, "\n"))).String()}) {
		t.Errorf("audit show by the server:\n%s\nand from the tables:\n%s", shown, direct)
	}
	csv := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--csv", "--subject", "nobody")
	if n := strings.Count(csv, "\n"); n != 2 {
		t.Errorf("audit list --csv of one entry:\n%s", csv)
	}
	if code, _, stderr := in.run(t, "piinguin", p.flags("reader", "audit", "list")...); code != 2 || !strings.Contains(stderr, "permission_denied") {
		t.Errorf("audit list as a reader: exit %d: %s", code, stderr)
	}
	all := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json")
	if strings.Contains(all, canary) {
		t.Error("an original value is in the ledger")
	}
}

func hasLine(text string, words []string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

func verifyAndTamper(t *testing.T, in *install) {
	t.Helper()
	out := in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
	if !hasLine(out, []string{"Ledger " + ledgerName}) || !strings.Contains(out, "The ledger is whole.") {
		t.Errorf("audit verify:\n%s", out)
	}
	key, _, _ := strings.Cut(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store), "\n")
	if err := os.WriteFile(filepath.Join(in.dir, "key"), []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--key", key)
	in.mustRun(t, 2, "piinguin", "audit", "verify", "--store", in.store, "--key", "rubbish")
	in.mustRun(t, 2, "piinguin", "audit", "verify", "--store", "sqlite:not-there.db")
	row := in.tamper(t)
	for _, args := range [][]string{nil, {"--key", "@key"}, {"--json"}} {
		out = in.mustRun(t, 1, "piinguin", append([]string{"audit", "verify", "--store", in.store}, args...)...)
		if !strings.Contains(out, row) {
			t.Errorf("audit verify %v does not name %s:\n%s", args, row, out)
		}
	}
}

// tamper changes the caller in one stored entry and returns the row's name.
func (in *install) tamper(t *testing.T) string {
	t.Helper()
	if in.db == nil {
		db := in.sqlite(t)
		var log audit.LogID
		var page int64
		if err := db.QueryRowContext(t.Context(), `SELECT log, page FROM audit_entries WHERE outcome = 'DENIED' LIMIT 1`).Scan(&log, &page); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `UPDATE audit_pages SET lines = replace(lines, 'dev-writer', 'somebody') WHERE id = ? << 40 | ?`, log, page); err != nil {
			t.Fatal(err)
		}
		return audit.PageRow(log, page)
	}
	for _, it := range in.scan(t, in.audit) {
		entries, ok := it["lines"].(*types.AttributeValueMemberL)
		if !ok {
			continue
		}
		for i, v := range entries.Value {
			line, _ := v.(*types.AttributeValueMemberS)
			if !bytes.Contains([]byte(line.Value), []byte(`"DENIED"`)) {
				continue
			}
			e, err := audit.Parse([]byte(line.Value))
			if err != nil {
				t.Fatal(err)
			}
			entries.Value[i] = &types.AttributeValueMemberS{Value: strings.ReplaceAll(line.Value, "dev-writer", "somebody")}
			if _, err := in.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &in.audit, Item: it}); err != nil {
				t.Fatal(err)
			}
			number, _ := it["number"].(*types.AttributeValueMemberN)
			return "page " + e.Log.String() + "/" + number.Value
		}
	}
	t.Fatal(errors.New("no denied entry in the table"))
	return ""
}
