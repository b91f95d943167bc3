// Package cli holds what the command lines of piinguin and piinguin-relay have in common: which
// build it is, what happens to a word that no command knows, and what is said of wrong
// arguments and flags.
//
// Execute runs a command line:
//
//	err := cli.Execute(ctx, root, os.Args[1:])
//
// It promises that a misspelt command is an error at every level, and never a help text with
// exit code 0: a script that says "piinguin audit verfy" must not pass for a verified ledger.
// It does not print errors and does not choose the exit code; the caller does.
package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// distance is how many letters a suggestion may differ from what was typed.
const distance = 2

// Execute runs args, which do not include the program's name, as a command below root. It adds
// the commands version, help and completion, and the flag --version.
//
// A command or flag that does not exist is an error that names the nearest one that does.
func Execute(ctx context.Context, root *cobra.Command, args []string) error {
	addVersion(root)
	root.SetHelpCommand(helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	root.SetFlagErrorFunc(wrongFlag)
	if err := unknownCommand(root, args); err != nil {
		return err
	}
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// helpCommand takes the place of cobra's, which answers an unknown command with exit code 0.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "help [command]",
		Short:             "Show the help of a command",
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // needs no settings
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := unknownCommand(cmd.Root(), args); err != nil {
				return err
			}
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// unknownCommand refuses a word in the place of a subcommand that is none. cobra does so below
// the root only: further down it prints the help and reports success. It runs before flags are
// parsed, or a flag of the command that was meant would be reported in its place.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) > 0 && slices.Contains([]string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, args[0]) {
		return nil // the shell asks how a line may go on; cobra adds this command later
	}
	cmd, rest, _ := root.Find(args) // its error is the one below, for the root only
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	if !cmd.HasSubCommands() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil
	}
	return fmt.Errorf("unknown command %q%s; see %s --help", rest[0], suggestion(cmd, rest[0], ""), cmd.CommandPath())
}

// suggestion names what was perhaps meant, or is empty.
func suggestion(cmd *cobra.Command, typed, prefix string) string {
	cmd.SuggestionsMinimumDistance = distance
	near := cmd.SuggestionsFor(typed)
	if len(near) == 0 {
		return ""
	}
	return " (did you mean " + prefix + strings.Join(near, " or "+prefix) + "?)"
}
