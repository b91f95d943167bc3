package identity_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/identity"
)

// newTestTokenFile returns the path of a token file with this text and mode.
func newTestTokenFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.txt")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustFormatToken(t *testing.T, name string, roles ...string) string {
	t.Helper()
	line, err := identity.FormatToken(name, roles, identity.NewToken(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// wantTokenFile compares the file's text and mode, and that nothing else is in its folder.
func wantTokenFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if diff := cmp.Diff(text, string(got)); err != nil || diff != "" {
		t.Errorf("the file (-want +got): %v\n%s", err, diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != mode {
		t.Errorf("the file's mode is %v, %v; want %v", info.Mode(), err, mode)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v, %v; want one file", files, err)
	}
}

func TestAppendToken(t *testing.T) {
	first, second := mustFormatToken(t, "relay", "writer"), mustFormatToken(t, "alice", "reader")
	path := filepath.Join(t.TempDir(), "tokens.txt")
	if err := identity.AppendToken(path, first); err != nil {
		t.Fatal(err)
	}
	wantTokenFile(t, path, first, 0o600)

	comments := "# ours\n\n  " + strings.TrimSuffix(first, "\n") // the last line has no newline
	path = newTestTokenFile(t, comments, 0o440)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := identity.AppendToken(link, second); err != nil {
		t.Fatal(err)
	}
	wantTokenFile(t, path, comments+"\n"+second, 0o440)
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q, %v; want %q", target, err, path)
	}
}

func TestAppendTokenRefuses(t *testing.T) {
	reader := mustFormatToken(t, "ann", "reader")
	for name, c := range map[string]struct{ text, line, want string }{
		"a broken file":      {"# ours\nCANARY\n", reader, "line 2"},
		"a broken line":      {reader, "CANARY\n", "line 2"},
		"a role too many":    {reader, mustFormatToken(t, "ann", "auditor"), "both reader and auditor"},
		"the token is known": {reader, reader, "the same token"},
	} {
		path := newTestTokenFile(t, c.text, 0o600)
		err := identity.AppendToken(path, c.line)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		wantTokenFile(t, path, c.text, 0o600)
	}
	pipe, link := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "link")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink("nowhere", link)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "not a regular file", "/dev/null": "not a regular file", link: "link to a file that does not exist"} {
		if err := identity.AppendToken(path, reader); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	path := newTestTokenFile(t, "", 0o600)
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := identity.AppendToken(path, reader); err == nil || !strings.Contains(err.Error(), "tokens.txt.new exists") {
		t.Errorf("beside another: %v, want that the other file exists", err)
	}
}
