package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server/store"
)

const canary = "CANARY-original-0815"

// newTestDurable appends an entry to a ledger in memory.
func newTestDurable(t *testing.T, e audit.Entry) audit.Durable {
	t.Helper()
	key, err := audit.GenerateKey(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), audit.Config{Store: audit.NewMem(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.WithoutCancel(t.Context())) })
	e.RequestID = "r-1"
	d, err := l.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRelease: a value comes out for a granted READ of its own key, and for no other entry.
func TestRelease(t *testing.T) {
	fetched := store.Record{ModifiedValue: "a", Original: store.NewOriginal(canary), Source: store.Source{FieldName: "user_id"}}
	for name, d := range map[string]audit.Durable{
		"no entry":          {},
		"another key":       newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.Granted, ModifiedValue: "b"}),
		"no key":            newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.Granted}),
		"a denial":          newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.Denied, ModifiedValue: "a"}),
		"a miss":            newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.NotFound, ModifiedValue: "a"}),
		"a failure":         newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.Failed, ModifiedValue: "a"}),
		"another operation": newTestDurable(t, audit.Entry{Operation: audit.Review, Outcome: audit.Granted, ModifiedValue: "a"}),
	} {
		if got, err := release(fetched, d); !errors.Is(err, ErrInternal) || got.Text() != "" {
			t.Errorf("%s: %v, a value: %v", name, err, got.Text() != "")
		}
	}
	d := newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.Granted, ModifiedValue: "a"})
	got, err := release(fetched, d)
	if err != nil || got.Text() != canary || got.Receipt() != d.Receipt() {
		t.Errorf("the right entry: %v", err)
	}
	want := fetched
	want.Original = store.Original{}
	if diff := cmp.Diff(want, got.Record()); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
}

func TestReleasedPrintsNothing(t *testing.T) {
	fetched := store.Record{ModifiedValue: "a", Original: store.NewOriginal(canary)}
	got, err := release(fetched, newTestDurable(t, audit.Entry{Operation: audit.Read, Outcome: audit.Granted, ModifiedValue: "a"}))
	if err != nil {
		t.Fatal(err)
	}
	reading := Reading{value: got}
	text, err := json.Marshal([]any{got, &got, reading})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`["[redacted]","[redacted]",{}] [redacted] [redacted]`, fmt.Sprintf("%s %v %+v", text, got, &got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out := ""
	for _, verb := range "vsqxXdT" {
		for _, flag := range []string{"", "+", "#"} {
			for _, arg := range []any{got, &got, reading, &reading, []Released{got}} {
				out += fmt.Sprintf("%"+flag+string(verb), arg)
			}
		}
	}
	if strings.Contains(out, "CANARY") || strings.Contains(strings.ToLower(out), "43414e415259") {
		t.Errorf("the value shows in %s", out)
	}
}
