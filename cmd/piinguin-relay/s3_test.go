package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/mototest"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// s3InMoto makes the AWS SDK's own settings for S3 those of moto.
func s3InMoto(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": mototest.Endpoint(t), "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "piinguin", "AWS_SECRET_ACCESS_KEY": "piinguin",
	} {
		t.Setenv(name, value)
	}
}

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
	s3InMoto(t)
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

// TestObjectsThatCannotBeRead: an archived object is named, and the others are read; one
// that is not the object of the checkpoint any more ends the replay.
func TestObjectsThatCannotBeRead(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, false)
	put := func(key string, body []byte, class types.StorageClass) {
		t.Helper()
		in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), StorageClass: class}
		if _, err := client.PutObject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	put("a", mustRead(t, tsvFile), types.StorageClassGlacier)
	put("b/", nil, types.StorageClassStandard) // what stands for a folder
	put("c/", mustRead(t, tsvFile), types.StorageClassStandard)
	put("d", mustRead(t, jsonFile), types.StorageClassStandard)
	s3InMoto(t)
	s := relaytest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	r := runTest(t.Context(), t, s, nil, nil, "replay", "--json", "--checkpoint", state, "s3://"+bucket)
	if r.exit != exitFinding || !strings.Contains(r.stderr, "s3://"+bucket+"/a: GetObject: InvalidObjectState") || strings.Contains(r.stderr, "/b/") {
		t.Errorf("exit %d\n%s", r.exit, r.stderr)
	}
	wantStored(t, s)

	kept, sent := mustRead(t, state), s.Calls()
	put("d", mustRead(t, tsvFile), types.StorageClassStandard)
	r = runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, "s3://"+bucket)
	if r.exit != exitFailure || !strings.Contains(r.stderr, "s3://"+bucket+"/d is not what it was") {
		t.Errorf("exit %d\n%s", r.exit, r.stderr)
	}
	if s.Calls() != sent || !bytes.Equal(kept, mustRead(t, state)) {
		t.Errorf("%d calls, or the checkpoint is changed", s.Calls()-sent)
	}
}

// putEncrypted uploads an object in parts under a key of KMS, and returns its ETag.
func putEncrypted(t *testing.T, client *s3.Client, bucket, key string, body []byte) string {
	t.Helper()
	begun, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
		Bucket: &bucket, Key: &key, ServerSideEncryption: types.ServerSideEncryptionAwsKms,
	})
	if err != nil {
		t.Fatal(err)
	}
	part, err := client.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: &bucket, Key: &key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(body),
	})
	if err != nil {
		t.Fatal(err)
	}
	done, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: begun.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(done.ETag)
}

// TestObjectWithAnotherETag: the same bytes have another ETag after they were encrypted or uploaded in
// another way. What was done of them is done; what was added is read.
func TestObjectWithAnotherETag(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket, key := mototest.Bucket(t, client, false), "events"
	lines := bytes.SplitAfterN(mustRead(t, tsvFile), []byte("\n"), 3)
	plain, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(lines[0])})
	if err != nil {
		t.Fatal(err)
	}
	s3InMoto(t)
	s := relaytest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	for _, again := range []struct {
		body  []byte
		calls int
	}{{nil, 1}, {lines[0], 1}, {slices.Concat(lines[0], lines[1]), 2}} {
		if again.body != nil && putEncrypted(t, client, bucket, key, again.body) == aws.ToString(plain.ETag) {
			t.Fatal("the ETag is as before")
		}
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, "s3://"+bucket)
		if r.exit != exitDone || s.Calls() != again.calls {
			t.Errorf("exit %d, %d calls in all, want %d\n%s", r.exit, s.Calls(), again.calls, r.stderr)
		}
	}
}

// An object that is another one than was listed is not read.
func TestObjectChangesAfterItsListing(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket, key := mototest.Bucket(t, client, false), "events"
	put := func(text string) {
		t.Helper()
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	s3InMoto(t)
	listed, err := objectsOf(t.Context(), "s3://"+bucket)
	if err != nil || len(listed) != 1 {
		t.Fatalf("%d objects, %v", len(listed), err)
	}
	put("two")
	if _, err := listed[0].get(t.Context()); err == nil || !strings.Contains(err.Error(), "PreconditionFailed") {
		t.Errorf("the object is read: %v", err)
	}
}
