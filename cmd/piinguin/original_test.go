package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/originaltest"
)

const oldCanary = "CANARY-old-value-0815"

// opened is the line of the log that warns of the port for clients of the original.
var opened = regexp.MustCompile(`"address":"([^"]+)".*"message":"the port of the original's protocol asks for no credential`)

// startDoor runs a server with --dev and a port for clients of the original.
func (in *install) startDoor(t *testing.T, args ...string) *process {
	t.Helper()
	if in.db != nil {
		args = append(args, "--store", in.store)
	}
	return in.serve(t, append([]string{"--dev", "--ledger-name", ledgerName, "--original-grpc", "127.0.0.1:0", "--original-caller", "old-relay"}, args...)...)
}

// door returns the address of the port for clients of the original of the server that started last.
func (in *install) door(t *testing.T) string {
	t.Helper()
	found := opened.FindAllStringSubmatch(in.log(), -1) // before the line that it has started
	if found == nil {
		t.Fatalf("no line of the port of the original's protocol:\n%s", in.log())
	}
	return found[len(found)-1][1]
}

// entries returns the ledger's entries of an operation as their lines have them, oldest first.
func (in *install) entries(t *testing.T, op audit.Operation) []audit.Entry {
	t.Helper()
	var entries []audit.Entry
	for line := range strings.Lines(in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json", "--operation", string(op))) {
		e, err := audit.Parse([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		entries = append([]audit.Entry{e}, entries...)
	}
	return entries
}

// said is an entry in short.
func said(e audit.Entry) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s:%s %d %s %s %s", e.Operation, e.Outcome, e.Authentication, e.Caller, e.Count, e.ModifiedValue, e.Basis, e.Reason))
}

// TestOriginalClient calls each method as the original's client does. Each call is an entry of the one
// caller; an answer has the original's form, and never the value that was replaced.
func TestOriginalClient(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.startDoor(t, "--original-allow", "read,delete")
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		for _, call := range []struct {
			method  string
			message []byte
			want    originaltest.Answer
		}{
			{"CreatePiiRecord", originaltest.Create("k", oldCanary), originaltest.Answer{Success: true, Message: "OK"}},
			{"CreatePiiRecord", originaltest.Create("k", canary), originaltest.Answer{Success: true, Message: "OK"}},
			{"ReadPiiRecord", originaltest.Read("k", 0), originaltest.Answer{Success: true, Message: "OK", Key: "k", Original: canary}},
			{"ReadPiiRecord", originaltest.Read("k", 5), originaltest.Answer{Success: true, Message: "OK", Key: "k", Original: canary}},
			{"ReadPiiRecord", originaltest.Read("none", 1), originaltest.Answer{Message: "not_found: there is no such record"}},
			{"ReadPiiRecord", originaltest.Read("k", 6), originaltest.Answer{Message: "processing_basis_unknown: processing_basis must be CONSENT, CONTRACT, LEGAL_OBLIGATION, VITAL_INTERESTS, PUBLIC_TASK or LEGITIMATE_INTERESTS"}},
			{"DeletePiiRecord", originaltest.Delete("k"), originaltest.Answer{Success: true, Message: "OK"}},
			{"DeletePiiRecord", originaltest.Delete("none"), originaltest.Answer{Success: true, Message: "OK"}},
			{"ReadPiiRecord", originaltest.Read("k", 0), originaltest.Answer{Message: "not_found: there is no such record"}},
			// It has no time, so nobody can say that it is newer than the erasure.
			{"CreatePiiRecord", originaltest.Create("k", canary), originaltest.Answer{Success: true, Message: "not stored: the value was erased, or a newer one is there"}},
			{"CreatePiiRecord", originaltest.Create("", canary), originaltest.Answer{Message: "modified_value_required: modified_value is required"}},
			{"CreatePiiRecord", nil, originaltest.Answer{Message: "modified_value_required: modified_value is required"}},
			{"CreatePiiRecord", originaltest.Create("long", strings.Repeat("x", 390<<10)), originaltest.Answer{Message: "original_value_too_long: original_value must be at most 32768 bytes"}},
			{"CreatePiiRecord", originaltest.Create("empty", ""), originaltest.Answer{Success: true, Message: "OK"}},
			{"ReadPiiRecord", originaltest.Read("empty", 0), originaltest.Answer{Success: true, Message: "OK", Key: "empty"}},
		} {
			got, err := c.Call(t.Context(), call.method, call.message)
			if diff := cmp.Diff(call.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", call.method, err, diff)
			}
		}
		p.stop(t)
		if strings.Contains(c.Raw(), oldCanary) {
			t.Error("an answer holds the value that was replaced")
		}
		if strings.Contains(in.log(), "CANARY") {
			t.Errorf("the log holds an original value:\n%s", in.log())
		}
		var got []string
		for _, op := range []audit.Operation{audit.Create, audit.Read, audit.Delete} {
			for _, e := range in.entries(t, op) {
				got = append(got, said(e))
			}
		}
		if diff := cmp.Diff([]string{
			"CREATE GRANTED original:old-relay 1", "CREATE GRANTED original:old-relay 1", "CREATE GRANTED original:old-relay 1", "CREATE GRANTED original:old-relay 1",
			"READ GRANTED original:old-relay 0 k CONSENT original_protocol", "READ GRANTED original:old-relay 0 k LEGITIMATE_INTERESTS original_protocol",
			"READ NOT_FOUND original:old-relay 0 none CONTRACT original_protocol", "READ NOT_FOUND original:old-relay 0 k CONSENT original_protocol",
			"READ GRANTED original:old-relay 0 empty CONSENT original_protocol",
			"DELETE GRANTED original:old-relay 0 k", "DELETE GRANTED original:old-relay 0 none",
		}, got); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
	})
}

// TestOriginalWriterOnly: without --original-allow a client may create and nothing else, and what it
// tried is an entry.
func TestOriginalWriterOnly(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.startDoor(t)
		defer p.stop(t)
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		for _, call := range []struct {
			method  string
			message []byte
		}{{"ReadPiiRecord", originaltest.Read("k", 0)}, {"DeletePiiRecord", originaltest.Delete("k")}} {
			got, err := c.Call(t.Context(), call.method, call.message)
			if err != nil || got.Success || got.Message != "role_required: clients of the original may not do this; see serve --original-allow" {
				t.Errorf("%s: %+v, %v", call.method, got, err)
			}
			answers, err := c.Exchange(t.Context(), call.method+"s", [][]byte{call.message})
			if err != nil || len(answers) != 1 || answers[0] != got {
				t.Errorf("%ss: %+v, %v", call.method, answers, err)
			}
		}
		var got []string
		for _, op := range []audit.Operation{audit.Read, audit.Delete} {
			for _, e := range in.entries(t, op) {
				got = append(got, said(e))
			}
		}
		if diff := cmp.Diff([]string{
			"READ DENIED original:old-relay 0 k CONSENT role_required", "READ DENIED original:old-relay 0 k CONSENT role_required",
			"DELETE DENIED original:old-relay 0 k  role_required", "DELETE DENIED original:old-relay 0 k  role_required",
		}, got); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
	})
}
