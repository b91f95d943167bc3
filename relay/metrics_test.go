package relay_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wantEmbedded holds a line against CloudWatch's Embedded Metric Format: what _aws names
// is a number beside it, the dimension is a text, the time is now, in milliseconds.
func wantEmbedded(t *testing.T, metrics any, line map[string]any) {
	t.Helper()
	aws, _ := metrics.(map[string]any)
	stamp, _ := aws["Timestamp"].(float64)
	if age := time.Since(time.UnixMilli(int64(stamp))); age < -time.Hour || age > time.Hour {
		t.Errorf("the metrics' time is %v", aws["Timestamp"])
	}
	directives, _ := aws["CloudWatchMetrics"].([]any)
	if len(directives) != 1 || len(aws) != 2 {
		t.Fatalf("_aws is %v", aws)
	}
	d, _ := directives[0].(map[string]any)
	if diff := cmp.Diff([]any{[]any{"stream"}}, d["Dimensions"]); diff != "" || d["Namespace"] != "Piinguin/Relay" {
		t.Errorf("dimensions (-want +got), namespace %v:\n%s", d["Namespace"], diff)
	}
	if name, ok := line["stream"].(string); !ok || name == "" {
		t.Error("the dimension has no value")
	}
	var names []string
	all, _ := d["Metrics"].([]any)
	for _, m := range all {
		m, _ := m.(map[string]any)
		name, _ := m["Name"].(string)
		if _, ok := line[name].(float64); !ok {
			t.Errorf("metric %s is %v", name, line[name])
		}
		if want := unitOf(name); m["Unit"] != want {
			t.Errorf("metric %s is of unit %v, want %s", name, m["Unit"], want)
		}
		names = append(names, name)
	}
	want := []string{
		"events", "pairs", "merged", "stored", "superseded", "skipped", "quarantined", "unfinished", "retries", "iterator_age", "duration",
	}
	if _, ok := line["iterator_age"]; !ok {
		want = slices.DeleteFunc(want, func(n string) bool { return n == "iterator_age" })
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func unitOf(metric string) string {
	if metric == "duration" || metric == "iterator_age" {
		return "Milliseconds"
	}
	return "Count"
}
