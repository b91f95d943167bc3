package main_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/internal/lambdatest"
)

const (
	streamEvents = 50_000
	streamValues = 20_000 // modified values, each in several events
	streamShards = 2
	batchRecords = 500
	badEvery     = 5000 // one record of so many is cut
)

// unpack makes the zip files and returns the bootstrap of this machine's kind.
func unpack(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "lambda", "bin="+folder).CombinedOutput(); err != nil {
		t.Fatalf("make lambda: %v\n%s", err, out)
	}
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	for arch, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64} {
		program := onlyFile(t, filepath.Join(folder, "piinguin-relay-"+arch+".zip"))
		file, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		if libraries, err := file.ImportedLibraries(); file.Machine != machine || err != nil || len(libraries) > 0 {
			t.Errorf("%s: the bootstrap is for %s and needs %v, %v", arch, file.Machine, libraries, err)
		}
		if arch == runtime.GOARCH {
			if err := os.WriteFile(bootstrap, program, 0o700); err != nil { //nolint:gosec // it is executed
				t.Fatal(err)
			}
		}
	}
	return bootstrap
}

// onlyFile returns what a zip file holds for Lambda: bootstrap, which all may execute.
func onlyFile(t *testing.T, name string) []byte {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	if len(z.File) != 1 || z.File[0].Name != "bootstrap" || z.File[0].Mode().Perm()&0o555 != 0o555 {
		t.Fatalf("%s holds %v", name, z.File)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// streamLine is the n-th event of the stream. Its time has nothing to do with its place:
// of a value's events the last one is not the newest.
func streamLine(n int) (line []byte, modified, original string, seconds int) {
	modified, original, seconds = fmt.Sprintf("m-%d", n%streamValues), fmt.Sprintf("%s-%d", canary, n), n*7919%streamEvents
	f := make([]string, 131)
	f[3] = time.Date(2024, 3, 1, 0, 0, seconds, 0, time.UTC).Format("2006-01-02 15:04:05.000")
	f[5], f[126] = "pii_transformation", "pii_transformation"
	f[58] = `{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":` +
		`"iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0","data":{"pii":{"pojo":[{"fieldName":"user_id",` +
		`"originalValue":"` + original + `","modifiedValue":"` + modified + `"}]},"strategy":{"pseudonymize":{"hashFunction":"SHA-256"}}}}}`
	return []byte(strings.Join(f, "\t")), modified, original, seconds
}

// streamBatches cuts the stream into shards of batches, and returns what has to be stored
// at the end.
func streamBatches() (shards [streamShards][][]byte, want map[string]string, bad int) {
	want = map[string]string{}
	newest := map[string]int{}
	for n := range streamEvents {
		line, modified, original, seconds := streamLine(n)
		if n%badEvery == badEvery/2 {
			line = line[:len(line)/2]
			bad++
		} else if at, ok := newest[modified]; !ok || seconds > at {
			newest[modified], want[modified] = seconds, original
		}
		shards[n%streamShards] = append(shards[n%streamShards], line)
	}
	return shards, want, bad
}

// forwarder is a server's address that outlives the server: a connection goes to whatever
// listens now, and is lost if nothing does.
type forwarder struct {
	net.Listener
	to atomic.Pointer[string]
}

func newTestForwarder(t *testing.T, to string) *forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f := &forwarder{Listener: l}
	f.forwardTo(to)
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go f.copy(from)
		}
	}()
	return f
}

func (f *forwarder) forwardTo(to string) {
	to = strings.TrimPrefix(to, "http://")
	f.to.Store(&to)
}

func (f *forwarder) copy(from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", *f.to.Load())
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}

// mapping is the event source mapping of one shard: a batch after the other, and what is
// unfinished again.
type mapping struct {
	shard    lambdatest.Kinesis
	function *lambdatest.Function
	done     *atomic.Int64 // records, of all shards
	failures *atomic.Int64 // partial ones
}

func (m mapping) run(t *testing.T, lines [][]byte) error {
	t.Helper()
	for first := 0; first < len(lines); {
		end := min(first+batchRecords, len(lines))
		answer := m.function.Invoke(lambdatest.Invocation{Event: m.shard.Event(t, first, time.Now(), lines[first:end]...)})
		var response struct {
			BatchItemFailures []struct{ ItemIdentifier string }
		}
		if err := json.Unmarshal([]byte(answer.Body), &response); err != nil || answer.ErrorType != "" {
			return errors.New("the function answered " + answer.Body)
		}
		next := end
		if len(response.BatchItemFailures) > 0 {
			m.failures.Add(1)
			next = first
			for m.shard.SequenceNumber(next) != response.BatchItemFailures[0].ItemIdentifier {
				if next++; next == end {
					return errors.New("the function named no record of its batch: " + answer.Body)
				}
			}
		}
		m.done.Add(int64(next - first))
		first = next
	}
	return nil
}

// TestLambdaOutlivesTheServer relays a stream of two shards through the bootstrap of the
// zip file into a server that is killed twice on the way. At the end each value's newest
// original is stored.
func TestLambdaOutlivesTheServer(t *testing.T) {
	bootstrap := unpack(t)
	onEachEngine(t, func(t *testing.T, in *install) {
		shards, want, bad := streamBatches()
		p := in.start(t)
		address := newTestForwarder(t, p.address)
		var functions []*lambdatest.Function
		var done, failures atomic.Int64
		var g errgroup.Group
		for i, lines := range shards {
			f := lambdatest.Start(t, exec.CommandContext(t.Context(), bootstrap), "PIINGUIN_HOST=http://"+address.Addr().String(), "PIINGUIN_TOKEN=dev-writer")
			functions = append(functions, f)
			m := mapping{lambdatest.Kinesis{Stream: "pii", Shard: i}, f, &done, &failures}
			g.Go(func() error { return m.run(t, lines) })
		}
		for kills := range 2 {
			eventually(t, "some more events", func() bool { return done.Load() > int64(kills+1)*streamEvents/3 })
			before := failures.Load()
			p.kill(t)
			eventually(t, "a failure", func() bool { return failures.Load() > before })
			p = in.start(t)
			address.forwardTo(p.address)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		_, stored := in.originals(t)
		if diff := cmp.Diff(want, stored); diff != "" {
			t.Errorf("stored (-want +got):\n%.2000s", diff)
		}
		wantCounts(t, functions, bad)
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		if strings.Contains(in.log(), canary) {
			t.Error("the server's log holds an original value")
		}
		t.Logf("%d invocations left something unfinished", failures.Load())
	})
}

// wantCounts adds up the metrics that the functions have logged.
func wantCounts(t *testing.T, functions []*lambdatest.Function, bad int) {
	t.Helper()
	total := map[string]float64{}
	for _, f := range functions {
		if exit := f.Shutdown(); exit != 0 {
			t.Errorf("a function ends with %d", exit)
		}
		if strings.Contains(f.Log(), canary) {
			t.Error("a function's log holds an original value")
		}
		for line := range strings.Lines(f.Log()) {
			var counts map[string]any
			if err := json.Unmarshal([]byte(line), &counts); err != nil {
				t.Fatalf("logged %s", line)
			}
			for name, n := range counts {
				if n, ok := n.(float64); ok && counts["_aws"] != nil {
					total[name] += n
				}
			}
		}
	}
	if total["quarantined"] != float64(bad) {
		t.Errorf("%v records are quarantined, want %d", total["quarantined"], bad)
	}
	if total["retries"] == 0 || total["unfinished"] == 0 || total["superseded"] == 0 || total["events"] <= streamEvents {
		t.Errorf("counted %v", total)
	}
}
