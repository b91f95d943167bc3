package main

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
)

// rules is what callers may do: the flags of serve beside roles.
type rules struct {
	policy    string
	limits    server.Limits
	purpose   bool
	reference bool
}

func (r *rules) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&r.policy, "policy", "", policyUsage+"; read again when it changes")
	flags.BoolVar(&r.purpose, "require-purpose", false, "refuse reads that state no purpose")
	flags.BoolVar(&r.reference, "require-reference", false, "refuse reads that state no reference")
	flags.Float64Var(&r.limits.RequestsPerSecond, "limit-requests", 0, "`number` of requests a second that one caller may make; 0 is no limit")
	flags.IntVar(&r.limits.RecordsPerMinute, "limit-records", 0, "`number` of records a minute that one caller may read; 0 is no limit")
}

// open reads the policy.
func (r *rules) open(log zerolog.Logger) (server.Policy, error) {
	if r.policy == "" {
		return policy.NewBuiltin(), nil
	}
	p, err := policy.Open(r.policy, time.Now, renewed(log, "policy file"))
	if err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	return p, nil
}
