package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

func tokenListCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List callers' tokens: names, roles and when they end",
		Long: `List the tokens of a token file, a line each: the caller's name, its roles and when the
token ends. Neither a token nor its hash is printed.`,
		Example: `  piinguin token list --tokens tokens.txt`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			tokens, err := identity.ListTokens(file)
			if err != nil {
				return fmt.Errorf("--tokens: %w", err)
			}
			if asJSON {
				return encodeJSON(cmd.OutOrStdout(), wireTokens(tokens))
			}
			return printTokens(cmd.OutOrStdout(), tokens, time.Now())
		},
	}
	cmd.Flags().StringVar(&file, "tokens", "tokens.txt", "token `file`")
	addJSON(cmd, &asJSON)
	return cmd
}

// tokenJSON is a token in the output of token list --json; expires is null if it never ends.
type tokenJSON struct {
	Name    string        `json:"name"`
	Roles   []policy.Role `json:"roles"`
	Expires *time.Time    `json:"expires"`
}

func wireTokens(tokens []identity.TokenInfo) []tokenJSON {
	all := []tokenJSON{}
	for _, t := range tokens {
		wire := tokenJSON{Name: t.Name, Roles: t.Roles}
		if !t.Expires.IsZero() {
			wire.Expires = &t.Expires
		}
		all = append(all, wire)
	}
	return all
}

func printTokens(w io.Writer, tokens []identity.TokenInfo, now time.Time) error {
	rows := [][]string{{"NAME", "ROLES", "EXPIRES"}}
	for _, t := range tokens {
		var roles []string
		for _, r := range t.Roles {
			roles = append(roles, string(r))
		}
		expires := "never"
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
			if !now.Before(t.Expires) {
				expires += " (ended)"
			}
		}
		rows = append(rows, []string{t.Name, strings.Join(roles, ","), expires})
	}
	return table(w, rows)
}
