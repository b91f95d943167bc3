package anchor_test

import (
	"testing"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

func (r *rig) witness(t *testing.T, name string) (*anchortest.Witness, anchor.Witness) {
	t.Helper()
	w := anchortest.NewWitness(t, name, r.config.Key.Verifier(), ledgerName)
	return w, parseOne(t, w.Line())
}

func parseOne(t *testing.T, line string) anchor.Witness {
	t.Helper()
	all, _, err := anchor.ParseWitnesses([]byte(line))
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

func TestWitnessesCosignAGrowingSpine(t *testing.T) {
	r := newRig(t, 0)
	w1, one := r.witness(t, "one")
	w2, two := r.witness(t, "two")
	a := r.anchors(t, one, two)
	for size, more := int64(opened), 0; size < 300; more = 2*more + 1 {
		r.grow(t, more)
		size += int64(more)
		a.Once(t.Context())
		mustAnswer(t, w1, 200)
		mustAnswer(t, w2, 200)
		r.mustBeKept(t, size, w1, w2)
	}
	r.mustReport(t)
	a.Once(t.Context())
	mustAnswer(t, w1) // nothing moved, nobody is asked
}

func TestAWitnessThatIsFurtherIsAskedWithItsSize(t *testing.T) {
	r := newRig(t, 0)
	w, one := r.witness(t, "one")
	r.anchors(t, one).Once(t.Context())
	r.grow(t, 5)
	mustAnswer(t, w, 200)
	r.anchors(t, one).Once(t.Context()) // as after a restart
	mustAnswer(t, w, 409, 200)
	r.mustBeKept(t, opened+5, w)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409, 200) // of the very same size
	r.mustReport(t)
}

func TestServersShareALedgerAWitnessAndAPlace(t *testing.T) {
	r := newRig(t, 0)
	w, one := r.witness(t, "one")
	a, b := r.anchors(t, one), r.anchors(t, one)
	for _, each := range []*anchor.Anchors{a, b, b, a, a} {
		r.grow(t, 3)
		each.Once(t.Context())
	}
	for _, more := range []int64{3, 6, 9, 12, 15} {
		r.mustBeKept(t, opened+more, w)
	}
	r.mustReport(t)
}

// The spine goes on between what is kept and its proof, as it does when several servers write.
func TestProofAndCheckpointAreOfOneSize(t *testing.T) {
	r := newRig(t, 0)
	w, one := r.witness(t, "one")
	r.grow(t, 7)
	r.ledger = &changed{Ledger: r.writer, keep: func() ([]byte, int64, error) {
		data, size, err := r.writer.Keep(t.Context())
		r.grow(t, 3)
		return data, size, err
	}}
	a := r.anchors(t, one)
	for _, more := range []int64{7, 10, 13} {
		a.Once(t.Context())
		r.mustBeKept(t, opened+more, w)
	}
	r.mustReport(t)
}

func TestAWitnessWithALaterCheckpoint(t *testing.T) {
	r, older := newRig(t, 0), newRig(t, 0)
	w, one := r.witness(t, "one")
	r.grow(t, 3)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 200)

	// The spine has lost its tail, and nobody here remembers.
	older.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409)
	older.mustReport(t, "behind one")
	older.mustBeKept(t, opened)

	// Another server was faster: the spine is as far as the witness by now.
	first := true
	r.place = &anchortest.Memory{}
	r.ledger = &changed{Ledger: r.writer, keep: func() ([]byte, int64, error) {
		if first {
			first = false
			return older.writer.Keep(t.Context())
		}
		return r.writer.Keep(t.Context())
	}}
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409)
	r.mustReport(t)
	r.mustBeKept(t, opened)
}

func TestAWitnessRefusesAFork(t *testing.T) {
	r, fork := newRig(t, 0), newRig(t, 1)
	w, one := r.witness(t, "one")
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
	fork.mustReport(t, "witness one", "witness one")
	fork.mustBeKept(t, opened+4)
	fork.mustBeKept(t, opened+8)

	r.grow(t, 4)
	r.anchors(t, one).Once(t.Context())
	r.mustBeKept(t, opened+8, w)
}

func TestAWitnessThatDoesNotKnowUs(t *testing.T) {
	r := newRig(t, 0)
	stranger := anchortest.NewWitness(t, "one", r.config.Key.Verifier(), "vault.example.com/other")
	w, two := r.witness(t, "two")
	a := r.anchors(t, parseOne(t, stranger.Line()), two)
	a.Once(t.Context())
	mustAnswer(t, stranger, 404)
	r.mustReport(t, "witness one")
	r.mustBeKept(t, opened, w)
	a.Once(t.Context())
	mustAnswer(t, stranger) // asked again when the spine moves
	r.grow(t, 1)
	a.Once(t.Context())
	mustAnswer(t, stranger, 404)
}

// A witness knows a key, so a rotation ends its cosignatures until its operator knows the next one.
func TestAWitnessAfterARotation(t *testing.T) {
	r := newRig(t, 0)
	w, one := r.witness(t, "one")
	r.anchors(t, one).Once(t.Context())
	r.mustBeKept(t, opened, w)
	mustAnswer(t, w, 200)
	r.rotate(t)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 403)
	r.mustReport(t, "witness one")
	r.mustBeKept(t, opened+2) // KEY, and the CHECKPOINT of the log's KEY
}
