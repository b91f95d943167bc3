package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/server/identity"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make and list callers' tokens"}
	var o tokenFlags
	create := &cobra.Command{
		Use:   "create --name NAME --role ROLE",
		Short: "Make a token, and print it once",
		Long: `Make a token for a caller, add its line to the token file and print the token. The
file holds only the token's SHA-256 hash, so the token cannot be shown again. A running
server reads the changed file within a second. To revoke a token, remove its line.

Roles are writer, reader, eraser and auditor; nobody may be both reader and auditor.
A name may have several tokens, so that one can be replaced without a pause.`,
		Example: `  piinguin token create --name relay --role writer --tokens tokens.txt
  piinguin token create --name alice@acme.com --role reader --role eraser --expires 90d --tokens tokens.txt`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.create(time.Now(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := create.Flags()
	flags.StringVar(&o.name, "name", "", "caller's `name` as the ledger records it")
	flags.StringSliceVar(&o.roles, "role", nil, "`role` of the caller; repeatable")
	flags.StringVar(&o.expires, "expires", "", "when the token ends: after `90d`, on a day such as 2027-01-31, or at a time such as\n2027-01-31T12:00:00Z (UTC); default never")
	flags.StringVar(&o.tokens, "tokens", "tokens.txt", "token `file`; made with mode 0600 if it is not there")
	cmd.AddCommand(create, tokenListCommand())
	return cmd
}

// tokenFlags are the flags of token create.
type tokenFlags struct {
	name, expires, tokens string
	roles                 []string
}

// create writes the line before it prints the token. A token that was printed but not stored would be
// refused, and nobody could tell why.
func (o *tokenFlags) create(now time.Time, stdout, stderr io.Writer) error {
	expires, err := parseExpires(o.expires, now)
	if err != nil {
		return err
	}
	token := identity.NewToken()
	line, err := identity.FormatToken(o.name, o.roles, token, expires)
	if err != nil {
		return fmt.Errorf("--name, --role: %w", err)
	}
	if err := identity.AppendToken(o.tokens, line); err != nil {
		return fmt.Errorf("--tokens: %w", err)
	}
	if _, err := fmt.Fprintln(stdout, token); err != nil {
		return errors.New("the token could not be printed: remove its line, the last one of the token file, and make another")
	}
	_, _ = fmt.Fprintf(stderr, "This is the token of %s. It is shown this once; %s holds its hash.\n", o.name, o.tokens)
	return nil
}

// parseExpires reads --expires; nothing is the zero time, never.
func parseExpires(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			return time.Time{}, errors.New("--expires is not a number of days from 1d to 36500d")
		}
		return now.AddDate(0, 0, n), nil
	}
	at, err := parseTime(s)
	switch {
	case err != nil:
		return at, fmt.Errorf("--expires %w, or a number of days as 90d", err)
	case !at.After(now):
		return at, errors.New("--expires is over already")
	}
	return at, nil
}
