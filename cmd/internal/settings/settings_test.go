package settings

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// TestVariablesAreDocumented: the page lists the variables that are taken, and no other.
func TestVariablesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Settings in the environment\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := slices.Sorted(slices.Values(regexp.MustCompile(`PIINGUIN_[A-Z_]*[A-Z]`).FindAllString(section, -1)))
	if diff := cmp.Diff(slices.Sorted(slices.Values(Variables())), documented); diff != "" {
		t.Errorf("(-taken +documented):\n%s", diff)
	}
}

func TestFromEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  map[string]string
		want string // table, store, port
		note string
		err  string
	}{
		"nothing":            {nil, nil, " sqlite 8080", "", ""},
		"own name":           {nil, map[string]string{"PIINGUIN_TABLE_NAME": "a", "PIINGUIN_DYNAMO_TABLE": "b"}, "a sqlite 8080", "", ""},
		"the guide's name":   {nil, map[string]string{"PIINGUIN_DYNAMODB_TABLE": "a", "PIINGUIN_DYNAMO_TABLE": "b"}, "a sqlite 8080", "", ""},
		"the image's name":   {nil, map[string]string{"PIINGUIN_DYNAMO_TABLE": "b"}, "b sqlite 8080", "", ""},
		"a flag wins":        {[]string{"--table-name", "f"}, map[string]string{"PIINGUIN_DYNAMO_TABLE": "b"}, "f sqlite 8080", "", ""},
		"flag only":          {nil, map[string]string{"PIINGUIN_STORE": "x"}, " sqlite 8080", "", ""},
		"flag only, given":   {[]string{"--store", "f"}, map[string]string{"PIINGUIN_STORE": "x"}, " f 8080", "", ""},
		"no variable":        {nil, map[string]string{"PIINGUIN_PURPOSE": "canary"}, " sqlite 8080", "", ""},
		"a port":             {nil, map[string]string{"PIINGUIN_PORT": "81"}, " sqlite 81", "", ""},
		"Kubernetes' port":   {nil, map[string]string{"PIINGUIN_PORT": "tcp://10.0.0.1:8080"}, " sqlite 8080", "PIINGUIN_PORT is passed over", ""},
		"a broken port":      {nil, map[string]string{"PIINGUIN_PORT": "c4n4ry"}, " sqlite 0", "", "PIINGUIN_PORT is not a valid value of --port"},
		"port is given":      {[]string{"--port", "82"}, map[string]string{"PIINGUIN_PORT": "tcp://10.0.0.1:8080"}, " sqlite 82", "", ""},
		"an empty variable":  {nil, map[string]string{"PIINGUIN_PORT": ""}, " sqlite 8080", "", ""},
		"a table like a URL": {nil, map[string]string{"PIINGUIN_TABLE_NAME": "tcp://a"}, "tcp://a sqlite 8080", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			table, store, port := flags.String("table-name", "", ""), flags.String("store", "sqlite", ""), flags.Int("port", 8080, "")
			purpose := flags.String("purpose", "", "")
			FlagOnly(flags, "store")
			if err := flags.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			var notes []string
			err := FromEnvironment(flags, func(name string) string { return tc.env[name] }, func(note string) { notes = append(notes, note) })
			if (err != nil) != (tc.err != "") || err != nil && err.Error() != tc.err {
				t.Errorf("error %v", err)
			}
			if *purpose != "" {
				t.Errorf("a variable states the purpose %q", *purpose)
			}
			if diff := cmp.Diff(tc.want, fmt.Sprint(*table, " ", *store, " ", *port)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if said := strings.Join(notes, "\n"); !strings.HasPrefix(said, tc.note) || (said == "") != (tc.note == "") {
				t.Errorf("says %q", said)
			}
		})
	}
}
