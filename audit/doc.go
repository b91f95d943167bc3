// Package audit is a ledger of justification records: an entry for every read of personal data, in
// append-only logs that reveal any later change.
//
// An entry is one line of canonical JSON (RFC 8785). Each log is an RFC 6962 Merkle tree over its
// lines, with leaf = SHA-256(0x00 || line). Every commit writes one Page, and signs the tree with
// Ed25519 as a C2SP tlog-checkpoint in a C2SP signed-note. Whoever holds the lines, a checkpoint
// and the verifier key verifies a log with standard tools.
//
// # Writing
//
// A Ledger appends entries. The caller releases a value only if it got a receipt:
//
//	ledger, err := audit.Open(ctx, audit.Config{Store: store, Key: key})
//	...
//	receipt, err := ledger.Append(ctx, audit.Entry{
//		Operation: audit.Read, Outcome: audit.Granted,
//		Caller: "alice@acme.com", Basis: "CONTRACT", ModifiedValue: pseudonym, RequestID: id,
//	})
//	if err != nil {
//		return err // release nothing
//	}
//
// The promise: Append returns a receipt only when the entry is durable and under a signed root. An
// error means that the entry may or may not be durable, and that the caller must not do what the
// entry would justify. Concurrent appends share a page, so one write to the engine makes many
// entries durable.
//
// # Reviewing
//
// Verify checks the whole ledger from its stored rows. Export verifies one log and writes its
// lines. ProveEntry and ProveConsistency make proofs that CheckProof, or any tlog-proof verifier,
// checks without the ledger. A row that is not what was written is reported as a *RowError, which
// names it.
//
// Index answers questions: which entries a caller, a pseudonym or a purpose has, and how many there are
// a day. It uses what a Ledger derives from the pages behind its commits: runs of the index, which the
// ledger's key signs, and for the newest entries the pages themselves. An answer is complete, or it is
// an error. Verify derives the runs again and compares them to the byte; Reindex replaces them.
//
// # What is not promised
//
// A log whose newest pages were all removed still verifies: only a checkpoint that was kept
// elsewhere reveals the loss (package anchor, VerifyOptions.Kept). An entry's caller and purpose
// are what the server was told. Entries hold pseudonyms, callers and purposes in the clear, and
// never an original value.
//
// # Engines
//
// The package knows no engine and no RPC. Packages sqlitelog and dynamolog are drivers; Mem is one
// for tests. A driver implements Store and passes the suites of package audittest.
package audit
