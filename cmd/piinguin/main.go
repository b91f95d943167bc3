// Command piinguin is the re-identification vault's server, and the commands of its operators and
// reviewers:
//
//	piinguin serve --dev
//	piinguin audit verify --store sqlite:piinguin-dev/piinguin.db
//
// This package reads flags and connects parts. What is done with a value or an entry is decided in
// packages server and audit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/cmd/internal/settings"
)

// The exit codes.
const (
	exitDone    = 0
	exitFinding = 1 // the command did its work and found something: a changed ledger, a denial
	exitFailure = 2 // wrong usage, or the work could not be done
)

// errFinding ends a command that did its work and found something.
var errFinding = errors.New("a finding")

func main() {
	if err := cli.ForbidCoreDumps(); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "piinguin: %v\n", err)
		os.Exit(exitFailure)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; env is os.Getenv, and environ os.Environ().
func run(ctx context.Context, args []string, env func(string) string, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	setMemory(env)
	stdout, stderr = printable.NewWriter(stdout), printable.NewWriter(stderr)
	cmd := command(env, environ)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cli.Execute(ctx, cmd, args)
	switch {
	case errors.Is(err, errFinding):
		return exitFinding
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "piinguin: %s\n", printable.Error(err))
		return exitFailure
	}
	return exitDone
}

func command(env func(string) string, environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "piinguin",
		Short: "A re-identification vault: maps pseudonyms back to personal data, and records why",
		Long: `Piinguin maps pseudonyms back to personal values. Each read states a lawful basis
(GDPR Art. 6(1)), and its audit entry is durable in a tamper-evident ledger before
the value is released.

Start a server to try it:            piinguin serve --dev
Make a caller's token:               piinguin token create
Store, read and erase a value:       piinguin create | read | delete
Review and verify the ledger:        piinguin audit list | summary | show | verify

Addresses, credentials, stores, files of a server and limits can be set in the
environment: --audit-table-name is PIINGUIN_AUDIT_TABLE_NAME. What a call asks for,
what it states and what overrides a check are flags only, such as --purpose. Exit codes:
0 done, 1 a finding (audit verify, audit check, policy check), 2 wrong usage or a failure.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return settings.FromEnvironment(cmd.Flags(), env, func(note string) { cmd.PrintErrln("piinguin: " + note) })
		},
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(serveCommand(env, environ), createCommand(), readCommand(), deleteCommand(), tablesCommand(), tokenCommand(), policyCommand(), auditCommand(env))
	return cmd
}
