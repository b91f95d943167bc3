package audit

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Place is where an entry stands in its ledger.
type Place struct {
	Log   LogID
	Index int64
}

// String returns the place as paths and the field about have it: 1/345 or spine/12.
func (p Place) String() string { return fmt.Sprintf("%s/%d", p.Log, p.Index) }

// ParsePlace reads Place.String, and no other spelling of it. The error is ErrName.
func ParsePlace(text string) (Place, error) {
	name, number, _ := strings.Cut(text, "/")
	log, err := ParseLogID(name)
	index, numberErr := strconv.ParseInt(number, 10, 64)
	p := Place{log, index}
	if err != nil || numberErr != nil || index < 0 || index > maxIndex || p.String() != text {
		return Place{}, ErrName
	}
	return p, nil
}

// LogTree is the tree of a log's first N entries.
type LogTree struct {
	Log LogID
	tlog.Tree
}

// formatTrees writes the field checkpoint: for each log its number, size and root, as the lines of a
// C2SP checkpoint have them, with spaces between, since an entry has no line breaks.
func formatTrees(trees []LogTree) string {
	words := make([]string, 0, 3*len(trees))
	for _, t := range trees {
		words = append(words, t.Log.String(), strconv.FormatInt(t.N, 10), t.Hash.String())
	}
	return strings.Join(words, " ")
}

// parseTrees reads formatTrees, exactly: one to MaxLogs logs in the order of their numbers, none of
// them the spine. The error is ErrName.
func parseTrees(text string) ([]LogTree, error) {
	words := strings.SplitN(text, " ", 3*MaxLogs+1)
	if len(words)%3 != 0 {
		return nil, ErrName
	}
	trees := make([]LogTree, 0, len(words)/3)
	for ; len(words) > 0; words = words[3:] {
		log, err := ParseLogID(words[0])
		size, sizeErr := strconv.ParseInt(words[1], 10, 64)
		root, rootErr := tlog.ParseHash(words[2])
		n := len(trees)
		if err != nil || sizeErr != nil || rootErr != nil || size < 1 || size > maxIndex ||
			log == Spine || n > 0 && log <= trees[n-1].Log {
			return nil, ErrName
		}
		trees = append(trees, LogTree{log, tlog.Tree{N: size, Hash: root}})
	}
	if formatTrees(trees) != text {
		return nil, ErrName
	}
	return trees, nil
}
