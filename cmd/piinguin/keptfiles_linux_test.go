package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/audit/anchor"
)

// What lies among the kept files and is none is a finding, or is passed over by its name. It never makes
// verify wait, nor fills its memory.
func TestStrangeKeptFiles(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		in.env = append(in.env, "PIINGUIN_ANCHOR=anchors", "PIINGUIN_ANCHOR_EVERY=10ms")
		p := in.start(t)
		readAll(t, p, 10)
		p.stop(t)
		paths, sizes := in.kept(t)
		good := in.file(t, paths[len(paths)-1])
		folder := filepath.Join("anchors", ledgerName)
		strange := map[string]func(path string) error{
			"garbage":  func(path string) error { return os.WriteFile(path, []byte("not a kept file\n"), 0o600) },
			"empty":    func(path string) error { return os.WriteFile(path, nil, 0o600) },
			"fifo":     func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"zero":     func(path string) error { return os.Symlink("/dev/zero", path) },
			"dangling": func(path string) error { return os.Symlink("nowhere", path) },
			"sparse": func(path string) error {
				if err := os.WriteFile(path, good, 0o600); err != nil {
					return err
				}
				return os.Truncate(path, 1<<40)
			},
			"cut":     func(path string) error { return os.WriteFile(path, good[:len(good)/2], 0o600) },
			"changed": func(path string) error { return os.WriteFile(path, flip(good, len(good)-5), 0o600) },
		}
		verify := func(place string) []string {
			return []string{"audit", "verify", "--store", in.store, "--checkpoint", place}
		}
		wantLine(t, in.mustRun(t, 0, "piinguin", verify("anchors")...), "Kept checkpoints that it extends: ")
		for what, put := range strange {
			for _, name := range []string{filepath.Base(anchor.Name(ledgerName, 1<<40)), what + anchor.Suffix} {
				path := filepath.Join(folder, name)
				if err := put(filepath.Join(in.dir, path)); err != nil {
					t.Fatal(err)
				}
				wantFinding(t, in, verify("anchors"), "kept checkpoint "+path)
				out := in.mustRun(t, 1, "piinguin", verify("anchors")...)
				wantLine(t, out, "Kept checkpoints that it extends: ") // the others still count
				if err := os.Remove(filepath.Join(in.dir, path)); err != nil {
					t.Fatal(err)
				}
			}
			passed := filepath.Join(in.dir, folder, what+".other") // the name is not one of a kept file
			if err := put(passed); err != nil {
				t.Fatal(err)
			}
			in.mustRun(t, 0, "piinguin", verify("anchors")...)
			code, _, stderr := in.run(t, "piinguin", verify(filepath.Join(folder, what+".other"))...)
			if code == 0 || strings.Contains(stderr, "panic") {
				t.Errorf("%s by its name: exit %d, %s", what, code, stderr)
			}
			for _, flag := range []string{"--from", "--checkpoint"} {
				if code, _, stderr := in.run(t, "piinguin", "audit", "verify", "--store", in.store, flag, passed); code == 0 || (what == "fifo" || what == "zero") != strings.Contains(stderr, "is not a file") {
					t.Errorf("%s %s: exit %d, %s", flag, what, code, stderr)
				}
			}
			if err := os.Remove(passed); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(filepath.Join(in.dir, folder, "0000000000000009.kept"), 0o700); err != nil {
			t.Fatal(err)
		}
		in.mustRun(t, 0, "piinguin", verify("anchors")...)
		if code, _, stderr := in.run(t, "piinguin", verify("piinguin-dev")...); code != 2 || !strings.Contains(stderr, "holds no *.kept file") {
			t.Errorf("a folder without kept files: exit %d, %s", code, stderr)
		}
		if code, _, _ := in.run(t, "piinguin", verify("nowhere")...); code != 2 {
			t.Errorf("no folder: exit %d", code)
		}
		if len(sizes) < 1 {
			t.Error("nothing was kept")
		}
	})
}
