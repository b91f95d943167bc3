package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// KeptFile is what is kept outside a ledger's store: a CHECKPOINT entry of the spine, and the proof
// that the spine holds it. It names the size and the root of every log, so it binds all of them, even
// when the spine is gone.
//
// The file is the entry's line, and behind it a C2SP tlog-proof v1, which ends with the signed
// checkpoint of the spine. Whoever cosigns that (C2SP tlog-cosignature) adds a line at the end.
type KeptFile struct {
	Name string // where it is kept, for findings
	Data []byte
}

// MaxKept is the size limit of a kept file in bytes.
const MaxKept = 64 << 10

// kept is a kept file whose signature and proof hold.
type kept struct {
	name  string
	entry Entry
	trees []LogTree // that the entry lists
	tree  tlog.Tree // of the spine
}

func formatKept(line, proof []byte) []byte {
	return slices.Concat(line, []byte{'\n'}, proof)
}

// ErrKept says that a file is not a kept file.
var ErrKept = errors.New("audit: not a kept checkpoint: want the line of a CHECKPOINT and its tlog-proof")

// splitKept returns the parts of a kept file, and nothing about whether they are true.
func splitKept(f KeptFile) (line, proof []byte, e Entry, err error) {
	line, proof, found := bytes.Cut(f.Data, []byte{'\n'})
	if !found || len(f.Data) > MaxKept {
		return nil, nil, e, fmt.Errorf("%w: %s", ErrKept, f.Name)
	}
	e, err = Parse(line)
	if err != nil || e.Operation != Checkpoint || e.Log != Spine {
		return nil, nil, e, fmt.Errorf("%w: %s", ErrKept, f.Name)
	}
	return line, proof, e, nil
}

// KeptPlace says which ledger a kept file is of, and how many entries its spine had. The file itself
// may not be true.
func KeptPlace(f KeptFile) (ledger string, size int64, err error) {
	_, proof, e, err := splitKept(f)
	if err != nil {
		return "", 0, err
	}
	tree, err := proofTree(proof, e.Ledger)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %s", ErrKept, f.Name)
	}
	return e.Ledger, tree.N, nil
}

// proofTree returns the tree of the checkpoint at the end of a tlog-proof.
func proofTree(proof []byte, origin string) (tlog.Tree, error) {
	_, signed, found := bytes.Cut(proof, []byte("\n\n"))
	text, _, end := bytes.Cut(signed, []byte("\n\n"))
	c, err := torchwood.ParseCheckpoint(string(text) + "\n")
	if !found || !end || err != nil || c.Origin != origin || c.N < 1 {
		return tlog.Tree{}, ErrKept
	}
	return c.Tree, nil
}

// openKept checks a kept file with the names and keys that the ledger has had. A file that none signed
// is a *RowError: where the key was exchanged, what was kept before shows it. Any other error says
// that it is no kept file.
func openKept(f KeptFile, turns turning) (kept, error) {
	line, proof, e, err := splitKept(f)
	if err != nil {
		return kept{}, err
	}
	bad := func(problem string) (kept, error) { return kept{}, &RowError{"kept checkpoint " + f.Name, problem} }
	if !slices.Contains(turns.names, e.Ledger) {
		return bad("it is of another ledger")
	}
	tree, err := proofTree(proof, e.Ledger)
	if err != nil {
		return kept{}, fmt.Errorf("%w: %s", ErrKept, f.Name)
	}
	if !slices.ContainsFunc(turns.keys, func(k VerifierKey) bool { return CheckProof(k, proof, line) == nil }) {
		return bad("its proof does not hold under the ledger's key")
	}
	trees, err := parseTrees(e.Checkpoint)
	if err != nil {
		return kept{}, err
	}
	return kept{f.Name, e, trees, tree}, nil
}
