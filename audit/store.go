package audit

// Store is everything that the driver of an engine implements. Each driver asserts it once, and
// the suites of package audittest hold the driver to it. No function of this package takes all of
// it: each one names the part that it needs, in its own file.
type Store interface {
	Backend
	Evidence
	Pruner
}

var _ interface {
	Store
	Leases
} = (*Mem)(nil)
