package main_test

import (
	"strings"
	"testing"
)

// subcommands are the names of the commands below a command, as the shell's completion gets
// them.
func (in *install) subcommands(t *testing.T, program string, path []string) []string {
	t.Helper()
	var names []string
	out := in.mustRun(t, 0, program, append(append([]string{"__complete"}, path...), "")...)
	for line := range strings.Lines(out) {
		if name, _, described := strings.Cut(line, "\t"); described {
			names = append(names, name)
		}
	}
	return names
}

// parents are the commands of a program that have commands below them, by their paths.
func (in *install) parents(t *testing.T, program string, path []string) [][]string {
	t.Helper()
	names := in.subcommands(t, program, path)
	if len(names) == 0 {
		return nil
	}
	all := [][]string{path}
	for _, name := range names {
		if name != "help" { // it completes the commands that it explains
			all = append(all, in.parents(t, program, append(path[:len(path):len(path)], name))...)
		}
	}
	return all
}

// wantUsageError holds that a command line is refused, with nothing on standard output.
func (in *install) wantUsageError(t *testing.T, program string, args []string, says ...string) {
	t.Helper()
	code, stdout, stderr := in.run(t, program, args...)
	if code != 2 || stdout != "" {
		t.Errorf("%s %q: exit %d, prints %q", program, args, code, stdout)
	}
	for _, text := range says {
		if !strings.Contains(stderr, text) {
			t.Errorf("%s %q says %q, not %s", program, args, stderr, text)
		}
	}
}

// TestUnknownCommands misspells a command at every level of both programs.
func TestUnknownCommands(t *testing.T) {
	in := newTestInstall(t)
	for program, least := range map[string]int{"piinguin": 5, "piinguin-relay": 1} {
		parents := in.parents(t, program, nil)
		if len(parents) < least {
			t.Fatalf("%s has commands below %q only", program, parents)
		}
		for _, path := range parents {
			help := "see " + strings.Join(append([]string{program}, path...), " ") + " --help"
			in.wantUsageError(t, program, append(path, "no-such-thing"), `unknown command "no-such-thing"`, help)
			in.wantUsageError(t, program, append([]string{"help"}, append(path, "no-such-thing")...), `unknown command "no-such-thing"`, help)
			in.wantUsageError(t, program, append(path, "--no-such-flag"), "unknown flag: --no-such-flag", help)
			for _, name := range in.subcommands(t, program, path) {
				typo := name[:len(name)-1] + "#"
				// The flag belongs to the command that was meant: it is not what is wrong.
				in.wantUsageError(t, program, append(path, typo, "--store", "x"), `unknown command "`+typo+`"`, name, help)
			}
		}
	}
}

func TestUnknownFlags(t *testing.T) {
	in := newTestInstall(t)
	in.wantUsageError(t, "piinguin", []string{"audit", "verify", "--stroe", "x"}, "unknown flag: --stroe (did you mean --store?)")
	in.wantUsageError(t, "piinguin-relay", []string{"replay", "--dry-rum", "x"}, "unknown flag: --dry-rum (did you mean --dry-run?)")
	in.wantUsageError(t, "piinguin", []string{"--verzion"}, "unknown flag: --verzion (did you mean --version?)")
}
