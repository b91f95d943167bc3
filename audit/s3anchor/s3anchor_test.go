package s3anchor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
	"github.com/piinguin/piinguin/audit/s3anchor"
	"github.com/piinguin/piinguin/internal/mototest"
)

func newPlace(t *testing.T, c s3anchor.Config) *s3anchor.Place {
	t.Helper()
	p, err := s3anchor.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func get(t *testing.T, client *s3.Client, bucket, key string) (*s3.GetObjectOutput, []byte) {
	t.Helper()
	object, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = object.Body.Close() }()
	data, err := io.ReadAll(object.Body)
	if err != nil {
		t.Fatal(err)
	}
	return object, data
}

func TestPlaceKeepsTheContract(t *testing.T) {
	client := mototest.S3(t, nil)
	for _, prefix := range []string{"", "a/prefix"} {
		anchortest.Run(t, func(t *testing.T) anchortest.Opened {
			bucket := mototest.Bucket(t, client, true)
			p := newPlace(t, s3anchor.Config{Client: client, Bucket: bucket, Prefix: prefix})
			return anchortest.Opened{Place: p, Read: func(t *testing.T, name string) []byte {
				_, data := get(t, client, bucket, strings.TrimPrefix(prefix+"/"+name, "/"))
				return data
			}}
		})
	}
}

// wantCode fails unless S3 refused with a code.
func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestNobodyRemovesWhatIsKept(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, true)
	p := newPlace(t, s3anchor.Config{Client: client, Bucket: bucket, Retention: 48 * time.Hour})
	before := time.Now()
	if err := p.Keep(t.Context(), "log/1", []byte("kept\n")); err != nil {
		t.Fatal(err)
	}
	object, _ := get(t, client, bucket, "log/1")
	until := aws.ToTime(object.ObjectLockRetainUntilDate)
	if object.ObjectLockMode != types.ObjectLockModeCompliance ||
		until.Before(before.Add(48*time.Hour-time.Second)) || until.After(time.Now().Add(48*time.Hour)) {
		t.Errorf("locked as %s until %v", object.ObjectLockMode, until)
	}
	if kind := aws.ToString(object.ContentType); !strings.HasPrefix(kind, "text/plain") {
		t.Errorf("its type is %s", kind)
	}
	_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: &bucket, Key: aws.String("log/1"), VersionId: object.VersionId, BypassGovernanceRetention: aws.Bool(true),
	})
	wantCode(t, "delete of the version", err, "AccessDenied")

	// A version on top of it, by somebody who does not ask first: the kept one stays.
	put(t, client, bucket, "log/1", "other\n")
	kept, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("log/1"), VersionId: object.VersionId})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Body.Close() }()
	if data, err := io.ReadAll(kept.Body); err != nil || string(data) != "kept\n" {
		t.Errorf("the kept version holds %q: %v", data, err)
	}
	var conflict *anchor.ConflictError
	if err := p.Keep(t.Context(), "log/1", []byte("kept\n")); !errors.As(err, &conflict) {
		t.Errorf("Keep over a version of somebody else: %v, want a ConflictError", err)
	}
}

func put(t *testing.T, client *s3.Client, bucket, key, data string) {
	t.Helper()
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// What somebody else put there could be removed by them: it counts as kept once it is locked.
func TestKeepLocksWhatWasThere(t *testing.T) {
	client := mototest.S3(t, nil)
	for _, data := range []string{"same\n", "other\n"} {
		bucket := mototest.Bucket(t, client, true)
		p := newPlace(t, s3anchor.Config{Client: client, Bucket: bucket})
		put(t, client, bucket, "log/1", data)
		err := p.Keep(t.Context(), "log/1", []byte("same\n"))
		var conflict *anchor.ConflictError
		if same := data == "same\n"; same != (err == nil) || !same && !errors.As(err, &conflict) {
			t.Errorf("Keep over %q: %v", data, err)
		}
		object, _ := get(t, client, bucket, "log/1")
		if object.ObjectLockMode != types.ObjectLockModeCompliance || !aws.ToTime(object.ObjectLockRetainUntilDate).After(time.Now()) {
			t.Errorf("%q is locked as %q until %v", data, object.ObjectLockMode, object.ObjectLockRetainUntilDate)
		}
	}
}

func TestKeepRenewsALockThatHasEnded(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, true)
	now := time.Now()
	c := s3anchor.Config{Client: client, Bucket: bucket, Retention: time.Hour, Now: func() time.Time { return now }}
	p := newPlace(t, c)
	for range 2 {
		if err := p.Keep(t.Context(), "log/1", []byte("x")); err != nil {
			t.Fatal(err)
		}
		object, _ := get(t, client, bucket, "log/1")
		if left := aws.ToTime(object.ObjectLockRetainUntilDate).Sub(now); left < 59*time.Minute {
			t.Errorf("locked for %v, want about an hour", left)
		}
		now = now.Add(2 * time.Hour)
	}
}

func TestNewRefusesABucketWithoutLock(t *testing.T) {
	client := mototest.S3(t, nil)
	_, err := s3anchor.New(t.Context(), s3anchor.Config{Client: client, Bucket: mototest.Bucket(t, client, false)})
	if !errors.Is(err, s3anchor.ErrNoLock) {
		t.Errorf("New: %v, want ErrNoLock", err)
	}
	_, err = s3anchor.New(t.Context(), s3anchor.Config{Client: client, Bucket: "no-such-bucket"})
	if err == nil || err.Error() != "s3anchor: GetObjectLockConfiguration: NoSuchBucket" {
		t.Errorf("New: %v, want NoSuchBucket and nothing else", err)
	}
	for _, c := range []s3anchor.Config{{Bucket: "b"}, {Client: client}, {Client: client, Bucket: "b", Retention: -1}} {
		if _, err := s3anchor.New(t.Context(), c); err == nil {
			t.Errorf("New takes %+v", c)
		}
	}
}

// lossy loses the replies of PUTs that were carried out.
type lossy struct{ left atomic.Int64 }

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.Method == http.MethodPut && l.left.Add(-1) >= 0 {
		_ = resp.Body.Close()
		return nil, errors.New("SECRET: the reply is lost")
	}
	return resp, err
}

func TestKeepAfterALostReply(t *testing.T) {
	client, lossy := mototest.S3(t, nil), &lossy{}
	bucket := mototest.Bucket(t, client, true)
	p := newPlace(t, s3anchor.Config{Client: mototest.S3(t, lossy), Bucket: bucket})

	lossy.left.Store(1) // the SDK tries again, and finds its own object
	if err := p.Keep(t.Context(), "log/1", []byte("x")); err != nil {
		t.Errorf("Keep: %v", err)
	}
	lossy.left.Store(1000)
	err := p.Keep(t.Context(), "log/2", []byte("x"))
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("Keep: %v, want a fixed text", err)
	}
	lossy.left.Store(0)
	if err := p.Keep(t.Context(), "log/2", []byte("x")); err != nil {
		t.Errorf("Keep again: %v", err)
	}
	_, data := get(t, client, bucket, "log/2")
	if !bytes.Equal(data, []byte("x")) {
		t.Errorf("it holds %q", data)
	}
}

func TestKeepEndsWithItsContext(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, true)
	ctx, cancel := context.WithCancel(t.Context())
	hanging := transport(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			cancel()
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	p := newPlace(t, s3anchor.Config{Client: mototest.S3(t, hanging), Bucket: bucket})
	if err := p.Keep(ctx, "log/1", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Keep: %v, want context.Canceled", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A place of years holds half a million files. A period asks for those after the one compared last.
func TestListAsksOnlyForWhatIsNewer(t *testing.T) {
	client := mototest.S3(t, nil)
	bucket := mototest.Bucket(t, client, true)
	p := newPlace(t, s3anchor.Config{Client: client, Bucket: bucket, Prefix: "p"})
	const ledger = "vault.example.com/pii"
	for size := range int64(5) {
		if err := p.Keep(t.Context(), anchor.Name(ledger, size), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	var asked []string
	counting := transport(func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		asked = append(asked, q.Get("prefix")+" "+q.Get("delimiter")+" "+q.Get("start-after"))
		return http.DefaultTransport.RoundTrip(r)
	})
	p = newPlace(t, s3anchor.Config{Client: mototest.S3(t, counting), Bucket: bucket, Prefix: "p"})
	asked = nil
	var names []string
	for name, err := range p.List(t.Context(), ledger+"/", anchor.Name(ledger, 2)) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{anchor.Name(ledger, 3), anchor.Name(ledger, 4)}, names); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p/" + ledger + "/ / p/" + anchor.Name(ledger, 2)}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestAnchorsOfALedger keeps a real ledger's files in S3, and finds an older copy of the ledger.
func TestAnchorsOfALedger(t *testing.T) {
	client := mototest.S3(t, nil)
	p := newPlace(t, s3anchor.Config{Client: client, Bucket: mototest.Bucket(t, client, true)})
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	newLedger := func(s audit.Backend) *audit.Ledger {
		l, err := audit.Open(t.Context(), audit.Config{
			Store: s, Key: key, Name: "vault.example.com/pii", Period: time.Hour, Now: func() time.Time { return start },
		})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	once := func(l *audit.Ledger, want ...anchor.Reason) {
		t.Helper()
		var reasons []anchor.Reason
		a, err := anchor.New(anchor.Config{Ledger: l, Place: p, Report: func(f anchor.Failure) { reasons = append(reasons, f.Reason) }})
		if err != nil {
			t.Fatal(err)
		}
		a.Once(t.Context())
		a.Once(t.Context())
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("reported (-want +got):\n%s", diff)
		}
		if (a.Agrees() == nil) != (len(want) == 0) {
			t.Errorf("Agrees: %v", a.Agrees())
		}
	}
	store := audit.NewMem()
	once(newLedger(store))
	l := newLedger(store)
	if _, err := l.Append(t.Context(), audit.Entry{Operation: audit.Read, Outcome: audit.NotFound, Caller: "desk", RequestID: "r"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	once(newLedger(store))
	once(newLedger(audit.NewMem()), anchor.Behind, anchor.Behind)
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string][2]string{
		"s3://b":         {"b", ""},
		"s3://b/":        {"b", ""},
		"s3://b/p":       {"b", "p"},
		"s3://b/p/q/":    {"b", "p/q"},
		"s3://":          {},
		"s3:///p":        {},
		"https://b/p":    {},
		"/some/where":    {},
		"gs://bucket/of": {},
	} {
		bucket, prefix, err := s3anchor.ParseURL(text)
		if [2]string{bucket, prefix} != want || (err == nil) != (want[0] != "") {
			t.Errorf("ParseURL(%s): %q, %q, %v", text, bucket, prefix, err)
		}
	}
}
