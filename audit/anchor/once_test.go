package anchor_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

func TestOnceKeepsAFileOnce(t *testing.T) {
	r := newRig(t, 0)
	a := r.anchors(t)
	for range 3 {
		a.Once(t.Context())
		r.mustBeKept(t, opened)
	}
	r.anchors(t).Once(t.Context()) // after a restart
	r.mustReport(t)
	if n := r.place.Calls(); n != 2 {
		t.Errorf("%d calls of Keep, want one of each process", n)
	}
}

// Other bytes under a name that the ledger's key did not sign are nobody's evidence. They are reported,
// they stay, and the ledger goes on.
func TestOnceNamesForeignBytesUnderItsName(t *testing.T) {
	for _, more := range []string{"\n", "junk\n", "— w AAAA\njunk", "— w AAAA", "x"} {
		r := newRig(t, 0)
		name := anchor.Name(ledgerName, opened)
		r.put(t, name, append([]byte("x"), more...))
		a := r.anchors(t)
		for range 2 {
			a.Once(t.Context())
			r.mustReport(t, "conflict")
		}
		if err := a.Agrees(); err != nil {
			t.Errorf("Agrees: %v, for bytes that nobody signed", err)
		}
		r.grow(t, 1)
		a.Once(t.Context())
		r.mustReport(t)
		r.mustBeKept(t, opened+1)
	}
}

func TestOnceTakesNoOtherLinesForCosignatures(t *testing.T) {
	for _, more := range []string{"\n", "junk\n", "— w AAAA\njunk", "— w AAAA", "x"} {
		r := newRig(t, 0)
		r.put(t, anchor.Name(ledgerName, opened), append(r.keptData(t), more...))
		r.anchors(t).Once(t.Context())
		if got := r.reported(); !slices.Equal(got, []string{"conflict"}) {
			t.Errorf("reported with %q behind the file: %q", more, got)
		}
	}
}

func TestOnceWithALedgerThatDoesNotAnswer(t *testing.T) {
	for name, keep := range map[string]func(r *rig) ([]byte, int64, error){
		"Fails":         func(*rig) ([]byte, int64, error) { return nil, 0, errors.New("ledger") },
		"OtherSize":     func(r *rig) ([]byte, int64, error) { return r.keptData(t), opened + 1, nil },
		"NoKeptFile":    func(*rig) ([]byte, int64, error) { return []byte("x\n"), opened, nil },
		"OtherLedger's": func(*rig) ([]byte, int64, error) { return newOther(t).keptData(t), opened, nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 0)
			r.ledger = &changed{Ledger: r.writer, keep: func() ([]byte, int64, error) { return keep(r) }}
			a := r.anchors(t)
			a.Once(t.Context())
			r.mustReport(t, "ledger")
			if r.place.Calls() != 0 || a.Agrees() != nil {
				t.Errorf("%d files kept, Agrees: %v", r.place.Calls(), a.Agrees())
			}
		})
	}
}

// newOther is a ledger of another name.
func newOther(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, 0)
	r.config.Store, r.config.Name = audit.NewMem(), "vault.example.com/other"
	r.writer = r.open(t)
	r.ledger = r.writer
	return r
}

// mustDisagree expects that the ledger contradicts what is kept, and that nothing was kept over it.
func mustDisagree(t *testing.T, r *rig, a *anchor.Anchors, reason string) {
	t.Helper()
	before := r.place.Calls()
	for range 2 {
		a.Once(t.Context())
		r.mustReport(t, reason)
		if a.Agrees() == nil {
			t.Error("Agrees says that the ledger extends what is kept")
		}
	}
	if n := r.place.Calls(); n != before {
		t.Errorf("%d files were kept over what contradicts them", n-before)
	}
}

func TestOnceNamesALedgerThatIsBehind(t *testing.T) {
	r, older := newRig(t, 0), newRig(t, 0)
	r.grow(t, 2)
	r.anchors(t).Once(t.Context())
	older.place = r.place

	a := older.anchors(t) // of a process that remembers nothing
	mustDisagree(t, older, a, "behind")
	var row *audit.RowError
	if err := a.Agrees(); !errors.Is(err, audit.ErrBehind) || !errors.As(err, &row) || row.Row != "entry spine/2" {
		t.Errorf("Agrees: %v, want ErrBehind with the first missing entry", err)
	}
	older.place.Unlisted = errPlace // what was found stands while it cannot be looked at again
	before := older.place.Calls()
	a.Once(t.Context())
	older.mustReport(t, "place")
	if n := older.place.Calls(); a.Agrees() == nil || n != before {
		t.Errorf("when the place fails: Agrees %v, %d calls of Keep", a.Agrees(), n-before)
	}
	older.place.Unlisted = nil
	older.grow(t, 2) // mended: it has the entries now
	a.Once(t.Context())
	older.mustReport(t)
	if err := a.Agrees(); err != nil {
		t.Errorf("Agrees: %v, of a ledger that was mended", err)
	}
}

func TestOnceNamesALedgerThatWasWrittenAnew(t *testing.T) {
	r, fork := newRig(t, 0), newRig(t, 1)
	r.grow(t, 2)
	r.anchors(t).Once(t.Context())
	fork.place = r.place
	fork.grow(t, 2) // of the same size
	a := fork.anchors(t)
	mustDisagree(t, fork, a, "conflict")
	fork.grow(t, 1) // a larger one
	mustDisagree(t, fork, a, "conflict")
}

// A ledger that is exchanged under a running server is noticed though nothing new is kept.
func TestOnceComparesWhatItComparedBefore(t *testing.T) {
	for name, minute := range map[string]int{"behind": 0, "conflict": 1} {
		r, other := newRig(t, 0), newRig(t, minute)
		r.grow(t, 1)
		c := &changed{Ledger: r.writer}
		r.ledger = c
		a := r.anchors(t)
		a.Once(t.Context())
		r.mustReport(t)
		if minute > 0 {
			other.grow(t, 4)
		}
		c.Ledger = other.writer
		mustDisagree(t, r, a, name)
	}
}

// What one process kept itself it remembers, though its files are removed.
func TestOnceRemembersWhatItKept(t *testing.T) {
	r, older := newRig(t, 0), newRig(t, 0)
	c := &changed{Ledger: r.writer}
	r.ledger = c
	r.grow(t, 2)
	a := r.anchors(t)
	a.Once(t.Context())
	r.place.Remove(anchor.Name(ledgerName, opened+2))
	c.Ledger = older.writer
	mustDisagree(t, r, a, "behind")
}

// Another server appends and keeps while this one compares. The place is read before the ledger, so
// what is kept then is no sign of a loss.
func TestOnceTakesNoProgressForALoss(t *testing.T) {
	r := newRig(t, 0)
	other := r.anchors(t)
	r.ledger = &changed{Ledger: r.writer, compare: func(f audit.KeptFile) error {
		r.grow(t, 1)
		other.Once(t.Context())
		return r.writer.Compare(t.Context(), f)
	}}
	a := r.anchors(t)
	for range 4 {
		a.Once(t.Context())
		r.mustReport(t)
		if err := a.Agrees(); err != nil {
			t.Fatalf("Agrees: %v", err)
		}
	}
	r.mustBeKept(t, opened+3)
}

// Who may write in the place can put anything there. Only what the ledger's key signed counts.
func TestOncePassesOverWhatIsNotTheLedgers(t *testing.T) {
	r := newRig(t, 0)
	stranger := newRig(t, 1)
	stranger.config.Store, stranger.config.Key = audit.NewMem(), newKey(t, 2)
	stranger.writer = stranger.open(t)
	stranger.grow(t, 5)
	cut := r.keptData(t)
	for i, data := range [][]byte{
		nil, []byte("x\n"), []byte("\n\n\n"), make([]byte, 2*anchor.MaxKept), cut[:len(cut)-2],
		newOther(t).keptData(t), stranger.keptData(t),
	} {
		r.put(t, anchor.Name(ledgerName, 1000+int64(i)), data)
	}
	r.put(t, ledgerName+"/~~~", []byte("x"))
	a := r.anchors(t)
	for range 2 {
		a.Once(t.Context())
		r.mustReport(t)
		r.mustBeKept(t, opened)
		if err := a.Agrees(); err != nil {
			t.Errorf("Agrees: %v", err)
		}
	}
	older := newRig(t, 0) // behind them all, what was truly kept still counts
	older.place = r.place
	r.grow(t, 1)
	a.Once(t.Context())
	mustDisagree(t, older, older.anchors(t), "behind")
}

func TestOnceWithAPlaceThatIsNotRead(t *testing.T) {
	r := newRig(t, 0)
	r.anchors(t).Once(t.Context())
	r.place.Unread = errPlace
	a := r.anchors(t)
	a.Once(t.Context())
	r.mustReport(t, "place")
	r.place.Unread = nil
	a.Once(t.Context())
	r.mustReport(t)
}

// No file of a folder makes comparing wait or fill memory.
func TestOnceWithAFolderOfOtherThings(t *testing.T) {
	r := newRig(t, 0)
	folder := t.TempDir()
	place := newDir(t, folder)
	c := r.anchorConfig()
	c.Place = place
	a, err := anchor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	a.Once(t.Context())
	at := func(size int64) string { return filepath.Join(folder, anchor.Name(ledgerName, size)) }
	for _, err := range []error{
		syscall.Mkfifo(at(100), 0o600),
		os.Symlink("/dev/zero", at(101)),
		os.Mkdir(at(102), 0o700),
		os.WriteFile(at(103), nil, 0o600),
		os.Truncate(at(103), 1<<40), // sparse
		os.WriteFile(at(104), []byte("garbage"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r.grow(t, 1)
	again, err := anchor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []*anchor.Anchors{a, again} {
		each.Once(t.Context())
		r.mustReport(t)
	}
	if _, err := os.Stat(at(opened + 1)); errors.Is(err, fs.ErrNotExist) {
		t.Error("what is new was not kept")
	}
}

// rotate gives the ledger another key.
func (r *rig) rotate(t *testing.T) {
	t.Helper()
	if err := r.writer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := r.config.Key
	r.config.Key = newKey(t, 9)
	if err := audit.Rotate(t.Context(), r.config.Store, old, r.config.Key, r.config.Now); err != nil {
		t.Fatal(err)
	}
	r.grow(t, 1)
	r.writer = r.open(t)
	r.ledger = r.writer
}

// What the key before signed still counts after a rotation.
func TestOnceAfterARotation(t *testing.T) {
	r := newRig(t, 0)
	r.anchors(t).Once(t.Context())
	r.rotate(t)
	a := r.anchors(t)
	a.Once(t.Context())
	r.mustReport(t)
	r.mustBeKept(t, opened+2) // KEY, and a CHECKPOINT after it
	fork := newRig(t, 1)      // written anew under the old key
	fork.place = &anchortest.Memory{}
	fork.put(t, anchor.Name(ledgerName, opened), newRig(t, 0).keptData(t))
	fork.rotate(t)
	mustDisagree(t, fork, fork.anchors(t), "conflict")
}
