// Package audit is Piinguin's ledger: a justification record for every read of
// personal data, in logs that show any later change.
//
// An entry is one line of canonical JSON (RFC 8785). Each log is an RFC 6962
// Merkle tree over its lines, leaf = SHA-256(0x00 || line); every commit signs
// the tree with Ed25519 as a C2SP tlog-checkpoint in a C2SP signed-note.
//
// The promise: Ledger.Append returns a receipt only when the entry is durable
// and under a signed root. An error means that it may or may not be durable, and
// that whatever the entry justifies must not happen.
//
// Not promised: that a log whose last pages were all removed is noticed without a
// checkpoint kept elsewhere, and that an entry's caller or purpose is true; they
// are what the server was told.
//
// The package is pure: it knows no engine and no RPC. Drivers implement Store and
// run the suites of package audittest.
package audit
