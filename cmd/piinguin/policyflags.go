package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/policy"
)

// policyFlags are the flags of serve that narrow what callers may do within their roles.
type policyFlags struct {
	policy    string
	limits    server.Limits
	purpose   bool
	reference bool
}

func (f *policyFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.policy, "policy", "", policyUsage+"; read again when it changes")
	flags.BoolVar(&f.purpose, "require-purpose", false, "refuse a read whose purpose shows nothing")
	flags.BoolVar(&f.reference, "require-reference", false, "refuse a read whose reference shows nothing")
	flags.Float64Var(&f.limits.RequestsPerSecond, "limit-requests", 0, "most requests a second that one caller may make, a `number`; 0 is no limit")
	flags.IntVar(&f.limits.RecordsPerMinute, "limit-records", 0, "most records a minute that one caller may read, a `number`; 0 is no limit")
}

// check refuses limits that are none. NaN is refused too: no comparison with it holds.
func (f *policyFlags) check() error {
	switch n := f.limits.RequestsPerSecond; {
	case !(n >= 0 && n <= server.MaxRequestsPerSecond):
		return fmt.Errorf("--limit-requests must be a number from 0 to %d", server.MaxRequestsPerSecond)
	case f.limits.RecordsPerMinute < 0:
		return errors.New("--limit-records must not be negative")
	}
	return nil
}

// open reads the policy, or returns the built-in one.
func (f *policyFlags) open(log zerolog.Logger) (policy.Source, error) {
	if f.policy == "" {
		return policy.NewBuiltin(), nil
	}
	p, err := policy.Open(f.policy, time.Now, renewed(log, "policy file"))
	if err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	return p, nil
}
