package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/server/identity"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make callers' tokens"}
	var o tokenFlags
	create := &cobra.Command{
		Use:   "create --name NAME --role ROLE",
		Short: "Make a token, and print it once",
		Long: `Make a token for a caller, add its line to the token file and print the token. The
file holds its SHA-256 hash: nobody can see the token again. A running server takes
the line within a second, and knows the token no longer a second after its line was
removed.

Roles are writer, reader, eraser and auditor; nobody is reader and auditor at once.
A name may have several tokens, so that one can be changed without a pause.`,
		Example: `  piinguin token create --name relay --role writer --tokens tokens.txt
  piinguin token create --name alice@acme.com --role reader --role eraser --expires 90d --tokens tokens.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.create(time.Now(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := create.Flags()
	flags.StringVar(&o.name, "name", "", "caller's `name` as the ledger records it")
	flags.StringSliceVar(&o.roles, "role", nil, "`role` of the caller; may be repeated")
	flags.StringVar(&o.expires, "expires", "", "when the token ends: after `90d`, or at a day as 2027-01-31 or a time as\n2027-01-31T12:00:00Z, in UTC; default never")
	flags.StringVar(&o.tokens, "tokens", "tokens.txt", "token `file`; made with mode 0600 if it is not there")
	cmd.AddCommand(create)
	return cmd
}

type tokenFlags struct {
	name, expires, tokens string
	roles                 []string
}

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
	if err := appendLine(o.tokens, line); err != nil {
		return err
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

// appendLine adds a line to the token file: a crash leaves the file as it was or with
// the whole line. Two at once do not lose each other's lines, for the file that is to
// take the place can be made only once.
func appendLine(path, line string) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // not the link is to be replaced
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another piinguin token create is at work, or was stopped; then remove it", next)
	}
	if err != nil {
		return fmt.Errorf("--tokens: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next)
		}
	}()
	text, err := current(path, f)
	if err == nil { // the new line may not go with the others
		_, err = identity.ParseTokens(strings.NewReader(text + line))
	}
	if err == nil {
		_, err = f.WriteString(text + line)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--tokens: %w", err)
	}
	return os.Rename(next, path)
}

// current returns what stands in the token file, which must be a good one, and gives
// its mode and owner to the file that will take its place.
func current(path string, next *os.File) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if _, err := identity.ParseTokens(strings.NewReader(string(text))); err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err == nil {
		err = errors.Join(next.Chmod(info.Mode().Perm()), keepOwner(next, info))
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return string(text), err
}
