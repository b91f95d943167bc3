package audit

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

func TestPlace(t *testing.T) {
	for text, want := range map[string]Place{"1/345": {1, 345}, "spine/0": {Spine, 0}, "64/9007199254740991": {MaxLogs, maxIndex}} {
		got, err := ParsePlace(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParsePlace(%s): %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "1", "1/", "/1", "1/-1", "1/+1", "1/01", "1/1/1", "0/1", "65/1", "spine/ 1", "1/9007199254740992", "1/9223372036854775808", "1/1e3", "1/1\n", "a/1/1", "../x",
	} {
		if got, err := ParsePlace(text); !errors.Is(err, ErrName) || got != (Place{}) {
			t.Errorf("ParsePlace(%q): %v, %v; want ErrName", text, got, err)
		}
	}
}

// allTrees are trees of as many logs as there can be.
func allTrees() []LogTree {
	var trees []LogTree
	for log := LogID(1); log <= MaxLogs; log++ {
		trees = append(trees, LogTree{log, tlog.Tree{N: int64(log) * 1000, Hash: LeafHash([]byte(log.String()))}})
	}
	return trees
}

func TestTrees(t *testing.T) {
	all := allTrees()
	for _, trees := range [][]LogTree{all, all[:1], all[63:], {all[2], all[40]}} {
		got, err := parseTrees(formatTrees(trees))
		if diff := cmp.Diff(trees, got); err != nil || diff != "" {
			t.Errorf("parseTrees: %v (-want +got):\n%s", err, diff)
		}
	}
	one := formatTrees(all[:1])
	for _, text := range []string{
		"", " ", one + " ", " " + one, one + " 2", one + " 2 3", one + " " + one, formatTrees([]LogTree{all[1], all[0]}), strings.Replace(one, "1 ", "spine ", 1),
		strings.Replace(one, "1 ", "0 ", 1), strings.Replace(one, "1 ", "65 ", 1), strings.Replace(one, " 1000 ", " 0 ", 1), strings.Replace(one, " 1000 ", " -1 ", 1),
		strings.Replace(one, " 1000 ", " 01000 ", 1), strings.Replace(one, " 1000 ", " 9007199254740992 ", 1), strings.Replace(one, " 1000 ", "  1000 ", 1),
		one[:len(one)-1], one + "=", one[:len(one)-2] + "==", formatTrees(all) + " 65 1 " + all[0].Hash.String(), strings.Repeat("1 ", 1<<20),
	} {
		if got, err := parseTrees(text); !errors.Is(err, ErrName) {
			t.Errorf("parseTrees(%.80q): %v, %v; want ErrName", text, got, err)
		}
	}
}

// TestLongestCheckpoint holds that a CHECKPOINT of all logs, at the largest sizes and under the longest
// name, has a line, and a kept file that is not too long.
func TestLongestCheckpoint(t *testing.T) {
	trees := allTrees()
	for i := range trees {
		trees[i].N = maxIndex
	}
	e := listing(trees...)
	e.Ledger, e.Index = strings.Repeat("x", maxName), maxIndex
	line, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	if len(line) > MaxKept-16<<10 {
		t.Errorf("the line has %d bytes, which leaves too little of a kept file for its proof and cosignatures", len(line))
	}
}

// FuzzTrees: a text that is taken is the one of its trees.
func FuzzTrees(f *testing.F) {
	f.Add(formatTrees(allTrees()))
	f.Add(formatTrees(allTrees()[:1]))
	f.Add("1 1 x")
	f.Fuzz(func(t *testing.T, text string) {
		trees, err := parseTrees(text)
		if err == nil && (formatTrees(trees) != text || len(trees) == 0 || len(trees) > MaxLogs) {
			t.Errorf("%q is taken for %v", text, trees)
		}
	})
}

// FuzzPlace: a text that is taken is the one of its place.
func FuzzPlace(f *testing.F) {
	f.Add("1/345")
	f.Add("spine/0")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePlace(text)
		if err == nil && (p.String() != text || !p.Log.Valid() || p.Index < 0) {
			t.Errorf("%q is taken for %v", text, p)
		}
	})
}

// FuzzPruning: what a PRUNE says is read back, and nothing else is.
func FuzzPruning(f *testing.F) {
	checkpoint, detail, count := newPruning(1, pruning{page: 3, tree: allTrees()[0].Tree})
	f.Add(checkpoint, detail, count)
	f.Add(checkpoint, "before 2026", int64(-1))
	f.Fuzz(func(t *testing.T, checkpoint, detail string, count int64) {
		p, log, err := parsePruning(Entry{Checkpoint: checkpoint, Detail: detail, Count: count})
		if err != nil {
			return
		}
		if c, d, n := newPruning(log, p); c != checkpoint || d != detail || n != count {
			t.Errorf("%q, %q, %d is read as %v", checkpoint, detail, count, p)
		}
	})
}
