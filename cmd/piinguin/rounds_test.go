package main_test

import (
	"strings"
	"syscall"
	"testing"
)

// TestServersKilledAndPausedInTurn runs two servers on one DynamoDB under load. In each round one is paused
// and goes on, the other is killed, and a third takes its place. The ledger is whole after each, agrees
// with every file that any of them kept, and at the end has every answer.
func TestServersKilledAndPausedInTurn(t *testing.T) {
	onDynamoDB(t, func(t *testing.T, in *install) {
		in.env = append(in.env, "PIINGUIN_ANCHOR=anchors", "PIINGUIN_ANCHOR_EVERY=20ms")
		whole := func() {
			t.Helper()
			in.mustRun(t, 0, "piinguin", "audit", "verify", "--store", in.store, "--checkpoint", "anchors")
		}
		paused, killed := in.start(t), in.start(t)
		fillForCrash(t, paused)
		l := newLoad()
		l.readFrom(t, paused)
		l.readFrom(t, killed)
		for round := range 2 {
			l.more(t)
			paused.signal(t, syscall.SIGSTOP)
			l.more(t)
			killed.kill(t)
			if round%2 == 0 { // while nobody writes
				whole()
			}
			next := in.start(t)
			l.readFrom(t, next)
			l.more(t)
			paused.signal(t, syscall.SIGCONT)
			l.more(t)
			whole()
			paused, killed = next, paused
		}
		l.stop.Store(true)
		l.readers.Wait()
		l.mustBeInTheLedger(t, in)
		killed.stop(t)
		paused.stop(t)
		whole()
		if strings.Contains(in.log(), canary) {
			t.Error("an original value is in a server's log")
		}
	})
}
