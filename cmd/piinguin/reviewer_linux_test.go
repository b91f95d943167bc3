package main_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// review runs a command as a user who owns nothing here: root passes over every mode.
func (in *install) review(t *testing.T, args ...string) (code int, printed string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "piinguin"), args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = in.dir, in.env, &out, &out
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	_ = cmd.Run() // the code says it
	return cmd.ProcessState.ExitCode(), out.String()
}

func mustChmod(t *testing.T, mode fs.FileMode, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// copyOf copies a running server's files into a folder that nobody else may write.
func (in *install) copyOf(t *testing.T, suffixes ...string) (store string) {
	t.Helper()
	folder, err := os.MkdirTemp(in.dir, "copy-")
	if err != nil {
		t.Fatal(err)
	}
	for _, suffix := range suffixes {
		b, err := os.ReadFile(filepath.Join(in.dir, "piinguin-dev", "piinguin.db"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "piinguin.db"+suffix), b, 0o444); err != nil { //nolint:gosec // for everybody to read
			t.Fatal(err)
		}
	}
	mustChmod(t, 0o555, folder)
	t.Cleanup(func() { mustChmod(t, 0o755, folder) }) // so that it can be removed
	return "sqlite:" + filepath.Join(folder, "piinguin.db")
}

// TestReviewerWithoutRights has a reviewer who may only read, beside a running server and on copies. Each
// command works, or says what to do.
func TestReviewerWithoutRights(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		newVisited(t, p)
		folder := filepath.Join(in.dir, "piinguin-dev")
		file := filepath.Join(folder, "piinguin.db")
		mustChmod(t, 0o755, filepath.Dir(in.dir), in.dir, folder, binaries)
		mustChmod(t, 0o644, file, file+"-wal", file+"-shm")
		const whole = "The ledger is whole."
		for name, c := range map[string]struct {
			store string
			want  string
		}{
			"beside the server":    {in.store, whole},
			"copy of all":          {in.copyOf(t, "", "-wal", "-shm"), whole},
			"copy without its shm": {in.copyOf(t, "", "-wal"), "copy the file and its -wal into a folder that you may write"},
			"copy of the file":     {in.copyOf(t, ""), "copy its -wal as well"},
			"a folder":             {"sqlite:" + folder, "is a folder"},
			"no database":          {"sqlite:" + filepath.Join(binaries, "piinguin"), "it is no SQLite database"},
		} {
			code, printed := in.review(t, "audit", "verify", "--store", c.store)
			if (code == 0) != (c.want == whole) || !strings.Contains(printed, c.want) {
				t.Errorf("%s: exit %d, want %q:\n%s", name, code, c.want, printed)
			}
			for _, args := range [][]string{{"audit", "list"}, {"audit", "prove", "1/0"}, {"audit", "export", "--log", "1", "--out", "-"}} {
				code, printed := in.review(t, append(args, "--store", c.store)...)
				if (code == 0) != (c.want == whole) || code != 0 && !strings.Contains(printed, c.want) {
					t.Errorf("%s: %v: exit %d, want as verify:\n%s", name, args, code, printed)
				}
			}
		}
		mustChmod(t, 0o600, file+"-wal")
		if code, printed := in.review(t, "audit", "verify", "--store", in.store); code != 2 || !strings.Contains(printed, "must be allowed to read the file") {
			t.Errorf("the -wal is not for this user: exit %d:\n%s", code, printed)
		}
		p.stop(t)
		mustChmod(t, 0o644, file)
		mustChmod(t, 0o555, folder)
		defer mustChmod(t, 0o755, folder)
		if code, printed := in.review(t, "audit", "verify", "--store", in.store); code != 0 || !strings.Contains(printed, whole) {
			t.Errorf("after the server's end: exit %d:\n%s", code, printed)
		}
	})
}
