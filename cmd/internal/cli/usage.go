package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Args takes as many arguments as there are names, as a command's Use has them. A name in brackets, such as
// [ORIGINAL_VALUE], may be missing. The error names what is missing and quotes no argument, which may
// be a personal value.
func Args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		help := "; see " + cmd.CommandPath() + " --help"
		switch {
		case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
			return errors.New(names[len(args)] + " is missing" + help)
		case len(args) > len(names) && len(names) == 0:
			return errors.New(cmd.CommandPath() + " takes no argument" + help)
		case len(args) > len(names):
			return errors.New(cmd.CommandPath() + " takes no argument after " + names[len(names)-1] + help)
		}
		return nil
	}
}

// Apart refuses flags of which only one may be given.
func Apart(flags *pflag.FlagSet, names ...string) error {
	var given []string
	for _, name := range names {
		if flags.Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) < 2 {
		return nil
	}
	return errors.New(strings.Join(given, " and ") + " do not go together")
}

// wrongFlag says in words what pflag found wrong with a flag. It quotes no value, which may be a token.
func wrongFlag(cmd *cobra.Command, err error) error {
	help := "; see " + cmd.CommandPath() + " --help"
	var (
		unknown *pflag.NotExistError
		without *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		return errors.New(unknownFlag(cmd, unknown) + help)
	case errors.As(err, &without):
		return errors.New("--" + without.GetFlag().Name + " needs a value" + help)
	case errors.As(err, &invalid):
		flag := invalid.GetFlag()
		return fmt.Errorf("--%s must be %s%s", flag.Name, kindOf(flag), help)
	}
	return errors.New("a flag has no name" + help) // such as --=x
}

// unknownFlag names the flag, and the nearest one that exists. Of -xyz pflag reports the letter x; what was
// meant is perhaps --xyz.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) string {
	typed, dashes := err.GetSpecifiedName(), "--"
	if letters := err.GetSpecifiedShortnames(); letters != "" {
		typed, dashes = letters, "-"
		typed, _, _ = strings.Cut(typed, "=")
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	near := ""
	if len(typed) > 1 {
		near = nearest(flags, typed, "--")
	}
	return "unknown flag: " + dashes + typed + near
}

// kindOf says what a flag's value must be.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int", "int64":
		return "a whole number"
	case "float64":
		return "a number"
	case "bool":
		return "true or false"
	case "duration":
		return "a duration, such as 2s or 24h"
	case "stringSlice":
		return "a list with commas"
	}
	return "another value"
}
