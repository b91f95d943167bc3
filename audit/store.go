package audit

import "context"

// Store is everything that the driver of an engine implements. Each driver asserts it once, and
// the suites of package audittest hold the driver to it. No function of this package takes all of
// it: each one names the part that it needs, in its own file.
type Store interface {
	Backend
	Evidence
	Pruner
}

// Evidence is what Verify reads. Nothing that it answers is trusted: what it says is compared with
// hashes and signatures.
type Evidence interface {
	Reader

	// Survey looks at every row. It calls stray for each row that no ledger has: one under a name
	// that is neither a page's nor a blob's nor one of the driver's own, or with a part too many. An
	// error means that it could not look, and says nothing about the rows. Its memory grows with the
	// logs and kinds that a ledger can have, and not with the rows.
	Survey(ctx context.Context, stray func(*RowError)) (Survey, error)
}

// Survey says what rows there are.
type Survey struct {
	Logs  []LogID    // that have a page
	Blobs []BlobKind // that have a blob
}

// BlobKind is a kind of blobs of a log.
type BlobKind struct {
	Log  LogID
	Kind string
}

var _ interface {
	Store
	Leases
} = (*Mem)(nil)
