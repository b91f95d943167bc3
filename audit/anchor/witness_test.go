package anchor_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

func (r *rig) witness(t *testing.T, name string, logs ...string) (*anchortest.Witness, anchor.Witness) {
	t.Helper()
	w := anchortest.NewWitness(t, name, r.key.Verifier(), logs...)
	return w, parseOne(t, w.Line())
}

func parseOne(t *testing.T, line string) anchor.Witness {
	t.Helper()
	all, err := anchor.ParseWitnesses([]byte(line))
	if err != nil || len(all) != 1 {
		t.Fatalf("ParseWitnesses: %d, %v", len(all), err)
	}
	return all[0]
}

func mustAnswer(t *testing.T, w *anchortest.Witness, want ...int) {
	t.Helper()
	got := w.Asked()
	if len(got) != len(want) {
		t.Fatalf("%s answered %v, want %v", w.Name, got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s answered %v, want %v", w.Name, got, want)
		}
	}
}

func TestWitnessesCosignAGrowingLog(t *testing.T) {
	r := newRig(t, 2, 0)
	w1, one := r.witness(t, "one", log1, "piinguin-2")
	w2, two := r.witness(t, "two", log1, "piinguin-2")
	a := r.anchors(t, one, two)
	a.Once(t.Context())
	r.mustBeKept(t, "piinguin-2", 1, w1, w2)
	mustAnswer(t, w1, 200, 200)
	mustAnswer(t, w2, 200, 200)
	for size := int64(1); size < 600; {
		_, tree, err := r.writer.Checkpoint(t.Context(), log1)
		if err != nil {
			t.Fatal(err)
		}
		if size = tree.N; size > 1 {
			a.Once(t.Context())
			mustAnswer(t, w1, 200, 200)
			mustAnswer(t, w2, 200, 200)
		}
		r.mustBeKept(t, log1, size, w1, w2)
		r.grow(t, int(2*size)) // of two logs in turn
	}
	mustEqual(t, "reported", r.reported(), nil)
	a.Once(t.Context())
	w1.Asked()
	a.Once(t.Context())
	mustAnswer(t, w1) // nothing moved, nobody is asked
}

func TestAWitnessThatIsFurtherIsAskedWithItsSize(t *testing.T) {
	r := newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	r.anchors(t, one).Once(t.Context())
	r.grow(t, 300)
	mustAnswer(t, w, 200)
	r.anchors(t, one).Once(t.Context()) // as after a restart
	mustAnswer(t, w, 409, 200)
	r.mustBeKept(t, log1, 301, w)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409, 200) // of the very same size
	mustEqual(t, "reported", r.reported(), nil)
}

func TestServersShareALogAWitnessAndAPlace(t *testing.T) {
	r := newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	a, b := r.anchors(t, one), r.anchors(t, one)
	for _, each := range []*anchor.Anchors{a, b, b, a, a} {
		r.grow(t, 3)
		each.Once(t.Context())
	}
	for _, size := range []int64{4, 7, 10, 13, 16} {
		r.mustBeKept(t, log1, size, w)
	}
	mustEqual(t, "reported", r.reported(), nil)
}

// The log goes on between its checkpoint and the proof, as it does under load.
func TestProofAndCheckpointAreOfOneSize(t *testing.T) {
	r := newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	r.grow(t, 300)
	r.ledger = &changed{Ledger: r.writer, checkpoint: func(_ string, s []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
		r.grow(t, 7)
		return s, tree, nil
	}}
	a := r.anchors(t, one)
	for _, size := range []int64{301, 308, 315} {
		a.Once(t.Context())
		r.mustBeKept(t, log1, size, w)
	}
	mustEqual(t, "reported", r.reported(), nil)
}

func TestAWitnessWithALaterCheckpoint(t *testing.T) {
	r, older := newRig(t, 1, 0), newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	r.grow(t, 3)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 200)

	// The log that has lost its tail, and nobody here remembers.
	older.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409)
	mustEqual(t, "reported", older.reported(), []string{"behind piinguin-1 one"})
	older.mustBeKept(t, log1, 1)

	// Another server was faster: the log is as far as the witness by now.
	first := true
	r.place = &anchortest.Memory{}
	r.ledger = &changed{Ledger: r.writer, checkpoint: func(_ string, s []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
		if first {
			first = false
			return older.writer.Checkpoint(t.Context(), log1)
		}
		return s, tree, nil
	}}
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409)
	mustEqual(t, "reported", r.reported(), nil)
	r.mustBeKept(t, log1, 1)
}

func TestAWitnessRefusesAFork(t *testing.T) {
	r, fork := newRig(t, 1, 0), newRig(t, 1, 1)
	w, one := r.witness(t, "one", log1)
	r.grow(t, 4)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 200)

	fork.grow(t, 4)
	a := fork.anchors(t, one)
	a.Once(t.Context())
	mustAnswer(t, w, 409, 409) // another tree of the same size
	fork.grow(t, 4)
	a.Once(t.Context())
	mustAnswer(t, w, 422)
	mustEqual(t, "reported", fork.reported(), []string{"witness piinguin-1 one", "witness piinguin-1 one"})
	fork.mustBeKept(t, log1, 5)
	fork.mustBeKept(t, log1, 9)

	r.grow(t, 4)
	r.anchors(t, one).Once(t.Context())
	r.mustBeKept(t, log1, 9, w)
}

func TestAWitnessThatDoesNotKnowUs(t *testing.T) {
	r := newRig(t, 1, 0)
	stranger, one := r.witness(t, "one", "other-log")
	other := newRig(t, 1, 0)
	w, two := other.witness(t, "two", log1)
	a := r.anchors(t, one, two)
	a.Once(t.Context())
	mustAnswer(t, stranger, 404)
	mustEqual(t, "reported", r.reported(), []string{"witness piinguin-1 one"})
	r.mustBeKept(t, log1, 1, w)
	a.Once(t.Context())
	mustAnswer(t, stranger) // asked again when the log moves
	r.grow(t, 1)
	a.Once(t.Context())
	mustAnswer(t, stranger, 404)
}
