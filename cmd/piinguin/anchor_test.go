package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
	"github.com/piinguin/piinguin/internal/mototest"
)

// verifierKey runs the installation for a moment, which makes its key, and returns the verifier key.
func (in *install) verifierKey(t *testing.T) string {
	t.Helper()
	in.start(t).stop(t)
	return in.keyLine(t)
}

// keyLine returns the ledger's verifier key under its own name.
func (in *install) keyLine(t *testing.T) string {
	t.Helper()
	key, _, _ := strings.Cut(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store), "\n")
	return key
}

// witnesses starts a witness of the spine, and writes the policy file of it and of one that does not answer.
func (in *install) witnesses(t *testing.T, verifier string) *anchortest.Witness {
	t.Helper()
	key, err := audit.ParseVerifierKey(verifier)
	if err != nil {
		t.Fatal(err)
	}
	w, gone := anchortest.NewWitness(t, "watch", key, ledgerName), anchortest.NewWitness(t, "gone", key)
	line := strings.Replace(gone.Line(), gone.URL, "http://127.0.0.1:1", 1)
	in.keep(t, "witnesses", []byte(w.Line()+line+"quorum watch\n"))
	return w
}

// kept returns the paths of the kept files and the sizes of the spine in them, sorted.
func (in *install) kept(t *testing.T) (paths []string, sizes []int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(in.dir, "anchors", ledgerName, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), ".") {
			continue // on its way
		}
		var size int64
		if _, err := fmt.Sscanf(filepath.Base(file), "%d.kept", &size); err != nil || anchor.Name(ledgerName, size) != ledgerName+"/"+filepath.Base(file) {
			t.Fatalf("%s was kept", file)
		}
		paths, sizes = append(paths, "anchors/"+anchor.Name(ledgerName, size)), append(sizes, size)
	}
	return paths, sizes
}

// patience is far above what any step takes.
const patience = 2 * time.Minute

// eventually waits for what another process does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline, look := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%s did not come about", what)
		}
	}
}

// What a server keeps beside its ledger is verified with the key that its operator gives out, by
// torchwood and by the program in another language.
func TestServeAnchors(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		key := in.verifierKey(t)
		w := in.witnesses(t, key)
		in.env = append(in.env, "PIINGUIN_ANCHOR=anchors", "PIINGUIN_ANCHOR_EVERY=10ms", "PIINGUIN_WITNESSES=witnesses")
		p := in.start(t)
		for round := range 4 {
			before, _ := in.kept(t)
			readAll(t, p, 20+round)
			eventually(t, "another kept file", func() bool {
				now, _ := in.kept(t)
				return len(now) > len(before)
			})
		}
		readAll(t, p, 50) // the end keeps it, if no period does
		mustFail(t, p, anchor.WitnessFailed)
		p.stop(t)
		if !strings.Contains(in.log(), `"witness":"gone"`) || strings.Contains(in.log(), `"witness":"watch"`) {
			t.Errorf("the log does not tell which witness failed:\n%s", in.log())
		}
		wantLine(t, in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--checkpoint", "anchors"), "Kept checkpoints that it extends: ")
		in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "export")
		in.verifyAnchors(t, key, w)
	})
}

// mustFail fails unless the server counts failures of a reason, and of no other.
func mustFail(t *testing.T, p *process, reason anchor.Reason) {
	t.Helper()
	metrics := p.metrics(t)
	for _, r := range anchor.Reasons {
		zero := strings.Contains(metrics, fmt.Sprintf("piinguin_anchor_failures_total{reason=%q} 0\n", r))
		if zero != (r != reason) {
			t.Errorf("the metric of %s is wrong:\n%s", r, metrics)
		}
	}
}

// verifyAnchors checks that each kept file is signed and cosigned, and proves its entry in a spine that
// is the beginning of the spine as it ended. The newest one is of all of it.
func (in *install) verifyAnchors(t *testing.T, key string, w *anchortest.Witness) {
	t.Helper()
	policy, err := torchwood.ParsePolicy([]byte("log " + key + "\n" + w.Line() + "quorum watch\n"))
	if err != nil {
		t.Fatal(err)
	}
	paths, sizes := in.kept(t)
	if spine := bytes.Count(in.file(t, "export/spine.jsonl"), []byte("\n")); len(sizes) == 0 || sizes[len(sizes)-1] != int64(spine) {
		t.Fatalf("the spine ended with %d entries, kept are %v", spine, sizes)
	}
	for i, path := range paths {
		line, proof, _ := bytes.Cut(in.file(t, path), []byte("\n"))
		_, signed, _ := bytes.Cut(proof, []byte("\n\n"))
		c, _, err := torchwood.VerifyCheckpoint(signed, policy)
		if err != nil || c.N != sizes[i] {
			t.Errorf("%s: size %d, %v", path, c.N, err)
		}
		if err := torchwood.VerifyProof(policy, tlog.RecordHash(line), proof); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	in.verifyPy(t, 0, append([]string{"ledger", "export", key}, paths...)...)
}

func TestServeAnchorsInS3(t *testing.T) {
	in := &install{dir: t.TempDir(), store: "sqlite:piinguin-dev/piinguin.db", env: append(os.Environ(),
		"AWS_ENDPOINT_URL_S3="+mototest.Endpoint(t), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=piinguin", "AWS_SECRET_ACCESS_KEY=piinguin")}
	client := mototest.S3(t, nil)
	if _, _, stderr := in.run(t, "piinguin", "serve", "--dev", "--listen", "127.0.0.1:0", "--anchor", "s3://"+mototest.Bucket(t, client, false)); !strings.Contains(stderr, "no Object Lock") {
		t.Errorf("a bucket without Object Lock: %q", stderr)
	}
	locked := mototest.Bucket(t, client, true)
	in.env = append(in.env, "PIINGUIN_ANCHOR=s3://"+locked+"/vault")
	in.start(t).stop(t)
	objects, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &locked})
	if err != nil {
		t.Fatal(err)
	}
	if len(objects.Contents) != 1 || *objects.Contents[0].Key != "vault/"+anchor.Name(ledgerName, 2) {
		t.Errorf("%d objects are kept, want the one of the first CHECKPOINT\n%s", len(objects.Contents), in.log())
	}
}

func TestServeRefusesAnchorsThatCannotWork(t *testing.T) {
	in := &install{dir: t.TempDir(), env: os.Environ()}
	in.keep(t, "broken", []byte("witness a b https://x\n"))
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--witnesses needs --anchor", []string{"--witnesses", "broken"}},
		{"--witnesses broken: line 1: not a verifier key", []string{"--anchor", "a", "--witnesses", "broken"}},
		{"--witnesses: open nowhere", []string{"--anchor", "a", "--witnesses", "nowhere"}},
		{"--anchor-every must be more than 0", []string{"--anchor", "a", "--anchor-every", "0s"}},
		{"--anchor-retention must be more than 0", []string{"--anchor", "a", "--anchor-retention", "-1h"}},
		{"--anchor: want s3://BUCKET/PREFIX", []string{"--anchor", "gs://bucket"}},
		{"--anchor: anchor: make the folder: not a directory", []string{"--anchor", "broken"}},
	} {
		code, _, stderr := in.run(t, "piinguin", append([]string{"serve", "--dev", "--listen", "127.0.0.1:0"}, c.args...)...)
		if code != 2 || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %q, want %q", c.args, code, stderr, c.says)
		}
	}
}
