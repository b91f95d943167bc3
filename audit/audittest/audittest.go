// Package audittest holds the suites that every driver of package audit passes:
// Run for the contracts of audit.Store and the ledger on top of it, with lost and
// late replies, and Tamper for what audit.Verify must find.
//
// A case stands for a sentence of a contract. After every step the whole ledger is
// verified, not only what the step touched.
package audittest

import (
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// Run runs the conformance suite. open returns a new, empty store each time, and
// arranges for its closing by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) audit.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s audit.Store)
	}{
		{"CommitTakesANumberOnce", commitTakesANumberOnce},
		{"CommitRace", commitRace},
		{"LastAndPagesOfAnUnknownLog", unknownLog},
		{"LastSeesEveryCommit", lastSeesEveryCommit},
		{"PagesInOrder", pagesInOrder},
		{"PagesWithAGap", pagesWithAGap},
		{"PagesStopEarly", pagesStopEarly},
		{"LogsAreApart", logsAreApart},
		{"BigPage", bigPage},
		{"Characters", characters},
		{"CancelledContext", cancelledContext},
		{"Register", register},
		{"VerifierKey", verifierKey},
		{"EmptyStore", emptyStore},
		{"Entry", entry},
		{"List", list},
		{"ListPaging", listPaging},
		{"ListAfterAppend", listAfterAppend},
		{"Tiles", tiles},
		{"Proofs", proofs},
		{"LedgerConcurrent", ledgerConcurrent},
		{"LedgersShareLogs", ledgersShareLogs},
		{"LedgerAfterACrash", ledgerAfterACrash},
		{"LedgerCheckpoint", ledgerCheckpoint},
		{"LedgerClose", ledgerClose},
		{"LedgerOtherKey", ledgerOtherKey},
		{"Rotation", rotation},
		{"RotationShared", rotationShared},
		{"Prune", prune},
		{"PruneInterrupted", pruneInterrupted},
		{"Lease", lease},
		{"LedgerClock", ledgerClock},
		{"FaultyCommits", faultyCommits},
		{"FaultyAlone", faultyAlone},
		{"FaultyLedgersShareALog", faultyLedgersShareALog},
		{"FaultyGivenUp", faultyGivenUp},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}
