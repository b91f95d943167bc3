package main_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// programs are the built commands.
var programs = []string{"piinguin", "piinguin-relay"}

// build is the output of version --json.
type build struct{ Version, Commit, Go, OS, Arch string }

func (in *install) buildOf(t *testing.T, program string) build {
	t.Helper()
	var b build
	if err := json.Unmarshal([]byte(in.mustRun(t, 0, program, "version", "--json")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVersion(t *testing.T) {
	in := newTestInstall(t)
	for _, program := range programs {
		b := in.buildOf(t, program)
		if b.Version == "" || b.Commit == "" {
			t.Errorf("%s is of version %q, commit %q", program, b.Version, b.Commit)
		}
		if b.Go != runtime.Version() || b.OS != runtime.GOOS || b.Arch != runtime.GOARCH {
			t.Errorf("%s says %+v", program, b)
		}
		want := program + " " + b.Version + " (commit " + b.Commit + ", " + b.Go + ", " + b.OS + "/" + b.Arch + ")\n"
		for _, arg := range []string{"version", "--version"} {
			if diff := cmp.Diff(want, in.mustRun(t, 0, program, arg)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", program, arg, diff)
			}
		}
	}
}

// TestBuildMetric holds that a running server tells the same build as the command.
func TestBuildMetric(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.start(t)
		defer p.stop(t)
		b := in.buildOf(t, "piinguin")
		want := `piinguin_build_info{goversion="` + b.Go + `",revision="` + b.Commit + `",version="` + b.Version + "\"} 1\n"
		if !strings.Contains(p.metrics(t), want) {
			t.Errorf("the metrics do not hold %s", want)
		}
	})
}

// TestMakeBuildStampsTheCommit holds that what make builds in a checkout names its commit,
// whatever GOFLAGS says of version control.
func TestMakeBuildStampsTheCommit(t *testing.T) {
	in := newTestInstall(t)
	if out, err := exec.Command("make", "-C", "../..", "build", "bin="+in.dir, "version=v1.2.3-test").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	want := "unknown" // as of a source archive
	if head, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil {
		want = strings.TrimSpace(string(head))
	}
	for _, program := range programs {
		out, err := exec.Command(filepath.Join(in.dir, program), "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`^` + program + ` v1\.2\.3-test \(commit ` + want + `(-dirty)?, `)
		if !line.Match(out) {
			t.Errorf("%s --version prints %s, want commit %s", program, out, want)
		}
	}
}
