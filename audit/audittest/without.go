package audittest

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// checkWithout verifies a ledger with golang.org/x/mod and encoding/json, and with no rule of package
// audit: that each line names its place, that each page's checkpoint signs the tree of the lines up to
// it, and that the CHECKPOINTs of the spine list exactly the logs, with trees that they had. want are
// the sizes of the logs.
func checkWithout(t *testing.T, s audit.Store, want sizes) {
	t.Helper()
	roots := map[audit.LogID]map[int64]tlog.Hash{} // by the size of a log
	var listed []string
	for log, size := range want {
		tree := newTree(t, s, log)
		roots[log] = map[int64]tlog.Hash{}
		for _, p := range pagesOf(t, s, log, 0) {
			for _, line := range p.Lines {
				l := tree.mustBeNext(t, line)
				tree.add(t, tlog.RecordHash(line))
				if l.Operation == "CHECKPOINT" {
					listed = append(listed, l.Checkpoint)
				}
			}
			roots[log][tree.size] = tree.root(t)
			mustSign(t, tree.origin, p.Checkpoint, tlog.Tree{N: tree.size, Hash: tree.root(t)})
		}
		if tree.size != size {
			t.Errorf("log %s has %d entries, and Verify says %d", log, tree.size, size)
		}
	}
	logs := checkListed(t, listed, roots)
	if len(logs) != len(want)-1 {
		t.Errorf("the spine lists the logs %v, and Verify has %v with the spine", logs, want)
	}
}

// checkListed compares what CHECKPOINTs list with the roots that logs had, and returns the logs of the
// last one with their sizes. Sizes that were pruned have no root.
func checkListed(t *testing.T, listed []string, roots map[audit.LogID]map[int64]tlog.Hash) map[string]int64 {
	t.Helper()
	logs := map[string]int64{}
	for _, text := range listed {
		words := strings.Fields(text)
		if len(words)%3 != 0 || len(words) < 3*len(logs) {
			t.Fatalf("a CHECKPOINT lists %q, after one of %d logs", text, len(logs))
		}
		for ; len(words) > 0; words = words[3:] {
			log, err := strconv.Atoi(words[0])
			size, sizeErr := strconv.ParseInt(words[1], 10, 64)
			if err != nil || sizeErr != nil || log < 1 || size < max(1, logs[words[0]]) {
				t.Fatalf("a CHECKPOINT lists %q, after %v", text, logs)
			}
			logs[words[0]] = size
			had := roots[audit.LogID(log)]
			root, there := had[size]
			pruned := len(had) > 0
			for n := range had {
				pruned = pruned && n > size
			}
			if !pruned && (!there || root.String() != words[2]) {
				t.Errorf("a CHECKPOINT lists log %d with %d entries and root %s, and the root is %s", log, size, words[2], root)
			}
		}
	}
	return logs
}

// plainTree is a tree of RFC 6962 that grows.
type plainTree struct {
	origin string
	size   int64
	stored []tlog.Hash
}

// newTree returns the tree of what was pruned of a log: of its full tiles, and of the leaf hashes in its
// stub. Of a log that was not pruned it is empty.
func newTree(t *testing.T, s audit.Store, log audit.LogID) *plainTree {
	t.Helper()
	tree := &plainTree{origin: ledgerName}
	if log != audit.Spine {
		tree.origin += "/" + strconv.Itoa(int(log))
	}
	first := pagesOf(t, s, log, 0)[0]
	if len(first.Lines) > 0 {
		return tree
	}
	for b, err := range s.Blobs(t.Context(), log, "tile/0", 0) {
		if err != nil {
			t.Fatalf("Blobs: %v", err)
		}
		for data := b.Data; len(data) > 0 && tree.size < first.First-int64(len(first.Leaves)); data = data[32:] {
			tree.add(t, tlog.Hash(data[:32]))
		}
	}
	for _, leaf := range first.Leaves {
		tree.add(t, leaf)
	}
	return tree
}

// ReadHashes implements tlog.HashReader.
func (p *plainTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = p.stored[at]
	}
	return hashes, nil
}

func (p *plainTree) add(t *testing.T, leaf tlog.Hash) {
	t.Helper()
	hashes, err := tlog.StoredHashesForRecordHash(p.size, leaf, p)
	if err != nil {
		t.Fatal(err)
	}
	p.stored = append(p.stored, hashes...)
	p.size++
}

func (p *plainTree) root(t *testing.T) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(p.size, p)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// plainLine are the fields of a line that say where it stands.
type plainLine struct {
	Version    int    `json:"version"`
	Log        string `json:"log"`
	Index      *int64 `json:"index"`
	Operation  string `json:"operation"`
	Reference  string `json:"reference"`
	Checkpoint string `json:"checkpoint"`
}

// mustBeNext reads the line that comes next in the tree.
func (p *plainTree) mustBeNext(t *testing.T, line []byte) plainLine {
	t.Helper()
	var l plainLine
	if err := json.Unmarshal(line, &l); err != nil {
		t.Fatalf("line %d of %s: %v", p.size, p.origin, err)
	}
	if l.Version != 2 || l.Log != p.origin || l.Index == nil || *l.Index != p.size || (l.Operation == "OPEN") != (p.size == 0) {
		t.Errorf("line %d of %s is %s", p.size, p.origin, line)
	}
	if l.Operation == "OPEN" && l.Reference != newKey(t, 1).Verifier().Text(ledgerName) {
		t.Errorf("the OPEN of %s names %s", p.origin, l.Reference)
	}
	return l
}

// mustSign checks, as a standard tool does, that a checkpoint signs the tree with the key under a log's
// origin.
func mustSign(t *testing.T, origin string, checkpoint []byte, want tlog.Tree) {
	t.Helper()
	v, err := note.NewVerifier(newKey(t, 1).Verifier().Text(origin))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(checkpoint, note.VerifierList(v)); err != nil {
		t.Errorf("checkpoint of %s: %v", origin, err)
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(v))
	got, _, err := torchwood.VerifyCheckpoint(checkpoint, policy)
	if err != nil {
		t.Errorf("checkpoint of %s: %v", origin, err)
	}
	if got.Tree != want {
		t.Errorf("checkpoint of %s signs %d %s, want %d %s", origin, got.N, base64.StdEncoding.EncodeToString(got.Hash[:]), want.N, want.Hash)
	}
}
