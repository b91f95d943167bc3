package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
	"github.com/piinguin/piinguin/internal/mototest"
)

// verifierKeys runs the installation for a moment, which makes its key, and returns
// the verifier key of each log.
func (in *install) verifierKeys(t *testing.T) []string {
	t.Helper()
	in.start(t).stop(t)
	return strings.Fields(in.mustRun(t, 0, "piinguin", "audit", "key", "--store", in.store))
}

// witnesses starts a witness of all these logs and writes the policy file of it and
// of one that does not answer.
func (in *install) witnesses(t *testing.T, keys []string) *anchortest.Witness {
	t.Helper()
	key, err := audit.ParseVerifierKey(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	var logs []string
	for _, k := range keys {
		log, _, _ := strings.Cut(k, "+")
		logs = append(logs, log)
	}
	w, gone := anchortest.NewWitness(t, "watch", key, logs...), anchortest.NewWitness(t, "gone", key)
	line := strings.Replace(gone.Line(), gone.URL, "http://127.0.0.1:1", 1)
	in.keep(t, "witnesses", []byte(w.Line()+line+"quorum watch\n"))
	return w
}

// kept returns the sizes of a log's kept checkpoints, sorted.
func (in *install) kept(t *testing.T, log string) []int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(in.dir, "anchors", log, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), ".") {
			continue // on its way
		}
		var size int64
		if _, err := fmt.Sscanf(filepath.Base(file), "%d.checkpoint", &size); err != nil || anchor.Name(log, size) != log+"/"+filepath.Base(file) {
			t.Fatalf("%s was kept", file)
		}
		sizes = append(sizes, size)
	}
	return sizes
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

// What a server keeps beside its ledger is verified with the key that its operator
// gives out, by torchwood and by the program in another language.
func TestServeAnchors(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		keys := in.verifierKeys(t)
		w := in.witnesses(t, keys)
		in.env = append(in.env, "PIINGUIN_ANCHOR=anchors", "PIINGUIN_ANCHOR_EVERY=10ms", "PIINGUIN_WITNESSES=witnesses")
		p := in.start(t)
		for round := range 4 {
			before := 0
			for _, key := range keys {
				log, _, _ := strings.Cut(key, "+")
				before += len(in.kept(t, log))
			}
			readAll(t, p, 20+round)
			eventually(t, "another checkpoint", func() bool {
				now := 0
				for _, key := range keys {
					log, _, _ := strings.Cut(key, "+")
					now += len(in.kept(t, log))
				}
				return now > before
			})
		}
		readAll(t, p, 50) // the end keeps it, if no period does
		mustFail(t, p, anchor.WitnessFailed)
		p.stop(t)
		if !strings.Contains(in.log(), `"witness":"gone"`) || strings.Contains(in.log(), `"witness":"watch"`) {
			t.Errorf("the log does not tell which witness failed:\n%s", in.log())
		}
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--checkpoint", "anchors")
		in.mustRun(t, 0, "piinguin", "audit", "export", "--store", in.store, "--out", "export")
		for _, key := range keys {
			in.verifyAnchors(t, key, w)
		}
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

// verifyAnchors checks that each kept checkpoint of a log is signed and cosigned, and that
// the lines it signs are the first ones of the log as it ended.
func (in *install) verifyAnchors(t *testing.T, key string, w *anchortest.Witness) {
	t.Helper()
	log, _, _ := strings.Cut(key, "+")
	policy, err := torchwood.ParsePolicy([]byte("log " + key + "\n" + w.Line() + "quorum watch\n"))
	if err != nil {
		t.Fatal(err)
	}
	in.keep(t, "key", []byte(key+"\n"))
	lines := slices.Collect(bytes.Lines(in.file(t, "export/"+log+".jsonl")))
	sizes := in.kept(t, log)
	if len(sizes) == 0 || sizes[len(sizes)-1] != int64(len(lines)) {
		t.Fatalf("%s ended with %d entries, kept are %v", log, len(lines), sizes)
	}
	for _, size := range sizes {
		name := "anchors/" + anchor.Name(log, size)
		c, _, err := torchwood.VerifyCheckpoint(in.file(t, name), policy)
		if err != nil || c.N != size {
			t.Errorf("%s: size %d, %v", name, c.N, err)
		}
		in.keep(t, "prefix", bytes.Join(lines[:size], nil))
		in.verifyPy(t, 0, "export", "prefix", name, "@key")
	}
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
	if len(objects.Contents) != 1 || *objects.Contents[0].Key != "vault/"+anchor.Name("piinguin-1", 1) {
		t.Errorf("%d objects are kept, want the one of the OPEN entry\n%s", len(objects.Contents), in.log())
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
