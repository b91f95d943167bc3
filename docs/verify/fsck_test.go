package verify_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mustRun runs a program, and returns its output.
func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

// server is a server of the built binary, with a ledger in an SQLite file.
type server struct{ binary, db, url string }

var started = regexp.MustCompile(`"address":"([^"]+)"`)

func newServer(t *testing.T) server {
	t.Helper()
	folder := t.TempDir()
	s := server{binary: filepath.Join(folder, "piinguin"), db: filepath.Join(folder, "piinguin-dev", "piinguin.db")}
	mustRun(t, "go", "build", "-o", s.binary, "../../cmd/piinguin")
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, s.binary, "serve", "--dev", "--listen", "127.0.0.1:0", "--ledger-name", ledgerName, "--append-timeout", "1m")
	cmd.Dir = folder
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	for s.url == "" {
		line, err := lines.ReadString('\n')
		if found := started.FindStringSubmatch(line); found != nil {
			s.url = "http://" + found[1]
		} else if err != nil {
			t.Fatalf("the server did not start: %v", err)
		}
	}
	done := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, lines); close(done) }()
	t.Cleanup(func() { stop(); <-done; _ = cmd.Wait() })
	return s
}

// read asks for n records that are not there, which is an entry each.
func (s server) read(t *testing.T, n int) {
	t.Helper()
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf(`"m-%d"`, i))
	}
	body := `{"modified_values":[` + strings.Join(keys, ",") + `],"processing_basis":"CONTRACT","purpose":"support"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/twirp/piinguin.v1.Piinguin/ReadPiiRecords", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer dev-reader")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, answer)
	}
}

// TestStandardToolsVerifyALiveLog runs Tessera's fsck, as docs/audit-format.md says, on a log and on
// the spine of a running server; and again after a row of each was edited.
func TestStandardToolsVerifyALiveLog(t *testing.T) {
	fsck := mustRun(t, "../../.ci/go-tool", "github.com/transparency-dev/tessera/cmd/fsck", "v1.0.4")
	s := newServer(t)
	for range 3 {
		s.read(t, 300) // some full tiles, and a partial one
	}
	keys := strings.Split(mustRun(t, s.binary, "audit", "key", "--store", "sqlite:"+s.db), "\n")
	if len(keys) != 2 {
		t.Fatalf("keys: %q", keys)
	}
	check := func(log, key, want string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "key")
		write(t, file, []byte(key))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, fsck, "--storage_url="+s.url+"/log/"+log+"/", "--public_key="+file,
			"--bearer_token=dev-auditor", "--N=8", "--ui=false")
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(want)) {
			t.Errorf("fsck of log %s: %v, want %q in\n%s", log, err, want, out)
		}
	}
	check("1", keys[1], "Successfully fsck'd log")
	check("spine", keys[0], "Successfully fsck'd log")
	check("1", keys[0], "fsck failed") // another log's key
	change(t, s.db, "PRAGMA busy_timeout = 5000",
		`UPDATE audit_pages SET lines = replace(lines, '"m-0"', '"m-x"') `+page(1, 1),
		`UPDATE audit_pages SET lines = replace(lines, 'GRANTED', 'DENIED') `+page(0, 0))
	check("1", keys[1], "fsck failed")
	check("spine", keys[0], "fsck failed")
}
