//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/relaytest"
)

// badFolder is a folder with the samples, in files and behind links, and with much that
// cannot be read. wantStderr is what is to be said, by the end of each path.
func badFolder(t *testing.T) (folder string, wantStderr []string) {
	t.Helper()
	folder = t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	elsewhere := filepath.Join(t.TempDir(), "linked.tsv")
	mustWrite(t, elsewhere, mustRead(t, tsvFile))
	mustWrite(t, path(".hidden"), []byte("x"))
	mustWrite(t, path("b-junk.gz"), append(mustGzip(t, []byte(relaytest.PageView)), "junk c4n4ry"...))
	mustWrite(t, path("c-cut.gz"), mustGzip(t, mustRead(t, tsvFile))[:200])
	mustWrite(t, path("z-last.jsonl"), mustRead(t, jsonFile))
	for _, err := range []error{
		os.Mkdir(path(".git"), 0o700),
		os.Mkdir(path(".x\ny"), 0o700),
		os.Symlink(elsewhere, path("a-link.tsv")),
		os.Symlink(filepath.Dir(elsewhere), path("d-folder")),
		os.Symlink("/nowhere/at/all", path("e-nowhere")),
		os.Symlink("/dev/zero", path("f-device")),
		os.Symlink("/proc/self/mem", path("g-unreadable")), // a regular file that gives an error
		syscall.Mkfifo(path("h-pipe"), 0o600),
		os.WriteFile(path("i-sparse"), nil, 0o600),
		os.Truncate(path("i-sparse"), 1<<40),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder, []string{
		"left out: " + path(".git") + ": it is hidden",
		"left out: " + path(".hidden") + ": it is hidden",
		"left out: " + path(`.x\u{a}y`) + ": it is hidden",
		"left out: " + path("d-folder") + ": it is a link to a folder",
		"left out: " + path("f-device") + ": it is not a regular file",
		"left out: " + path("h-pipe") + ": it is not a regular file",
		"stat " + path("e-nowhere") + ": no such file or directory",
		path("a-link.tsv") + ":6: " + string(relay.ReasonFields),
		path("b-junk.gz") + ": " + errJunk.Error(),
		path("c-cut.gz") + ": unexpected EOF",
		"read " + path("g-unreadable") + ": input/output error",
		path("i-sparse") + ": a line is longer than 256 MiB; it and all behind it were not read",
	}
}

// TestBadInputs: what cannot be read is named, and the others are read, from the first to
// the last.
func TestBadInputs(t *testing.T) {
	folder, want := badFolder(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{folder, link} {
		s := relaytest.New(t)
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--json", name)
		wantStored(t, s)
		var said []string
		for line := range strings.Lines(strings.ReplaceAll(r.stderr, link, folder)) {
			said = append(said, strings.TrimSpace(line))
		}
		for _, line := range want {
			if !slices.Contains(said, line) {
				t.Errorf("it does not say %q", line)
			}
		}
		if r.exit != exitFinding || len(said) != len(want) {
			t.Errorf("exit %d, stderr\n%s", r.exit, r.stderr)
		}
	}
}

// A bad input is named by each run; what is done of the others is not sent again.
func TestBadInputsWithACheckpoint(t *testing.T) {
	folder, want := badFolder(t)
	s := relaytest.New(t)
	state := filepath.Join(t.TempDir(), "state")
	sent := 0
	for run := range 2 {
		r := runTest(t.Context(), t, s, nil, nil, "replay", "--checkpoint", state, folder)
		if r.exit != exitFinding || !strings.Contains(r.stderr, want[8]) || !strings.Contains(r.stderr, want[9]) {
			t.Errorf("run %d: exit %d\n%s", run, r.exit, r.stderr)
		}
		wantStored(t, s)
		if run == 1 && s.Calls() != sent {
			t.Errorf("%d calls more", s.Calls()-sent)
		}
		sent = s.Calls()
	}
}

// TestGzipEnds: what may stand behind a gzip stream.
func TestGzipEnds(t *testing.T) {
	one, two := mustGzip(t, mustRead(t, tsvFile)), mustGzip(t, mustRead(t, jsonFile))
	loose := mustGzip(t, bytes.TrimSpace(mustRead(t, jsonFile)))
	marked := mustGzip(t, append([]byte("\ufeff  "), mustRead(t, jsonFile)...))
	zeros := func(n int) []byte { return make([]byte, n) }
	for name, test := range map[string]struct {
		parts [][]byte
		says  string
	}{
		"nothing":              {[][]byte{one, two}, ""},
		"zeros":                {[][]byte{one, two, zeros(1)}, ""},
		"zeros between":        {[][]byte{one, zeros(512), two, zeros(10240)}, ""},
		"junk":                 {[][]byte{one, two, []byte("junk")}, errJunk.Error()},
		"one byte":             {[][]byte{one, two, {0x1f}}, errJunk.Error()},
		"junk behind zeros":    {[][]byte{one, two, zeros(9), []byte("junk")}, errJunk.Error()},
		"junk, no line end":    {[][]byte{one, loose, []byte("junk")}, errJunk.Error()},
		"zeros without end":    {[][]byte{one, two, zeros(maxPadding + 1)}, errJunk.Error()},
		"a header that is cut": {[][]byte{one, two, one[:7]}, "unexpected EOF"},
		"a mark":               {[][]byte{one, marked}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := relaytest.New(t)
			r := runTest(t.Context(), t, s, bytes.NewReader(slices.Concat(test.parts...)), nil, "replay", "--json", "-")
			wantSummary(t, r, sampleSummary)
			wantStored(t, s)
			said := strings.TrimPrefix(r.stderr, "stdin:6: "+string(relay.ReasonFields)+"\n")
			if want := "stdin: " + test.says + "\n"; test.says != "" && said != want || test.says == "" && said != "" {
				t.Errorf("stderr %q", r.stderr)
			}
			if r.exit != exitFinding { // of the sample line that is cut, at least
				t.Errorf("exit %d", r.exit)
			}
		})
	}
	// Junk alone is a finding, too.
	s := relaytest.New(t)
	if r := runTest(t.Context(), t, s, bytes.NewReader(append(slices.Clone(two), "junk"...)), nil, "replay", "-"); r.exit != exitFinding {
		t.Errorf("exit %d\n%s", r.exit, r.stderr)
	}
	if r := runTest(t.Context(), t, s, bytes.NewReader(append(slices.Clone(two), 0, 0)), nil, "replay", "-"); r.exit != exitDone {
		t.Errorf("exit %d\n%s", r.exit, r.stderr)
	}
}

// A pipe that took the place of a file does not make the replay wait.
func TestOpenRegular(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := openRegular(pipe); err == nil || f != nil {
		t.Errorf("a pipe is opened: %v", err)
	}
}
