package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/mototest"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// TestReplayFromS3 replays what lies under a prefix, and nothing else, and goes on from a
// checkpoint.
func TestReplayFromS3(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, false)
	folder, want := writeEvents(t, 4, 50)
	put := func(key, file string) {
		t.Helper()
		body := mustRead(t, file)
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"run-0", "run-1", "run-2", "run-3"} {
		put("enriched/2018/"+name, filepath.Join(folder, name))
	}
	put("other/events", tsvFile)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": mototest.Endpoint(t), "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "piinguin", "AWS_SECRET_ACCESS_KEY": "piinguin",
	} {
		t.Setenv(name, value)
	}
	s := relaytest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	for range 2 {
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, "s3://"+bucket+"/enriched/")
		if r.exit != exitDone {
			t.Fatalf("exit %d\n%s", r.exit, r.stderr)
		}
		if diff := cmp.Diff(want, s.Originals()); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	}
	if s.Calls() != 4 {
		t.Errorf("%d calls, want one an object", s.Calls())
	}
	if text, err := os.ReadFile(state); err != nil || !strings.Contains(string(text), "s3://"+bucket+"/enriched/2018/run-3") {
		t.Errorf("the checkpoint is %s, %v", text, err)
	}
	for name, url := range map[string]string{
		"no bucket": "s3://", "no such bucket": "s3://" + bucket + "-nope/x", "no object": "s3://" + bucket + "/nothing/",
	} {
		if r := runTest(t.Context(), t, s, nil, nil, "replay", url); r.exit != exitFailure || !strings.Contains(r.stderr, url) {
			t.Errorf("%s: exit %d\n%s", name, r.exit, r.stderr)
		}
	}
}
