// Package audittest holds the suites that every driver of package audit passes.
//
//	func TestConformance(t *testing.T) {
//		audittest.Run(t, audittest.Driver{
//			Open:   func(t *testing.T) audit.Store { return newStore(t) },
//			Leases: true,
//		})
//	}
//
// Run holds a driver to the contracts of audit.Store: each case stands for a sentence of them. It
// runs a Ledger on top of the driver too, with replies that are lost, writes that come late and
// servers that share a log. After every step it verifies the whole ledger, not only what the step
// touched, with audit.Verify and again without any code of package audit.
//
// Tamper and TamperTiles change stored rows behind the driver's back, one change at a time, and
// expect that audit.Verify names the row.
//
// NewFaulty and NewFaultyLeases make a store fail on purpose, for the suites and for tests of
// whatever uses a ledger.
//
// The suites do not measure speed, and do not show that a driver survives a loss of power: a
// driver's own tests kill a process for that.
package audittest

import (
	"slices"
	"testing"

	"github.com/piinguin/piinguin/audit"
)

// Driver is a driver under test.
type Driver struct {
	// Open returns a new, empty store each time, and closes it by t.Cleanup.
	Open func(t *testing.T) audit.Store
	// Leases says that several servers may share a store, which is then an audit.Leases too. Run
	// fails if the store is not what Leases says.
	Leases bool
}

// testCase is a case of the suite. It gets a store of its own.
type testCase struct {
	name string
	run  func(t *testing.T, s audit.Store)
}

// Run runs the conformance suite.
func Run(t *testing.T, d Driver) {
	leases := []testCase{{"NoLeases", noLeases}}
	if d.Leases {
		leases = []testCase{{"Lease", lease}, {"FaultyLease", faultyLease}}
	}
	for _, c := range slices.Concat(contractCases, ledgerCases, faultyCases, leases) {
		t.Run(c.name, func(t *testing.T) { c.run(t, d.Open(t)) })
	}
}

// contractCases call the store itself.
var contractCases = []testCase{
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
	{"Blobs", blobs},
	{"BlobsAt", blobsAt},
	{"PruneBlobs", pruneBlobs},
	{"BlobsAreApart", blobsAreApart},
	{"BlobsStopEarly", blobsStopEarly},
	{"CancelledContext", cancelledContext},
	{"VerifierKey", verifierKey},
	{"EmptyStore", emptyStore},
	{"Reviews", reviews},
	{"PruneContract", pruneContract},
	{"PruneMany", pruneMany},
}

// ledgerCases run a Ledger on the store.
var ledgerCases = []testCase{
	{"List", list},
	{"ListPaging", listPaging},
	{"ListAfterAppend", listAfterAppend},
	{"Index", index},
	{"TamperIndex", tamperIndex},
	{"Tiles", tiles},
	{"Proofs", proofs},
	{"LedgerConcurrent", ledgerConcurrent},
	{"LedgersShareLogs", ledgersShareLogs},
	{"LedgerAfterACrash", ledgerAfterACrash},
	{"LedgerCheckpoint", ledgerCheckpoint},
	{"LedgerSpine", ledgerSpine},
	{"LedgerKeep", ledgerKeep},
	{"LedgerClose", ledgerClose},
	{"LedgerOtherKey", ledgerOtherKey},
	{"LedgerOtherName", ledgerOtherName},
	{"Prune", prune},
	{"PruneInterrupted", pruneInterrupted},
	{"PruneHeld", pruneHeld},
	{"LedgerClock", ledgerClock},
	{"ServersWithClocks", serversWithClocks},
}

// faultyCases run a Ledger, or what reads it, on a store that fails.
var faultyCases = []testCase{
	{"FaultyCommits", faultyCommits},
	{"FaultyAlone", faultyAlone},
	{"FaultyLedgersShareALog", faultyLedgersShareALog},
	{"FaultyGivenUp", faultyGivenUp},
	{"FaultyOpen", faultyOpen},
	{"FaultyDerived", faultyDerived},
	{"FaultyVerify", faultyVerify},
	{"FaultyProofs", faultyProofs},
	{"FaultyPruneLost", faultyPrune(Lost)},
	{"FaultyPruneStored", faultyPrune(Stored)},
	{"FaultyPruneLate", faultyPrune(Late)},
}
