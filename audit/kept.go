package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// KeptCheckpoint is a checkpoint that was kept outside the ledger's store.
type KeptCheckpoint struct {
	Name string // where it is kept, for findings
	Note []byte // C2SP signed note; signatures of others beside the log's own are passed over
}

// keptTree is the tree of a kept checkpoint.
type keptTree struct {
	commitment
	name string
}

// trees opens kept checkpoints, and sorts them by log and size. A note that is not
// signed by the ledger's key is a finding: where the key was exchanged, what was kept
// before shows it.
func (v *verification) trees(kept []KeptCheckpoint) ([]keptTree, error) {
	var trees []keptTree
	for _, k := range kept {
		tree, err := v.key.open(k)
		var row *RowError
		switch {
		case errors.As(err, &row):
			v.report.Findings = append(v.report.Findings, row)
		case err != nil:
			return nil, err
		default:
			trees = append(trees, tree)
		}
	}
	slices.SortFunc(trees, func(a, b keptTree) int {
		return cmp.Or(cmp.Compare(a.log, b.log), cmp.Compare(a.tree.N, b.tree.N))
	})
	return trees, nil
}

func (v VerifierKey) open(k KeptCheckpoint) (keptTree, error) {
	bad := fmt.Errorf("audit: %s is not a signed checkpoint", k.Name)
	end := bytes.LastIndex(k.Note, []byte("\n\n")) // the text's own newline, then an empty line
	c, err := torchwood.ParseCheckpoint(string(k.Note[:end+1]))
	if err != nil || !logPattern.MatchString(c.Origin) || c.N < 1 {
		return keptTree{}, bad
	}
	ver, err := v.verifier(c.Origin)
	if err != nil {
		return keptTree{}, err
	}
	_, err = note.Open(k.Note, note.VerifierList(ver))
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		return keptTree{}, &RowError{"kept checkpoint " + k.Name, "it is not signed by the ledger's key"}
	case err != nil:
		return keptTree{}, bad
	}
	return keptTree{commitment{c.Origin, c.Tree}, k.Name}, nil
}

// treesOf returns the trees of a log from a size on.
func treesOf(all []keptTree, log string, from int64) []keptTree {
	var own []keptTree
	for _, k := range all {
		if k.log == log && k.tree.N >= from {
			own = append(own, k)
		}
	}
	return own
}

func (k keptTree) fault(row, problem string) *RowError {
	return &RowError{row, fmt.Sprintf("%s the one of the kept checkpoint %s", problem, k.name)}
}

// cut is the finding that a log has fewer entries than a kept checkpoint.
func (k keptTree) cut(size int64) *RowError {
	return &RowError{EntryRow(k.log, size), fmt.Sprintf("missing: the kept checkpoint %s has %d entries", k.name, k.tree.N)}
}

// check compares the tree of a size with the kept ones of that size, which it takes
// off the list.
func (v *verification) check(log string, kept *[]keptTree, size int64, e edge) error {
	for len(*kept) > 0 && (*kept)[0].tree.N <= size {
		k := (*kept)[0]
		*kept = (*kept)[1:]
		if k.tree.N == size && k.tree.Hash != e.root() {
			return k.fault(EntryRow(log, size-1), "it or one before it was changed: the tree up to here is not")
		}
		v.report.Kept++
	}
	return nil
}

// missingLogs names the kept logs that are not there at all.
func (v *verification) missingLogs(logs []string) {
	for i, k := range v.kept {
		if !slices.Contains(logs, k.log) && (i == 0 || v.kept[i-1].log != k.log) {
			v.report.Findings = append(v.report.Findings, k.cut(0))
		}
	}
}
