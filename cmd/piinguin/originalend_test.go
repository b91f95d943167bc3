package main_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/originaltest"
)

// TestOriginalCancelledStream: a client that goes away in the middle of a stream leaves a server that
// goes on, and no value without its entry.
func TestOriginalCancelledStream(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.startDoor(t, "--original-allow", "read")
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		ctx, cancel := context.WithCancel(t.Context())
		s, err := c.Open(ctx, "CreatePiiRecords")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 500 {
			if err := s.Send(originaltest.Create(fmt.Sprint("k", i), canary)); err != nil {
				t.Fatal(err)
			}
		}
		if a, err := s.Receive(); err != nil || !a.Success {
			t.Fatalf("%v, %v", a, err)
		}
		cancel()
		if a, err := c.Call(t.Context(), "ReadPiiRecord", originaltest.Read("k0", 0)); err != nil || a.Original != canary {
			t.Errorf("the server does not go on: %v, %v", a, err)
		}
		p.stop(t)
		_, pairs := in.originals(t)
		created := int64(0)
		for _, e := range in.entries(t, audit.Create) {
			if e.Outcome == audit.Granted {
				created += e.Count
			}
		}
		if int64(len(pairs)) > created {
			t.Errorf("%d records are stored and %d recorded", len(pairs), created)
		}
	})
}

// TestOriginalStops: a server that is told to stop answers what it has of a stream that is never closed,
// ends it with UNAVAILABLE, and goes without an error.
func TestOriginalStops(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.startDoor(t)
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		s, err := c.Open(t.Context(), "CreatePiiRecords")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := s.Send(originaltest.Create(fmt.Sprint("k", i), canary)); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			if a, err := s.Receive(); err != nil || !a.Success {
				t.Fatalf("%v, %v", a, err)
			}
		}
		p.stop(t)
		if a, err := s.Receive(); status.Code(err) != codes.Unavailable {
			t.Errorf("the stream ended with %v, %v", a, err)
		}
	})
}

// keySet is a set of keys for concurrent use.
type keySet struct{ m sync.Map }

func (s *keySet) add(key string) { s.m.Store(key, nil) }

func (s *keySet) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		s.m.Range(func(key, _ any) bool { return yield(fmt.Sprint(key)) })
	}
}

// TestOriginalKilled kills the server under load. Every create that was answered is stored and recorded.
func TestOriginalKilled(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.startDoor(t)
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var answered keySet
		var count, clients sync.WaitGroup
		count.Add(300)
		for n := range 8 {
			clients.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d-%d", n, i)
					a, err := c.Call(ctx, "CreatePiiRecord", originaltest.Create(key, canary))
					if err != nil || !a.Success {
						return
					}
					answered.add(key)
					if i < 300/8 || n == 0 && i < 300/8+300%8 {
						count.Done()
					}
				}
			})
		}
		clients.Go(func() { createInStream(ctx, c, &answered) })
		count.Wait()
		p.kill(t)
		cancel() // the client would wait for another server
		clients.Wait()
		p = in.start(t)
		p.stop(t)
		_, pairs := in.originals(t)
		created := int64(0)
		for _, e := range in.entries(t, audit.Create) {
			created += e.Count
		}
		told := int64(0)
		for key := range answered.keys() {
			told++
			if pairs[key] != canary {
				t.Errorf("%s was answered and is not stored", key)
			}
		}
		if created < told || created < int64(len(pairs)) {
			t.Errorf("%d answered, %d stored and %d recorded", told, len(pairs), created)
		}
	})
}

// createInStream creates records in one stream until it breaks.
func createInStream(ctx context.Context, c *originaltest.Client, answered *keySet) {
	s, err := c.Open(ctx, "CreatePiiRecords")
	if err != nil {
		return
	}
	go func() {
		for i := 0; s.Send(originaltest.Create(fmt.Sprint("s-", i), canary)) == nil; i++ {
		}
	}()
	for i := 0; ; i++ {
		if a, err := s.Receive(); err != nil || !a.Success {
			return
		}
		answered.add(fmt.Sprint("s-", i))
	}
}
