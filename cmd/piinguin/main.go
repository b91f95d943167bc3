// Command piinguin is the server and the commands of its operators and
// reviewers. Run it with --help.
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
	"github.com/piinguin/piinguin/cmd/internal/settings"
)

// The exit codes.
const (
	exitDone    = 0
	exitFinding = 1 // audit verify found something
	exitFailure = 2 // wrong usage, or something could not be done
)

// errFinding ends a command that did its work and found something.
var errFinding = errors.New("a finding")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; env is os.Getenv.
func run(ctx context.Context, args []string, env func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	cmd := command(env)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cli.Execute(ctx, cmd, args)
	switch {
	case errors.Is(err, errFinding):
		return exitFinding
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "piinguin: %v\n", err)
		return exitFailure
	}
	return exitDone
}

func command(env func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "piinguin",
		Short: "The vault for the way back from pseudonyms to personal data",
		Long: `Piinguin keeps the personal values behind pseudonyms. Whoever reads one states a
lawful basis (GDPR Art. 6(1)), and a justification record is durable in a
tamper-evident ledger before the value is released.

Start a server to try it:            piinguin serve --dev
Make a caller's token:               piinguin token create
Store, read and erase a value:       piinguin create | read | delete
Review and verify the ledger:        piinguin audit list | show | verify | export

Every flag can be set in the environment: --audit-table-name is
PIINGUIN_AUDIT_TABLE_NAME. Exit codes: 0 done, 1 a finding of audit verify,
2 wrong usage or a failure.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return settings.FromEnvironment(cmd.Flags(), env)
		},
	}
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(serveCommand(), createCommand(), readCommand(), deleteCommand(), tablesCommand(), tokenCommand(), policyCommand(), auditCommand())
	return cmd
}
