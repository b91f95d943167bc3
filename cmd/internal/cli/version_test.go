package cli

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecord holds what a build tells by what the go command recorded in it.
func TestRecord(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	for name, test := range map[string]struct {
		info debug.BuildInfo
		want Build
	}{
		"go build without git":  {debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, Build{Version: "unknown", Commit: "unknown"}},
		"go install by version": {debug.BuildInfo{Main: debug.Module{Version: "v1.2.0"}}, Build{Version: "v1.2.0", Commit: "unknown"}},
		"go build in a clone":   {debug.BuildInfo{Settings: vcs("false")}, Build{Version: "unknown", Commit: revision}},
		"with changed files":    {debug.BuildInfo{Settings: vcs("true")}, Build{Version: "unknown", Commit: revision + "-dirty"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Build{Version: unknown, Commit: unknown}
			got.record(&test.info)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the build (-want +got):\n%s", diff)
			}
		})
	}
}
