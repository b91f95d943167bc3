package audit

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// edge is the right edge of an RFC 6962 tree: the roots of the perfect subtrees that its size splits
// into, largest first. Appending needs nothing else, so a writer keeps no other hash.
type edge []tlog.Hash

// grow returns the edge of the tree of n leaves with one more leaf. It does not
// change e.
func (e edge) grow(n int64, leaf tlog.Hash) edge {
	merged := bits.TrailingZeros64(^uint64(n)) //nolint:gosec // n is a tree size, never negative
	keep := len(e) - merged
	for i := len(e) - 1; i >= keep; i-- {
		leaf = tlog.NodeHash(e[i], leaf)
	}
	return append(append(make(edge, 0, keep+1), e[:keep]...), leaf)
}

// root returns the tree's root (RFC 6962 section 2.1). The edge must not be
// empty: every stored tree has a leaf.
func (e edge) root() tlog.Hash {
	h := e[len(e)-1]
	for i := len(e) - 2; i >= 0; i-- {
		h = tlog.NodeHash(e[i], h)
	}
	return h
}

// fits reports whether e has as many hashes as the edge of a tree of n leaves.
func (e edge) fits(n int64) bool {
	return n > 0 && len(e) == bits.OnesCount64(uint64(n))
}
