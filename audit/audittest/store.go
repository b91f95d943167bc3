package audittest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// cancelledContext calls each method with a context that is done. The error must not say anything
// about what is stored.
func cancelledContext(t *testing.T, s audit.Store) {
	pages := smallPages(t, 3)
	mustKeep(t, s)
	mustCommit(t, s, pages[:2]...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	last := func() error { _, err := s.Last(ctx, "piinguin-1"); return err }
	read := func(log string) func() error {
		return func() error {
			for _, err := range s.Pages(ctx, log, 0) {
				return err
			}
			return nil
		}
	}
	for name, call := range map[string]func() error{
		"Commit":                  func() error { return s.Commit(ctx, pages[2]) },
		"Last":                    last,
		"Pages":                   read("piinguin-1"),
		"Pages of an unknown log": read("piinguin-9"),
		"List":                    func() error { _, err := s.List(ctx, audit.Query{Limit: 1}); return err },
		"Entry":                   func() error { _, err := s.Entry(ctx, "piinguin-1", 0); return err },
		"Logs":                    func() error { _, err := s.Logs(ctx); return err },
		"Register":                func() error { return s.Register(ctx, "piinguin-1") },
		"KeepVerifierKey":         func() error { _, err := s.KeepVerifierKey(ctx, "key"); return err },
		"VerifierKey":             func() error { _, err := s.VerifierKey(ctx); return err },
		"Audit":                   func() error { _, err := s.Audit(ctx, func(*audit.RowError) {}); return err },
	} {
		var row *audit.RowError
		err := call()
		if err == nil || errors.Is(err, audit.ErrTaken) || errors.Is(err, audit.ErrNotFound) || errors.As(err, &row) {
			t.Errorf("%s: %v, want an error that is none of those with a meaning", name, err)
		}
	}
	if err := s.Commit(t.Context(), pages[2]); err != nil && !errors.Is(err, audit.ErrTaken) {
		t.Errorf("Commit again: %v", err)
	}
	mustHaveSizes(t, s, map[string]int64{"piinguin-1": pages[2].Size()})
}

func register(t *testing.T, s audit.Store) {
	for _, log := range []string{"piinguin-2", "piinguin-10", "piinguin-1", "a", "piinguin-2", "z.9-x", "a"} {
		if err := s.Register(t.Context(), log); err != nil {
			t.Fatalf("Register %s: %v", log, err)
		}
	}
	want := []string{"a", "piinguin-1", "piinguin-10", "piinguin-2", "z.9-x"}
	logs, err := s.Logs(t.Context())
	if diff := cmp.Diff(want, logs); err != nil || diff != "" {
		t.Errorf("Logs: %v (-want +got):\n%s", err, diff)
	}
	logs, err = s.Audit(t.Context(), func(*audit.RowError) {})
	if diff := cmp.Diff(want, logs); err != nil || diff != "" {
		t.Errorf("logs of Audit: %v (-want +got):\n%s", err, diff)
	}
}

func verifierKey(t *testing.T, s audit.Store) {
	if _, err := s.VerifierKey(t.Context()); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("VerifierKey of an empty store: %v, want ErrNotFound", err)
	}
	kept := make([]string, 8)
	var wg sync.WaitGroup
	for i := range kept {
		text := newKey(t, byte(i)).Verifier().Text(audit.KeyName)
		wg.Go(func() {
			var err error
			if kept[i], err = s.KeepVerifierKey(t.Context(), text); err != nil {
				t.Errorf("KeepVerifierKey: %v", err)
			}
		})
	}
	wg.Wait()
	first, err := s.VerifierKey(t.Context())
	if err != nil {
		t.Fatalf("VerifierKey: %v", err)
	}
	if _, err := audit.ParseVerifierKey(first); err != nil {
		t.Errorf("the kept key is %q", first)
	}
	for i, k := range kept {
		if k != first {
			t.Errorf("KeepVerifierKey of server %d returned %q, and %q is kept", i, k, first)
		}
	}
}

func emptyStore(t *testing.T, s audit.Store) {
	logs, err := s.Audit(t.Context(), func(e *audit.RowError) { t.Errorf("Audit found %v", e) })
	if err != nil || len(logs) > 0 {
		t.Errorf("Audit: %v, %v; want no log", logs, err)
	}
	if logs, err = s.Logs(t.Context()); err != nil || len(logs) > 0 {
		t.Errorf("Logs: %v, %v; want none", logs, err)
	}
	if entries, err := s.List(t.Context(), audit.Query{Limit: 10}); err != nil || len(entries) > 0 {
		t.Errorf("List: %v, %v; want nothing", entries, err)
	}
	if _, err := s.Entry(t.Context(), "piinguin-1", 0); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Entry: %v, want ErrNotFound", err)
	}
	if _, err := audit.Verify(t.Context(), s, audit.VerifyOptions{}); !errors.Is(err, audit.ErrNotFound) {
		t.Errorf("Verify: %v, want ErrNotFound, as nothing was verified", err)
	}
}

func entry(t *testing.T, s audit.Store) {
	pages := smallPages(t, 12)
	mustCommit(t, s, pages...)
	size := pages[len(pages)-1].Size()
	for _, p := range pages {
		want, err := p.Entries()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range want {
			got, err := s.Entry(t.Context(), p.Log, e.Index)
			if diff := cmp.Diff(e, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("Entry %d: %v (-want +got):\n%s", e.Index, err, diff)
			}
		}
	}
	for _, miss := range []struct {
		log   string
		index int64
	}{{"piinguin-1", size}, {"piinguin-1", 1 << 52}, {"piinguin-1", -1}, {"piinguin-2", 0}, {"piinguin", 0}} {
		if _, err := s.Entry(t.Context(), miss.log, miss.index); !errors.Is(err, audit.ErrNotFound) {
			t.Errorf("Entry(%s, %d): %v, want ErrNotFound", miss.log, miss.index, err)
		}
	}
}
