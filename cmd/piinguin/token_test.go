package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/identity"
)

// newTestInstall is an installation without anything.
func newTestInstall(t *testing.T) *install {
	t.Helper()
	return &install{dir: t.TempDir(), env: os.Environ(), store: "sqlite:piinguin.db"}
}

// tokenFile returns what stands in the file that token create writes.
func (in *install) tokenFile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(in.dir, "tokens.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (in *install) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(in.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantFiles holds the folder to a list: nothing half-made stays behind.
func (in *install) wantFiles(t *testing.T, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(in.dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("files (-want +have):\n%s", diff)
	}
}

func TestTokenCreate(t *testing.T) {
	in := newTestInstall(t)
	code, token, hint := in.run(t, "piinguin", "token", "create", "--name", "relay", "--role", "writer", "--role", "eraser", "--expires", "90d")
	if code != 0 || !regexp.MustCompile(`^pgn_[a-z2-7]{40}\n$`).MatchString(token) {
		t.Errorf("exit %d, standard output %q", code, token)
	}
	file := in.tokenFile(t)
	if !regexp.MustCompile(`^relay writer,eraser [0-9a-f]{64} expires=20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$`).MatchString(file) {
		t.Errorf("the file is %q", file)
	}
	if strings.Contains(file+hint, strings.TrimSpace(token)) || !strings.Contains(hint, "relay") {
		t.Errorf("the token is in the file or in the hint %q", hint)
	}
	path := filepath.Join(in.dir, "tokens.txt")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}

	// What is there stays as it is: lines, mode, and a link to the file.
	in.write(t, "tokens.txt", "# ours\n"+strings.TrimSuffix(file, "\n"))
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("tokens.txt", filepath.Join(in.dir, "link")); err != nil {
		t.Fatal(err)
	}
	in.mustRun(t, 0, "piinguin", "token", "create", "--name", "alice", "--role", "reader", "--expires", "2999-01-31", "--tokens", "link")
	if now := in.tokenFile(t); !strings.HasPrefix(now, "# ours\n"+file+"alice reader ") || !strings.HasSuffix(now, " expires=2999-01-31T00:00:00Z\n") {
		t.Errorf("the file is %q", now)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o400 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	in.wantFiles(t, "link", "tokens.txt")
}

func TestTokenCreateRefuses(t *testing.T) {
	in := newTestInstall(t)
	for _, args := range [][]string{
		{}, {"--name", "relay"}, {"--role", "writer"}, {"--name", "a b", "--role", "writer"}, {"--name", "a", "--role", "king"},
		{"--name", "a", "--role", "reader,auditor"}, {"--name", "a", "--role", "reader", "--role", "auditor"},
		{"--name", "a", "--role", "reader", "--expires", "0d"}, {"--name", "a", "--role", "reader", "--expires", "soon"},
		{"--name", "a", "--role", "reader", "--expires", "2018-05-25"}, {"--name", "a", "--role", "reader", "--tokens", "no/folder"},
	} {
		if code, stdout, stderr := in.run(t, "piinguin", append([]string{"token", "create"}, args...)...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%v: exit %d, %q %q", args, code, stdout, stderr)
		}
	}
	in.wantFiles(t)

	// Never is a line added to a file that a server would refuse.
	in.write(t, "tokens.txt", "# ours\nCANARY\n")
	_, _, stderr := in.run(t, "piinguin", "token", "create", "--name", "a", "--role", "reader")
	if !strings.Contains(stderr, "line 2") || strings.Contains(stderr, "CANARY") || in.tokenFile(t) != "# ours\nCANARY\n" {
		t.Errorf("a broken file: %s", stderr)
	}
	in.wantFiles(t, "tokens.txt")
	in.write(t, "tokens.txt", "")
	create := func(role string) (int, string, string) {
		return in.run(t, "piinguin", "token", "create", "--name", "ann", "--role", role)
	}
	create("reader")
	before := in.tokenFile(t)
	if code, stdout, stderr := create("auditor"); code != 2 || stdout != "" || !strings.Contains(stderr, "both reader and auditor") || in.tokenFile(t) != before {
		t.Errorf("a reader who is to be an auditor: exit %d, %q %q", code, stdout, stderr)
	}
	in.write(t, "tokens.txt.new", "")
	if code, stdout, stderr := in.run(t, "piinguin", "token", "create", "--name", "a", "--role", "reader"); code != 2 || stdout != "" || !strings.Contains(stderr, "tokens.txt.new") {
		t.Errorf("beside another: exit %d, %q %q", code, stdout, stderr)
	}
	in.wantFiles(t, "tokens.txt", "tokens.txt.new")
}

// Each token that was printed has its line, whoever else makes one.
func TestTokensMadeAtOnce(t *testing.T) {
	in := newTestInstall(t)
	var mu sync.Mutex
	var printed []string
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			code, stdout, _ := in.run(t, "piinguin", "token", "create", "--name", "a", "--role", "reader")
			mu.Lock()
			defer mu.Unlock()
			if code == 0 {
				printed = append(printed, strings.TrimSpace(stdout))
			}
		})
	}
	all.Wait()
	file := in.tokenFile(t)
	tokens, err := identity.ParseTokens(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range printed {
		if _, err := tokens.Authenticate(withToken(token)); err != nil {
			t.Error("a token was printed that has no line")
		}
	}
	if lines := strings.Count(file, "\n"); len(printed) == 0 || lines != len(printed) {
		t.Errorf("%d lines, %d tokens", lines, len(printed))
	}
	in.wantFiles(t, "tokens.txt")
}
