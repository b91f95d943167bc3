package settings

import (
	"strings"

	"github.com/spf13/pflag"
)

// ofPlace are the flags that have a variable: they say where this machine's parts are and what holds for
// every call from here. They are addresses, credentials, stores, files of a server, and limits.
//
// Other flags have none. One that says what this call asks for or states, such as --purpose, would be
// answered by a variable that was set for something else. One that overrides a check, such as
// --allow-plaintext, would be given by nobody in particular.
var ofPlace = strings.Fields(`
	host port token tls-ca tls-cert tls-key proxy auth audience timeout-sec
	listen server-cert server-key tokens callers client-ca
	oidc-issuer oidc-audience oidc-client-id-as-audience oidc-caller-claim oidc-roles-claim iam-audience iam-sts-endpoint
	store table-name audit-table-name audit-key ledger-name append-timeout anchor anchor-every anchor-retention witnesses
	policy require-purpose require-reference limit-requests limit-records
	original-grpc original-caller original-allow
	stream quarantine quarantine-kms-key`)

// alias holds the variables that the original Piinguin had under another name: one stands in its
// guide, and its image reads the other.
var alias = map[string][]string{"table-name": {"PIINGUIN_DYNAMODB_TABLE", "PIINGUIN_DYNAMO_TABLE"}}

// EnvName is the variable of a flag: PIINGUIN_ and the flag's name in capitals. Not every flag has one.
func EnvName(flag string) string {
	return "PIINGUIN_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// EnvNames are all variables of a flag. The first one that is set counts.
func EnvNames(flag string) []string { return append([]string{EnvName(flag)}, alias[flag]...) }

const flagOnly = "flag-only"

// FlagOnly makes FromEnvironment pass over a flag of a command, where other commands take its variable.
func FlagOnly(flags *pflag.FlagSet, name string) {
	flags.Lookup(name).Annotations = map[string][]string{flagOnly: nil}
}

// Variables are the names of all variables that a command of either program takes.
func Variables() []string {
	var names []string
	for _, flag := range ofPlace {
		names = append(names, EnvNames(flag)...)
	}
	return names
}
