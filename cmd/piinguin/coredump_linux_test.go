package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// TestNoCoreDump: the kernel gives what belongs to a process that is not dumpable to root, which shows for
// a process of anybody else.
func TestNoCoreDump(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		mustChmod(t, 0o755, filepath.Dir(in.dir), binaries)
		mustChmod(t, 0o777, in.dir)
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "piinguin"), "serve", "--dev", "--port", "0")
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = in.dir, in.env, in, in
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		eventually(t, "the server's start", func() bool { return listening.MatchString(in.log()) })
		of := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
		limits, err := os.ReadFile(of + "limits")
		if err != nil || !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
			t.Errorf("a core dump may have a size: %s %v", limits, err)
		}
		info, err := os.Stat(of + "environ")
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := info.Sys().(*syscall.Stat_t); !ok || at.Uid != 0 {
			t.Errorf("the process is dumpable: %+v", info.Sys())
		}
	})
}

var listening = regexp.MustCompile(`piinguin listens on http`)
