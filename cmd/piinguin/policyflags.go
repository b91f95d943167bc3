package main

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
)

// policyFlags are what callers may do: the flags of serve beside roles.
type policyFlags struct {
	policy    string
	limits    server.Limits
	purpose   bool
	reference bool
}

func (f *policyFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.policy, "policy", "", policyUsage+"; read again when it changes")
	flags.BoolVar(&f.purpose, "require-purpose", false, "refuse reads that state no purpose")
	flags.BoolVar(&f.reference, "require-reference", false, "refuse reads that state no reference")
	flags.Float64Var(&f.limits.RequestsPerSecond, "limit-requests", 0, "`number` of requests a second that one caller may make; 0 is no limit")
	flags.IntVar(&f.limits.RecordsPerMinute, "limit-records", 0, "`number` of records a minute that one caller may read; 0 is no limit")
}

// open reads the policy.
func (f *policyFlags) open(log zerolog.Logger) (server.Policy, error) {
	if f.policy == "" {
		return policy.NewBuiltin(), nil
	}
	p, err := policy.Open(f.policy, time.Now, renewed(log, "policy file"))
	if err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	return p, nil
}
