package audit

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// edge is the right edge of an RFC 6962 tree: the roots of the perfect subtrees that its size splits
// into, largest first. Appending needs nothing else, so a writer keeps no other hash.
type edge []tlog.Hash

// grow returns the edge of the tree of n leaves with more leaves. It does not change e.
func (e edge) grow(n int64, leaves ...tlog.Hash) edge {
	grown := append(make(edge, 0, bits.Len64(uint64(n))+bits.Len(uint(len(leaves)))), e...) //nolint:gosec // n is a tree size, never negative
	for _, leaf := range leaves {
		for range bits.TrailingZeros64(^uint64(n)) { //nolint:gosec // as above
			last := len(grown) - 1
			leaf, grown = tlog.NodeHash(grown[last], leaf), grown[:last]
		}
		grown, n = append(grown, leaf), n+1
	}
	return grown
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
