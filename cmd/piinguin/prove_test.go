package main_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// A reviewer proves an entry with the commands, and reads a whole log with
// torchwood's own client over HTTP: no code of ours checks it there.
func TestProve(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.start(t)
		fillForCrash(t, p)
		for range 3 {
			readBatch(t, p)
		}
		keys := strings.Split(strings.TrimSpace(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store)), "\n")
		proveByCommand(t, in, p, keys[0])
		entries := 0
		for i, key := range keys {
			entries += mirror(t, in, p, audit.LogID(i), key)
		}
		if entries < 3*500 {
			t.Errorf("the client read %d entries, want every read at the least", entries)
		}
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		if strings.Contains(in.log(), canary) {
			t.Error("an original value is in the server's log")
		}
	})
}

func readBatch(t *testing.T, p *process) {
	t.Helper()
	req := &piinguinv1.ReadPiiRecordsRequest{ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT}
	for i := range 500 {
		req.ModifiedValues = append(req.ModifiedValues, crashKey(i))
	}
	if _, err := p.as(t, "reader").ReadPiiRecords(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

func proveByCommand(t *testing.T, in *install, p *process, key string) {
	t.Helper()
	line := strings.TrimSuffix(in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "show", "1/0", "--json")...), "\n")
	proof := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "prove", "1/0")...)
	if direct := in.mustRun(t, 0, "piinguin", "audit", "prove", "1/0", "--store", in.store); !strings.HasPrefix(direct, "c2sp.org/tlog-proof@v1\n") {
		t.Errorf("audit prove --store:\n%s", direct)
	}
	file := filepath.Join(in.dir, "proof")
	for _, c := range []struct {
		proof, key, line string
		want             int
	}{
		{proof, key, line, 0},
		{proof, key, strings.Replace(line, "OPEN", "READ", 1), 2}, // not an entry: no request id
		{proof, key, strings.Replace(line, `"index":0`, `"index":1`, 1), 1},
		{strings.Replace(proof, "index 0", "index 1", 1), key, line, 1},
		{proof, "rubbish", line, 2},
		{proof, "", line, 2},
		{"", key, line, 1},
	} {
		if err := os.WriteFile(file, []byte(c.proof), 0o600); err != nil {
			t.Fatal(err)
		}
		in.mustRun(t, c.want, "piinguin", "audit", "check", file, "--key", c.key, "--entry", c.line)
	}
	for _, name := range []string{"1/999999", "65/0", "01/0", "1/-1", "ledger.test/pii/1/0", "1"} {
		in.mustRun(t, 2, "piinguin", p.flags("auditor", "audit", "prove", name)...)
	}
	in.mustRun(t, 2, "piinguin", p.flags("reader", "audit", "prove", "1/0")...)
}

// What comes back on the way from a server is of another entry: nothing of it is printed.
func TestAnswersOfAnotherEntry(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		const log = "1"
		line := strings.TrimSpace(in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "show", log+"/0", "--json")...))
		proof := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "prove", log+"/0")...)
		other := &piinguinv1.Entry{Log: log, Index: 1, Line: line}
		receipt := &piinguinv1.AuditReceipt{Log: log, LeafHash: make([]byte, 32), Time: timestamppb.Now()}
		answers := map[string]proto.Message{
			"GetEntry":    &piinguinv1.GetEntryResponse{Entry: other},
			"ProveEntry":  &piinguinv1.ProveEntryResponse{Proof: proof},
			"ListEntries": &piinguinv1.ListEntriesResponse{Entries: []*piinguinv1.Entry{other}, Receipt: receipt},
		}
		mixedUp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := proto.Marshal(answers[path.Base(r.URL.Path)])
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/protobuf")
			_, _ = w.Write(text)
		}))
		defer mixedUp.Close()
		for _, c := range []struct{ command, says string }{
			{"show " + log + "/1", "the line of another one"}, {"prove " + log + "/1", "another entry than was asked for"}, {"list", "the line of another one"},
		} {
			args := append(strings.Fields("audit "+c.command), "--host", mixedUp.URL, "--token", "t")
			code, stdout, stderr := in.run(t, "piinguin", args...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, c.says) {
				t.Errorf("%s: exit %d, prints %q, says %q", c.command, code, stdout, stderr)
			}
		}
	})
}

// TestProveKept: a proof with a kept file is of the one ledger that the file binds. Another file, of this
// ledger or of another one, does not do, and neither does what is none.
func TestProveKept(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		in.env = append(in.env, "PIINGUIN_ANCHOR=anchors", "PIINGUIN_ANCHOR_EVERY=10ms")
		p := in.start(t)
		place := readPlace(t, p)
		prove := func(place, file string, want int, from ...string) string {
			t.Helper()
			return in.mustRun(t, want, "piinguin", append([]string{"audit", "prove", place, "--kept", file}, from...)...)
		}
		eventually(t, "a CHECKPOINT with the entry", func() bool {
			code, _, stderr := in.run(t, "piinguin", p.flags("auditor", "audit", "prove", place, "--kept", "kept")...)
			if code != 0 && !strings.Contains(stderr, "the entry is not in the spine yet") {
				t.Fatalf("prove --kept says %q", stderr)
			}
			return code == 0
		})
		in.keep(t, "proof", []byte(prove(place, "kept", 0, p.flags("auditor")...)))
		key := in.keyLine(t)
		line := in.mustRun(t, 0, "piinguin", "audit", "show", place, "--store", in.store, "--json")
		check := func(kept string) (int, string) {
			t.Helper()
			code, stdout, stderr := in.run(t, "piinguin", "audit", "check", "proof", "--key", key, "--entry", line, "--kept", kept)
			return code, stdout + stderr
		}
		code, says := check("kept")
		if code != 0 || !hasLine(says, []string{"The spine of " + ledgerName + " lists this tree, in entry spine/"}) {
			t.Errorf("check --kept: exit %d, says %q", code, says)
		}
		in.keep(t, "changed", flip(in.file(t, "kept"), len(in.file(t, "kept"))-5))
		in.keep(t, "garbage", []byte("rubbish"))
		paths, _ := in.kept(t)
		in.keep(t, "other", otherKept(t))
		for kept, want := range map[string]int{paths[0]: 1, "changed": 1, "other": 1, "garbage": 2, "nowhere": 2, "proof": 2} {
			if code, says := check(kept); code != want {
				t.Errorf("check --kept %s: exit %d, want %d: %s", kept, code, want, says)
			}
		}
		p.stop(t)
		in.keep(t, "proof", []byte(prove(place, "direct", 0, "--store", in.store)))
		if code, says := check("direct"); code != 0 {
			t.Errorf("a proof from the tables: exit %d: %s", code, says)
		}
		paths, _ = in.kept(t)
		if code, says := check(paths[len(paths)-1]); code != 0 { // the same one was anchored
			t.Errorf("with the anchored file: exit %d: %s", code, says)
		}
	})
}

// readPlace reads a record and returns the place of its entry.
func readPlace(t *testing.T, p *process) string {
	t.Helper()
	fillForCrash(t, p)
	out, err := p.as(t, "reader").ReadPiiRecord(t.Context(), crashRead(1))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s/%d", out.GetReceipt().GetLog(), out.GetReceipt().GetIndex())
}

// otherKept returns a kept file of a ledger of the same name and another key.
func otherKept(t *testing.T) []byte {
	t.Helper()
	key, err := audit.ParseKey(otherSigningKey(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: key, Name: ledgerName})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.WithoutCancel(t.Context())) })
	data, _, err := l.Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// bearer adds an auditor's token.
type bearer struct{}

func (bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer dev-auditor")
	return http.DefaultTransport.RoundTrip(r)
}

// mirror reads a log with torchwood and holds it against what the tables hold.
func mirror(t *testing.T, in *install, p *process, log audit.LogID, key string) int {
	t.Helper()
	policy, err := torchwood.ParsePolicy([]byte("log " + key + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(p.address+"/log/"+log.String(), torchwood.WithHTTPClient(&http.Client{Transport: bearer{}}))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := fetcher.ReadEndpoint(t.Context(), "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		t.Fatal(err)
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]bool{}
	for _, more := range [][]string{nil, {"--operation", "open"}, {"--operation", "checkpoint"}} { // those of the spine by their operation
		list := append([]string{"audit", "list", "--store", in.store, "--limit", "0", "--json"}, more...)
		for line := range strings.Lines(in.mustRun(t, 0, "piinguin", list...)) {
			stored[strings.TrimSuffix(line, "\n")] = true
		}
	}
	next := int64(0)
	for index, line := range client.AllEntries(t.Context(), c.Tree, 0) {
		if index != next || !stored[string(line)] {
			t.Errorf("entry %d of %s is not what the tables hold: %s", index, log, line)
		}
		next++
	}
	if err := client.Err(); err != nil || next != c.N {
		t.Errorf("the client read %d of %d entries of %s: %v", next, c.N, log, err)
	}
	line, proof, err := client.Entry(t.Context(), c.Tree, c.N-1)
	if err != nil || tlog.CheckRecord(proof, c.N, c.Hash, c.N-1, tlog.RecordHash(line)) != nil {
		t.Errorf("entry %d of %s is not proven: %v", c.N-1, log, err)
	}
	return int(next)
}
