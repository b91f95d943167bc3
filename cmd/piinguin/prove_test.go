package main_test

import (
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
		for _, key := range keys {
			entries += mirror(t, in, p, key)
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
	log, _, _ := strings.Cut(key, "+")
	line := strings.TrimSuffix(in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "show", log+"/0", "--json")...), "\n")
	proof := in.mustRun(t, 0, "piinguin", p.flags("auditor", "audit", "prove", log+"/0")...)
	if direct := in.mustRun(t, 0, "piinguin", "audit", "prove", log+"/0", "--store", in.store); !strings.HasPrefix(direct, "c2sp.org/tlog-proof@v1\n") {
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
	in.mustRun(t, 2, "piinguin", p.flags("auditor", "audit", "prove", log+"/999999")...)
	in.mustRun(t, 2, "piinguin", p.flags("reader", "audit", "prove", log+"/0")...)
}

// What comes back on the way from a server is of another entry: nothing of it is printed.
func TestAnswersOfAnotherEntry(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		key := in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store)
		log, _, _ := strings.Cut(key, "+")
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

// bearer adds an auditor's token.
type bearer struct{}

func (bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer dev-auditor")
	return http.DefaultTransport.RoundTrip(r)
}

// mirror reads a log with torchwood and holds it against what the tables hold.
func mirror(t *testing.T, in *install, p *process, key string) int {
	t.Helper()
	log, _, _ := strings.Cut(key, "+")
	policy, err := torchwood.ParsePolicy([]byte("log " + key + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(p.address+"/log/"+log, torchwood.WithHTTPClient(&http.Client{Transport: bearer{}}))
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
	for line := range strings.Lines(in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json")) {
		stored[strings.TrimSuffix(line, "\n")] = true
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
