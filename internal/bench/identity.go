package main

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/piinguin/piinguin/server/identity"
	"github.com/piinguin/piinguin/server/policy"
)

// identityRow measures what identity and policy do for one audited read, and nothing
// else. Both rows are bound by the CPU: one over the ratio is their share of an audited read.
func identityRow() row {
	tokens, rules := identity.DevTokens(), policy.NewBuiltin()
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer dev-reader"}}}
	from := netip.MustParseAddr("127.0.0.1")
	return row{name: "identity and policy, token", base: "audited read, SQLite", once: func(context.Context, int) error {
		c, err := tokens.Authenticate(r)
		if err != nil {
			return err
		}
		d := rules.Decide(policy.Request{
			Caller: c.Name, Authentication: c.Authentication, Roles: c.Roles, Action: "ReadPiiRecord",
			Time: time.Now(), Network: from, Read: &policy.Read{Basis: "CONTRACT", Purpose: "bench"},
		})
		if !d.Allow {
			return errors.New("the read is denied")
		}
		return nil
	}}
}
