package sqlitestore

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func newTestStore(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "piinguin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestWritesReachTheDisk looks at the writer's own connection, which no other one
// can: a promise that only a power cut would test.
func TestWritesReachTheDisk(t *testing.T) {
	s := newTestStore(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "busy_timeout": "5000"} {
		var got string
		if err := s.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
		}
	}
}

// TestGoneCallersAreLeftOut shares a transaction between a caller that has given up
// and one that has not.
func TestGoneCallersAreLeftOut(t *testing.T) {
	s := newTestStore(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var ran []string
	newJob := func(ctx context.Context, name string) *job {
		run := func(*writes) error {
			ran = append(ran, name)
			return nil
		}
		return &job{ctx: ctx, items: 1, run: run, done: make(chan struct{})}
	}
	left, stays := newJob(gone, "left"), newJob(t.Context(), "stays")
	s.commit([]*job{left, stays})
	<-left.done
	<-stays.done
	if !errors.Is(left.err, context.Canceled) || stays.err != nil || len(ran) != 1 || ran[0] != "stays" {
		t.Errorf("ran %v; errors %v and %v", ran, left.err, stays.err)
	}
}
