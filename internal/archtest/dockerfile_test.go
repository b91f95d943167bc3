package archtest_test

import (
	"debug/elf"
	"go/version"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"

	"github.com/piinguin/piinguin/internal/archtest"
)

func readRoot(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// newTestStages parses the image's Dockerfile into the build and the final stage.
func newTestStages(t *testing.T) (build, final archtest.Stage) {
	t.Helper()
	stages, err := archtest.ParseDockerfile(readRoot(t, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 {
		t.Fatalf("%d stages, want 2", len(stages))
	}
	return stages[0], stages[1]
}

func texts(s archtest.Stage, name string) []string {
	var list []string
	for _, i := range s.Instructions {
		if i.Name == name {
			list = append(list, i.Text)
		}
	}
	return list
}

func TestImageRunsWithoutPrivileges(t *testing.T) {
	_, final := newTestStages(t)
	if final.From != "scratch" {
		t.Errorf("the final stage is FROM %s, want scratch", final.From)
	}
	users := texts(final, "USER")
	// By number: Kubernetes' runAsNonRoot refuses a name, and scratch knows none.
	if len(users) != 1 || !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(users[0]) {
		t.Errorf("USER %q, want one number other than 0 for user and group", users)
	}
	if diff := cmp.Diff([]string{`["/piinguin"]`}, texts(final, "ENTRYPOINT")); diff != "" {
		t.Errorf("ENTRYPOINT (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`["serve"]`}, texts(final, "CMD")); diff != "" {
		t.Errorf("CMD (-want +got):\n%s", diff)
	}
}

// The final stage copies only what an earlier one has, or what its base image
// brings: the certificates.
func TestImageCopiesWhatIsBuilt(t *testing.T) {
	build, final := newTestStages(t)
	made := strings.Join(texts(build, "RUN"), "\n")
	for _, i := range final.Instructions {
		if i.Name != "COPY" {
			continue
		}
		from := strings.Fields(i.Text)[0]
		if i.Flags["from"] != build.As {
			t.Errorf("COPY %s is from stage %q, want %q", i.Text, i.Flags["from"], build.As)
		}
		if !strings.Contains(made, " "+from+" ") && !strings.HasSuffix(made, " "+from) && from != "/etc/ssl/certs/ca-certificates.crt" {
			t.Errorf("no RUN of stage %s makes %s", build.As, from)
		}
	}
}

func TestImageBuildsWithPinnedGo(t *testing.T) {
	build, _ := newTestStages(t)
	tag := regexp.MustCompile(`^golang:(1\.[0-9]+\.[0-9]+)-[a-z]+$`).FindStringSubmatch(build.From)
	if tag == nil {
		t.Fatalf("FROM %s, want golang: with a full version and a release", build.From)
	}
	mod, err := modfile.Parse("go.mod", []byte(readRoot(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if version.Compare("go"+tag[1], "go"+mod.Go.Version) < 0 {
		t.Errorf("FROM %s is older than go %s in go.mod", build.From, mod.Go.Version)
	}
}

// TestImageBuilds does what docker build would: it copies the COPY sources alone,
// without what .dockerignore keeps out, runs the go build line among them, and
// looks at the binary.
func TestImageBuilds(t *testing.T) {
	build, _ := newTestStages(t)
	src, out := t.TempDir(), t.TempDir()
	for _, text := range texts(build, "COPY") {
		words := strings.Fields(text)
		to := words[len(words)-1]
		for _, from := range words[:len(words)-1] {
			if to != "./" && to != from {
				t.Fatalf("COPY %s: this test knows copies to the same name", text)
			}
			copyContext(t, src, from)
		}
	}
	lines := slices.DeleteFunc(texts(build, "RUN"), func(line string) bool { return !strings.Contains(line, "go build") })
	if len(lines) != 1 || !strings.Contains(lines[0], "-o /out/") {
		t.Fatalf("go build lines: %q, want one that writes to /out/", lines)
	}
	sh := exec.Command("sh", "-ec", strings.ReplaceAll(lines[0], "-o /out/", "-o "+out+"/"))
	sh.Dir = src
	sh.Env = append(os.Environ(), "GOWORK=off")
	if output, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", lines[0], err, output)
	}
	wantStatic(t, filepath.Join(out, "piinguin"))
}

// copyContext copies one COPY source out of the build context.
func copyContext(t *testing.T, to, source string) {
	t.Helper()
	ignore := archtest.ParseIgnore(readRoot(t, ".dockerignore"))
	if ignore.Excludes(source) {
		t.Fatalf("COPY %s: .dockerignore keeps it out", source)
	}
	err := fs.WalkDir(os.DirFS(root), source, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || ignore.Excludes(name) {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
	if err != nil {
		t.Fatalf("COPY %s: %v", source, err)
	}
}

// wantStatic fails where the binary needs a loader or a library, which scratch
// does not have.
func wantStatic(t *testing.T, file string) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s needs a loader", path.Base(file))
		}
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("%s needs libraries %q (%v)", path.Base(file), libraries, err)
	}
}

func TestParseDockerfile(t *testing.T) {
	got, err := archtest.ParseDockerfile("# a comment\nFROM a:1 AS build\n\nRUN one \\\n  # between\n  two\nfrom scratch\nCOPY --from=build --chown=1:1 /x /y\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []archtest.Stage{
		{From: "a:1", As: "build", Instructions: []archtest.Instruction{{Name: "RUN", Flags: map[string]string{}, Text: "one two"}}},
		{From: "scratch", Instructions: []archtest.Instruction{
			{Name: "COPY", Flags: map[string]string{"from": "build", "chown": "1:1"}, Text: "/x /y"},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	for _, text := range []string{"RUN x\nFROM a", "FROM --platform=x a AS b", "FROM"} {
		if _, err := archtest.ParseDockerfile(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestIgnore(t *testing.T) {
	ignore := archtest.ParseIgnore("# all\n*\n!kept\n!go.mod\n**/*.key\nkept/out\n")
	for name, want := range map[string]bool{
		"other": true, "other/file": true, "go.mod": false, "kept": false, "kept/a/b": false,
		"kept/a.key": true, "kept/a/b.key": true, "a.key": true, "kept/out/x": true, "kept/outer": false,
	} {
		if got := ignore.Excludes(name); got != want {
			t.Errorf("Excludes(%q) = %t", name, got)
		}
	}
}

// A database, a key or tokens that somebody left in the tree stay out of the image.
func TestIgnoreKeepsSecretsOut(t *testing.T) {
	ignore := archtest.ParseIgnore(readRoot(t, ".dockerignore"))
	for _, name := range []string{
		"piinguin.db", "piinguin-dev/piinguin.db", "piinguin-audit.key", "tokens.txt", ".git/config", ".cache/x",
		"cmd/piinguin/piinguin.db", "cmd/piinguin/piinguin.db-wal", "cmd/piinguin/piinguin-audit.key", "server/a_test.go",
	} {
		if !ignore.Excludes(name) {
			t.Errorf("%s would go to the builder", name)
		}
	}
}
