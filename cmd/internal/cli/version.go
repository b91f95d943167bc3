package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// unknown is what a build says that was made outside of version control.
const unknown = "unknown"

// The linker sets these with -X, in the Makefile and the Dockerfile: both build without
// -buildvcs, because git may refuse the folder and an image's build has no .git.
var version, commit string

// Build says which build a binary is. No field is empty.
type Build struct {
	Version string `json:"version"` // such as v1.2.0; of a build between two releases, what git or Go makes of it
	Commit  string `json:"commit"`  // 40 hex digits, with -dirty behind them if files were changed
	Go      string `json:"go"`      // such as go1.26.8
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// ReadBuild returns the build of the running binary: what the linker was told, else what the go
// command recorded.
func ReadBuild() Build {
	b := Build{Version: unknown, Commit: unknown, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.record(info)
	}
	if version != "" {
		b.Version = version
	}
	if commit != "" {
		b.Commit = commit
	}
	return b
}

// record takes what the go command recorded: the module's version where it was installed by
// version, the commit where it was built in a checkout.
func (b *Build) record(info *debug.BuildInfo) {
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	if setting["vcs.revision"] == "" {
		return
	}
	b.Commit = setting["vcs.revision"]
	if setting["vcs.modified"] == "true" {
		b.Commit += "-dirty"
	}
}

// String returns one line, without the program's name.
func (b Build) String() string {
	return fmt.Sprintf("%s (commit %s, %s, %s/%s)", b.Version, b.Commit, b.Go, b.OS, b.Arch)
}

// addVersion adds the command version and the flag --version.
func addVersion(root *cobra.Command) {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Long:  "Print the version, the commit, the Go version and the platform of this build.",
		Args:  Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printBuild(cmd.OutOrStdout(), root.Name(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	root.AddCommand(cmd)
	root.Version = ReadBuild().String()
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
}

func printBuild(w io.Writer, name string, asJSON bool) error {
	b := ReadBuild()
	if asJSON {
		return json.NewEncoder(w).Encode(b)
	}
	_, err := fmt.Fprintf(w, "%s %s\n", name, b)
	return err
}
