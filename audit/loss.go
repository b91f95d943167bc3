package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// loss is what a ROLLBACK of the spine says: the ledger under its name before ends with restored, and
// what it had up to lost is gone.
type loss struct {
	name     string
	restored tlog.Tree
	lost     tlog.Tree // of size 0 if nothing more was known
}

// formatLoss writes the field detail of a ROLLBACK.
func formatLoss(restored, lost tlog.Tree) string {
	text := "restored " + strconv.FormatInt(restored.N, 10) + " " + restored.Hash.String()
	if lost.N > 0 {
		text += " lost " + strconv.FormatInt(lost.N, 10) + " " + lost.Hash.String()
	}
	return text
}

// parseLoss reads formatLoss, exactly.
func parseLoss(e Entry) (loss, error) {
	words := strings.Split(e.Detail, " ")
	if len(words) != 3 && len(words) != 6 {
		return loss{}, ErrEntry
	}
	var trees [2]tlog.Tree
	for i := 0; 3*i < len(words); i++ {
		size, err := strconv.ParseInt(words[3*i+1], 10, 64)
		root, rootErr := tlog.ParseHash(words[3*i+2])
		if err != nil || rootErr != nil {
			return loss{}, ErrEntry
		}
		trees[i] = tlog.Tree{N: size, Hash: root}
	}
	if formatLoss(trees[0], trees[1]) != e.Detail {
		return loss{}, ErrEntry
	}
	return loss{e.Reference, trees[0], trees[1]}, nil
}

// declared says what a ledger's ROLLBACKs say about a kept file: that it is of what was lost, or that
// it is of more than that. Of neither, the ledger must agree with it.
func (s *spine) declared(k kept) (lost bool, problem string) {
	for _, l := range s.losses {
		if l.name != k.entry.Ledger || k.tree.N <= l.restored.N {
			continue
		}
		if k.tree.N > l.lost.N {
			return false, "it is of more than the ROLLBACK of the spine says was lost"
		}
		return true, ""
	}
	return false, ""
}

// ErrBehind says that a ledger has less than what was kept of it.
var ErrBehind = errors.New("audit: the ledger is behind what was kept")

// Compare says whether the ledger, as it is now, extends what was kept. The error is a *RowError if it
// does not: a copy was restored, and the error wraps ErrBehind as well, or the ledger was written anew.
// It is ErrKept if the file is not one that this ledger's keys signed. To see no other server's
// progress as a loss, the file must have been read before Compare is called.
func (l *Ledger) Compare(ctx context.Context, f KeptFile) error {
	s := l.store.Reviews()
	k, err := openKept(f, turning{[]string{l.name}, []VerifierKey{l.config.Key.Verifier()}})
	if err != nil { // perhaps it is of before the name or the key changed
		var row *RowError
		if k, err = l.openOld(ctx, f); errors.As(err, &row) {
			return fmt.Errorf("%w: %s", ErrKept, f.Name)
		}
	}
	if err != nil {
		return err
	}
	if err := l.spine.update(ctx); err != nil {
		return err
	}
	if lost, problem := l.spine.at().spine.declared(k); lost {
		return nil
	} else if problem != "" {
		return &RowError{"kept checkpoint " + f.Name, problem}
	}
	last, err := lastPage(ctx, s, Spine)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && last.Size() < k.tree.N:
		row := &RowError{EntryRow(Spine, last.Size()), fmt.Sprintf("missing: the kept checkpoint %s has %d entries", f.Name, k.tree.N)}
		return fmt.Errorf("%w: %w", ErrBehind, row)
	case err != nil:
		return err
	}
	root, err := rootOf(ctx, s, last, k.tree.N)
	if err == nil && root != k.tree.Hash {
		return &RowError{EntryRow(Spine, k.tree.N-1), "it or one before it was changed: the tree up to here is not the one of the kept checkpoint " + f.Name}
	}
	return err
}

func (l *Ledger) openOld(ctx context.Context, f KeptFile) (kept, error) {
	turns, err := storedTurns(ctx, l.store.Reviews())
	if err != nil {
		return kept{}, err
	}
	return openKept(f, turns)
}
