package cli

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// prefix begins the name of each variable that is a setting.
const prefix = "PIINGUIN_"

// ofService are the variables that Kubernetes sets in all pods of a namespace, for a service whose name
// begins with piinguin. Nobody wrote them.
var ofService = regexp.MustCompile(`^PIINGUIN_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$`)

// UnknownVariables returns the names in environ, which is os.Environ(), that look like settings and are not
// among the known, each with the nearest known one. A misspelt name is a setting that somebody believes
// to be in force. Values are not looked at.
func UnknownVariables(environ, known []string) []string {
	var names []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		isService := ofService.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.HasPrefix(value, "tcp://")
		if strings.HasPrefix(name, prefix) && !slices.Contains(known, name) && !isService {
			names = append(names, name+nearest(known, name, ""))
		}
	}
	slices.Sort(names)
	return names
}

// nearest names which of the words was perhaps meant, or is empty. cobra finds near names among commands
// only, so each word stands in as one.
func nearest(words []string, typed, dashes string) string {
	all := &cobra.Command{}
	for _, word := range words {
		all.AddCommand(&cobra.Command{Use: word, Run: func(*cobra.Command, []string) {}})
	}
	return suggestion(all, typed, dashes)
}
