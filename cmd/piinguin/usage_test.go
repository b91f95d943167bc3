package main_test

import (
	"strings"
	"testing"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
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
	in.wantUsageError(t, "piinguin", []string{"read", "-basis", "CONSENT", "k"}, "unknown flag: -basis (did you mean --basis?); see piinguin read --help")
	in.wantUsageError(t, "piinguin", []string{"read", "-x", "k"}, "unknown flag: -x; see")
	in.wantUsageError(t, "piinguin", []string{"--verzion"}, "unknown flag: --verzion (did you mean --version?)")
}

// Wrong arguments and values are told in words that name them. Their text is quoted nowhere: it may be a
// personal value or a token.
func TestWrongArgumentsAndValues(t *testing.T) {
	in := newTestInstall(t)
	for _, c := range []struct{ program, line, says string }{
		{"piinguin", "read", "MODIFIED_VALUE is missing; see piinguin read --help"},
		{"piinguin", "read canary canary", "piinguin read takes no argument after MODIFIED_VALUE; see"},
		{"piinguin", "create", "MODIFIED_VALUE is missing"},
		{"piinguin", "create canary canary canary", "takes no argument after [ORIGINAL_VALUE]"},
		{"piinguin", "delete", "MODIFIED_VALUE is missing"},
		{"piinguin", "audit show", "LOG/INDEX is missing"},
		{"piinguin", "audit prove", "LOG/INDEX is missing"},
		{"piinguin", "audit check", "FILE|- is missing"},
		{"piinguin", "serve canary", "piinguin serve takes no argument; see piinguin serve --help"},
		{"piinguin", "token create canary", "takes no argument"},
		{"piinguin", "version canary", "takes no argument"},
		{"piinguin-relay", "replay", "FILE is missing"},
		{"piinguin-relay", "tail canary", "takes no argument"},
		{"piinguin", "read k --basis", "--basis needs a value; see"},
		{"piinguin", "read k --port canary", "--port must be a whole number; see"},
		{"piinguin", "audit export --from canary", "--from must be a whole number"},
		{"piinguin", "serve --append-timeout canary", "--append-timeout must be a duration, such as 2s or 24h"},
		{"piinguin", "serve --limit-requests canary", "--limit-requests must be a number"},
		{"piinguin", "serve --dev=canary", "--dev must be true or false"},
		{"piinguin", "token create --role ca\"nary", "--role must be a list with commas"},
		{"piinguin", "read -token=canary k", "unknown flag: -token (did you mean --token?)"},
		{"piinguin", "read --=canary k", "a flag has no name"},
		{"piinguin", "audit list --json --csv", "--json and --csv do not go together"},
		{"piinguin", "audit list --from 2026-11-27 --to 2026-11-26", "--from is not before --to"},
		{"piinguin", "audit list --request-id canary", "--request-id needs --from and --to, at most 24 hours apart"},
		{"piinguin", "audit list --subject=", "--subject is empty"},
		{"piinguin", "audit list" + strings.Repeat(" --caller canary", 101), "--caller is given more than 100 times"},
		{"piinguin", "audit list --log canary", "--log must be spine or the number of a log"},
		{"piinguin", "audit summary --by canary", "--by must be some of day, caller, operation, outcome, basis, purpose"},
		{"piinguin", "audit summary --by=", "--by is empty"},
		{"piinguin", "audit summary --month canary", "--month must be a month as 2026-01"},
		{"piinguin", "audit summary --month 2026-01 --from 2026-01-01", "--month and --from do not go together"},
		{"piinguin", "audit summary --to 2026-01-01", "--to needs --from"},
		{"piinguin", "audit summary --from canary", "--from must be a day as 2026-01-31"},
		{"piinguin", "audit summary --from 2026-01-01 --to canary", "--to must be a day as 2026-01-31"},
		{"piinguin", "audit summary --from 2026-01-02 --to 2026-01-01", "--from is after --to"},
		{"piinguin", "audit summary --from 2026-01-01 --to 2027-01-02", "--from and --to must be at most 366 days"},
		{"piinguin", "audit summary --json --csv", "--json and --csv do not go together"},
		{"piinguin", "create k \xff", "a value must be text in UTF-8"},
		{"piinguin", "audit list --mine --store sqlite:x", "--mine and --store do not go together"},
		{"piinguin-relay", "replay --timeout-sec canary f", "--timeout-sec must be a whole number"},
	} {
		args := strings.Fields(c.line)
		in.wantUsageError(t, c.program, args, c.says)
		if _, _, stderr := in.run(t, c.program, args...); strings.Contains(stderr, "canary") || strings.Contains(stderr, "strconv") {
			t.Errorf("%q says %q", c.line, stderr)
		}
	}
}

// The help of a filter lists what the contract knows, and prune's does not promise a key that only serve makes.
func TestHelpIsTrue(t *testing.T) {
	in := newTestInstall(t)
	list := in.mustRun(t, 0, "piinguin", "audit", "list", "--help")
	for _, names := range []map[string]int32{piinguinv1.Operation_value, piinguinv1.Outcome_value} {
		for name, number := range names {
			if strings.Contains(list, name) != (number != 0) {
				t.Errorf("the help of list and %s, which is number %d:\n%s", name, number, list)
			}
		}
	}
	for command, makes := range map[string]bool{"serve": true, "audit prune": false} {
		help := in.mustRun(t, 0, "piinguin", append(strings.Fields(command), "--help")...)
		if strings.Contains(help, "made on the first run") != makes {
			t.Errorf("the help of %s:\n%s", command, help)
		}
	}
}
