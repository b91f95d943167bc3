package main_test

import (
	"strings"
	"testing"
)

// While a hold is not released nothing is pruned, and the spine has all of it.
func TestHold(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		in.writeYears(t)
		run := func(want int, args ...string) string {
			t.Helper()
			code, stdout, stderr := in.run(t, "piinguin", append(append([]string{"audit"}, args...), "--store", in.store, "--audit-key", auditKey)...)
			if code != want {
				t.Fatalf("%q: exit %d, want %d\n%s%s", args, code, want, stdout, stderr)
			}
			return stdout + stderr
		}
		if says := run(2, "hold"); !strings.Contains(says, "--reference is required") {
			t.Errorf("hold without a reference says %q", says)
		}
		if says := run(2, "hold", "--reference", "a\u202eb"); !strings.Contains(says, "piinguin: ") {
			t.Errorf("hold with a hidden character says %q", says)
		}
		if says := run(0, "hold", "--reference", "7 O 123/26"); !strings.Contains(says, `HOLD "7 O 123/26" is entry spine/`) {
			t.Errorf("hold says %q", says)
		}
		run(0, "hold", "--reference", "another")
		prune := []string{"prune", "--before", "2024-03-01"}
		forbidden := func() {
			t.Helper()
			before := in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
			if says := run(2, prune...); !strings.Contains(says, "a hold forbids pruning") {
				t.Errorf("prune says %q", says)
			}
			if after := in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store); !strings.Contains(after, "whole") || strings.Contains(after, "pruned") {
				t.Errorf("before the prune that was refused\n%safter it\n%s", before, after)
			}
		}
		forbidden()
		run(0, "hold", "--reference", "another", "--release")
		forbidden() // the other hold stands
		if says := run(0, "hold", "--reference", "7 O 123/26", "--release"); !strings.Contains(says, `RELEASE "7 O 123/26" is entry spine/`) {
			t.Errorf("hold --release says %q", says)
		}
		wantLine(t, run(0, prune...), "1 ", "2024-02-10T")
		for _, operation := range []string{"hold", "release", "prune"} {
			list := in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--operation", operation, "--wide")
			wantLine(t, list, strings.ToUpper(operation), "audit ", "spine/")
		}
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
	})
}
