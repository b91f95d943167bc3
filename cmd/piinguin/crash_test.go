package main_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

const (
	crashReaders = 32
	crashAfter   = 1000 // answers
	crashRecords = 50
)

// answered is a value that left the server, and where its entry has to be.
type answered struct {
	modifiedValue, entry string
}

// A server that is killed under load has an entry for every value that it
// answered, and goes on from there.
func TestCrash(t *testing.T) {
	onEachEngine(t, func(t *testing.T, in *install) {
		p := in.start(t)
		fillForCrash(t, p)
		answers := readUntilKilled(t, p)
		p = in.start(t)
		c := p.as(t, "reader")
		if _, err := c.ReadPiiRecord(t.Context(), crashRead(0)); err != nil {
			t.Fatalf("after the crash: %v", err)
		}
		entries := map[string]audit.Entry{}
		for line := range strings.Lines(in.mustRun(t, 0, "piinguin", "audit", "list", "--store", in.store, "--limit", "0", "--json")) {
			e, err := audit.Parse([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil {
				t.Fatal(err)
			}
			entries[fmt.Sprintf("%s/%d", e.Log, e.Index)] = e
		}
		for _, a := range answers {
			e, found := entries[a.entry]
			if !found || e.ModifiedValue != a.modifiedValue || e.Operation != audit.Read || e.Outcome != audit.Granted {
				t.Errorf("a value of %s was answered, and entry %s is %+v", a.modifiedValue, a.entry, e)
			}
		}
		t.Logf("%d answers, %d entries", len(answers), len(entries))
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		p.stop(t)
		in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store)
		if strings.Contains(in.log(), canary) {
			t.Error("an original value is in the server's log")
		}
	})
}

func fillForCrash(t *testing.T, p *process) {
	t.Helper()
	req := &piinguinv1.CreatePiiRecordsRequest{}
	for i := range crashRecords {
		req.PiiRecords = append(req.PiiRecords, &piinguinv1.PiiRecord{ModifiedValue: crashKey(i), OriginalValue: canary})
	}
	if _, err := p.as(t, "writer").CreatePiiRecords(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

func crashKey(i int) string { return fmt.Sprintf("crash-%d", i%crashRecords) }

func crashRead(i int) *piinguinv1.ReadPiiRecordRequest {
	return &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: crashKey(i), ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT, Purpose: "crash test",
	}
}

// readUntilKilled reads until the server, killed in the middle, answers no more.
func readUntilKilled(t *testing.T, p *process) []answered {
	t.Helper()
	c := p.as(t, "reader")
	var count atomic.Int64
	var mu sync.Mutex
	var all []answered
	var readers sync.WaitGroup
	enough := make(chan struct{})
	for i := range crashReaders {
		readers.Go(func() {
			for {
				out, err := c.ReadPiiRecord(t.Context(), crashRead(i))
				if err != nil {
					return
				}
				r := out.GetReceipt()
				mu.Lock()
				all = append(all, answered{out.GetPiiRecord().GetModifiedValue(), fmt.Sprintf("%s/%d", r.GetLog(), r.GetIndex())})
				mu.Unlock()
				if count.Add(1) == crashAfter {
					close(enough)
				}
			}
		})
	}
	select {
	case <-enough:
	case <-t.Context().Done():
	}
	p.kill(t)
	readers.Wait()
	if len(all) < crashAfter {
		t.Fatalf("only %d answers before the crash", len(all))
	}
	return all
}
