package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/server/policy"
)

const policyUsage = "Cedar policy `file`; without it the built-in policy"

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show and try the policy that decides who may do what",
		Long: `Show and try the policy that decides who may do what. It is written in Cedar,
https://www.cedarpolicy.com.

"serve --policy FILE" replaces the built-in policy. A policy narrows what a role
allows and never extends it: a reader may read, and can never review the ledger.`,
	}
	cmd.AddCommand(policyShowCommand(), policyCheckCommand())
	return cmd
}

func policyShowCommand() *cobra.Command {
	var file string
	var schema bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the policy in Cedar's language",
		Args:  cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := policy.Schema()
			if !schema {
				_, text, err := readPolicy(file)
				if err != nil {
					return err
				}
				out = append(append(policy.Roles(), '\n'), text...)
			}
			_, err := cmd.OutOrStdout().Write(out)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "policy", "", policyUsage)
	cmd.Flags().BoolVar(&schema, "schema", false, "print the schema of policies instead")
	return cmd
}

// readPolicy returns the policy of a file, or the built-in one, and its text.
func readPolicy(file string) (*policy.Policy, []byte, error) {
	if file == "" {
		return policy.NewBuiltin(), policy.Builtin(), nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, fmt.Errorf("--policy: %w", err)
	}
	p, err := policy.New(file, text)
	return p, text, err
}

// checkFlags are the flags of policy check.
type checkFlags struct {
	file    string
	request policy.Request
	read    policy.Read
	action  string
	roles   []string
	at      string
	network string
	json    bool
}

func policyCheckCommand() *cobra.Command {
	var o checkFlags
	cmd := &cobra.Command{
		Use:   "check --caller NAME --role ROLE --action ACTION",
		Short: "Say whether a policy allows a request, and which rule decides",
		Long: `Check decides as a server with this policy would, and prints the id of the policy
rule that decided. Actions: ` + strings.Join(actionNames(), ", ") + `.

Exit codes: 0 allowed, 1 denied, 2 the policy is broken.`,
		Example: `  piinguin policy check --caller marketing --role reader --action ReadPiiRecord --basis CONSENT
  piinguin policy check --policy policy.cedar --caller ann --role reader --role group:on-call \
    --action ReadPiiRecord --basis CONTRACT --field user_ipaddress --time 2026-01-31T03:00:00Z`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := o.check()
			if err != nil {
				return err
			}
			if err := o.print(cmd, d); err != nil {
				return err
			}
			if !d.Allow {
				return errFinding
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.file, "policy", "", policyUsage)
	flags.StringVar(&o.request.Caller.Name, "caller", "", "`name` of the caller")
	flags.StringVar(&o.request.Caller.Authentication, "authentication", "token", "how the caller was authenticated")
	flags.StringArrayVar(&o.roles, "role", nil, "`role` of the caller, or group:NAME; repeatable")
	flags.StringVar(&o.action, "action", "", "`method` of the API")
	flags.StringVar(&o.at, "time", "", "`time` of the request as 2026-01-31T03:00:00Z; default now")
	flags.StringVar(&o.network, "network", "", "`address` that the request comes from")
	flags.StringVar(&o.read.Basis, "basis", "", "lawful basis of a read, for example CONSENT")
	flags.StringVar(&o.read.Purpose, "purpose", "", "purpose of a read")
	flags.StringVar(&o.read.Reference, "reference", "", "reference of a read")
	flags.StringVar(&o.read.OnBehalfOf, "on-behalf-of", "", "person that a read is for")
	flags.StringVar(&o.read.SpecialCategoryCondition, "special-category-condition", "", "condition of GDPR Art. 9(2) of a read")
	flags.StringVar(&o.read.FieldName, "field", "", "`field` of the event that held the record's value")
	addJSON(cmd, &o.json)
	return cmd
}

func actionNames() []string {
	var names []string
	for _, a := range policy.Actions() {
		names = append(names, string(a))
	}
	return names
}

// check builds the request as a server would. It refuses what no server could send, or a typing error
// in --action would look like a denial.
func (o *checkFlags) check() (policy.Decision, error) {
	p, _, err := readPolicy(o.file)
	if err != nil {
		return policy.Decision{}, err
	}
	r := o.request
	r.Time, r.Action = time.Now(), policy.Action(o.action)
	if r.Caller.Name == "" {
		return policy.Decision{}, errors.New("--caller is required")
	}
	if !slices.Contains(policy.Actions(), r.Action) {
		return policy.Decision{}, fmt.Errorf("--action must be one of %s", strings.Join(actionNames(), ", "))
	}
	if r.Caller.Roles, err = policy.ParseRoles(o.roles); err != nil {
		return policy.Decision{}, fmt.Errorf("--role: %w", err)
	}
	if o.at != "" {
		if r.Time, err = parseTime(o.at); err != nil {
			return policy.Decision{}, fmt.Errorf("--time %w", err)
		}
	}
	if o.network != "" {
		if r.Network, err = netip.ParseAddr(o.network); err != nil {
			return policy.Decision{}, errors.New("--network must be an IP address")
		}
	}
	if r.Action.IsRead() {
		r.Read = &o.read
	}
	return p.Decide(r), nil
}

// decisionJSON is the decision in the output of policy check --json.
type decisionJSON struct {
	Allow  bool   `json:"allow"`
	Policy string `json:"policy,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func (o *checkFlags) print(cmd *cobra.Command, d policy.Decision) error {
	out := cmd.OutOrStdout()
	if o.json {
		return encodeJSON(out, decisionJSON{d.Allow, d.Policy, d.Reason})
	}
	var err error
	switch {
	case d.Allow:
		_, err = fmt.Fprintf(out, "allow, by policy %s\n", printable.Text(d.Policy))
	case d.Policy == "":
		_, err = fmt.Fprintln(out, "deny: no policy allows it")
	default:
		_, err = fmt.Fprintf(out, "deny (%s), by policy %s\n", d.Reason, printable.Text(d.Policy))
	}
	return err
}
