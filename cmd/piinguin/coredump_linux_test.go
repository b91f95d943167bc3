package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/internal/lambdatest"
)

var noCore = regexp.MustCompile(`Max core file size +0 +0 `)

// TestNoCoreDump looks at each program, as it is started, once it may have originals in memory.
func TestNoCoreDump(t *testing.T) {
	in := &install{dir: t.TempDir(), env: os.Environ()}
	mustChmod(t, 0o755, filepath.Dir(in.dir), binaries)
	mustChmod(t, 0o777, in.dir)
	command := func(t *testing.T, name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = in.dir, in.env, in, in
		if os.Geteuid() == 0 { // the files of a process of root are root's, dumpable or not
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return cmd
	}
	t.Run("Server", func(t *testing.T) {
		cmd := command(t, filepath.Join(binaries, "piinguin"), "serve", "--dev", "--listen", "127.0.0.1:0")
		mustStart(t, cmd)
		eventually(t, "the server's start", func() bool { return started.MatchString(in.log()) })
		wantNoCoreDump(t, cmd)
	})
	t.Run("Replay", func(t *testing.T) {
		cmd := command(t, filepath.Join(binaries, "piinguin-relay"), "replay", "--token", "x", "-")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		mustStart(t, cmd)
		// More than a pipe holds: this returns when the program has begun to read.
		if _, err := stdin.Write(bytes.Repeat([]byte("\n"), 1<<20)); err != nil {
			t.Fatal(err)
		}
		wantNoCoreDump(t, cmd)
	})
	t.Run("Lambda", func(t *testing.T) {
		bootstrap := unpack(t)
		mustChmod(t, 0o755, bootstrap, filepath.Dir(bootstrap), filepath.Dir(filepath.Dir(bootstrap)))
		cmd := command(t, bootstrap)
		f := lambdatest.Start(t, cmd, "PIINGUIN_HOST=http://127.0.0.1:9", "PIINGUIN_TOKEN=x")
		eventually(t, "the function's start", func() bool { return strings.Contains(f.Log(), "relay starts") })
		wantNoCoreDump(t, cmd)
	})
}

// mustStart starts a program that the test's end kills.
func mustStart(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// wantNoCoreDump: the kernel gives what belongs to a process that is not dumpable to root, which shows
// for a process of anybody else.
func wantNoCoreDump(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	of := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	limits, err := os.ReadFile(of + "limits")
	if err != nil || !noCore.Match(limits) {
		t.Errorf("a core dump may have a size: %s %v", limits, err)
	}
	info, err := os.Stat(of + "environ")
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := info.Sys().(*syscall.Stat_t); !ok || at.Uid != 0 {
		t.Errorf("the process is dumpable: %+v", info.Sys())
	}
}
