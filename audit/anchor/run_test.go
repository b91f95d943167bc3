package anchor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

// start runs the anchors in a bubble until stop is called, which returns how long
// the end took. A timeout of 0 is the default.
func (r *rig) start(t *testing.T, timeout time.Duration) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := r.config()
	c.Timeout = timeout
	a, err := anchor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	synctest.Wait()
	return func() time.Duration {
		began := time.Now()
		cancel()
		<-done
		return time.Since(began)
	}
}

func TestRunKeepsWhatMovedInEachPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2, 0)
		stop := r.start(t, 0)
		r.mustBeKept(t, log1, 1)
		r.mustBeKept(t, "piinguin-2", 1)

		r.grow(t, 1) // in one of them
		time.Sleep(anchor.DefaultEvery - time.Second)
		if n := r.place.Calls(); n != 2 {
			t.Errorf("%d checkpoints kept before the period's end, want 2", n)
		}
		time.Sleep(2 * time.Second)
		if n := r.place.Calls(); n != 3 {
			t.Errorf("%d checkpoints kept after the period, want 3", n)
		}
		time.Sleep(10 * anchor.DefaultEvery)
		if n := r.place.Calls(); n != 3 {
			t.Errorf("%d checkpoints kept though nothing moved, want 3", n)
		}
		r.grow(t, 1)
		stop()
		r.mustBeKept(t, log1, 2)
		r.mustBeKept(t, "piinguin-2", 2)
		mustEqual(t, "reported", r.reported(), nil)
	})
}

func TestRunGoesOnAfterAFailure(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault anchortest.Fault
	}{
		{"Fails", anchortest.Fault{Err: errPlace}},
		{"FailsAfterStoring", anchortest.Fault{Err: errPlace, Stored: true}},
		{"Hangs", anchortest.Fault{Hang: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1, 0)
				r.place.Fault = func(n int) anchortest.Fault {
					if n <= 3 {
						return c.fault
					}
					return anchortest.Fault{}
				}
				stop := r.start(t, 0)
				r.grow(t, 1) // an append waits for no anchor
				time.Sleep(2*anchor.DefaultEvery + anchor.DefaultTimeout + time.Second)
				if r.place.Calls() != 3 {
					t.Errorf("%d tries, want 3", r.place.Calls())
				}
				mustEqual(t, "reported", r.reported(),
					[]string{"place piinguin-1 ", "place piinguin-1 ", "place piinguin-1 "})
				time.Sleep(anchor.DefaultEvery)
				r.mustBeKept(t, log1, 2)
				stop()
				mustEqual(t, "reported at the end", r.reported(), nil)
			})
		})
	}
}

func TestRunEndsThoughThePlaceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2, 0)
		r.place.Fault = func(int) anchortest.Fault { return anchortest.Fault{Hang: true} }
		stop := r.start(t, 10*anchor.LastTimeout)
		if took := stop(); took > anchor.LastTimeout {
			t.Errorf("it took %v to end, want at most %v", took, anchor.LastTimeout)
		}
		// What was under way when it was told to end is not reported, the last try is.
		if n := len(r.reported()); n != 2 {
			t.Errorf("%d failures reported, want one of each log", n)
		}
	})
}

func TestOnceNamesAnotherTreeUnderAKeptName(t *testing.T) {
	r, fork := newRig(t, 1, 0), newRig(t, 1, 1)
	fork.place = r.place
	fork.anchors(t).Once(t.Context())
	a := r.anchors(t)
	for range 2 {
		a.Once(t.Context())
		mustEqual(t, "reported", r.reported(), []string{"conflict piinguin-1 "})
	}
	fork.mustBeKept(t, log1, 1)
	r.grow(t, 1)
	a.Once(t.Context())
	r.mustBeKept(t, log1, 2)
	mustEqual(t, "reported", r.reported(), nil)
}

func TestOnceTakesNoOtherLinesForCosignatures(t *testing.T) {
	for _, more := range []string{"\n", "junk\n", "— w AAAA\njunk", "— w AAAA", "x"} {
		r := newRig(t, 1, 0)
		signed, _, err := r.writer.Checkpoint(t.Context(), log1)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.place.Keep(t.Context(), anchor.Name(log1, 1), append(signed, more...)); err != nil {
			t.Fatal(err)
		}
		r.anchors(t).Once(t.Context())
		mustEqual(t, "reported for "+more, r.reported(), []string{"conflict piinguin-1 "})
	}
}

func TestOnceNamesALogThatLostEntries(t *testing.T) {
	r, older := newRig(t, 1, 0), newRig(t, 1, 0)
	c := &changed{Ledger: r.writer}
	r.ledger = c
	r.grow(t, 2)
	a := r.anchors(t)
	a.Once(t.Context())
	c.checkpoint = func(string, []byte, tlog.Tree) ([]byte, tlog.Tree, error) {
		return older.writer.Checkpoint(t.Context(), log1)
	}
	a.Once(t.Context())
	mustEqual(t, "reported", r.reported(), []string{"behind piinguin-1 "})
	if r.place.Read(anchor.Name(log1, 1)) != nil {
		t.Error("the shorter log was kept")
	}
}

func TestOnceGoesOnWithTheOtherLogs(t *testing.T) {
	errLedger := errors.New("ledger")
	for name, wrong := range map[string]func(signed []byte, tree tlog.Tree) ([]byte, tlog.Tree, error){
		"Fails": func([]byte, tlog.Tree) ([]byte, tlog.Tree, error) { return nil, tlog.Tree{}, errLedger },
		"OtherSize": func(s []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
			return s, tlog.Tree{N: 2, Hash: tree.Hash}, nil
		},
		"NoCheckpoint": func(_ []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) { return []byte("x\n"), tree, nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 2, 0)
			r.ledger = &changed{Ledger: r.writer, checkpoint: func(log string, s []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
				if log == log1 {
					return wrong(s, tree)
				}
				return s, tree, nil
			}}
			r.anchors(t).Once(t.Context())
			mustEqual(t, "reported", r.reported(), []string{"ledger piinguin-1 "})
			r.mustBeKept(t, "piinguin-2", 1)
			if r.place.Calls() != 1 {
				t.Errorf("%d checkpoints kept, want 1", r.place.Calls())
			}
		})
	}
}

func TestOnceWithoutTheListOfLogs(t *testing.T) {
	r := newRig(t, 1, 0)
	r.ledger = &changed{Ledger: r.writer, logs: func() ([]string, error) { return nil, errPlace }}
	r.anchors(t).Once(t.Context())
	mustEqual(t, "reported", r.reported(), []string{"ledger  "})
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	r := newRig(t, 1, 0)
	for i, breakIt := range []func(*anchor.Config){
		func(c *anchor.Config) { c.Ledger = nil },
		func(c *anchor.Config) { c.Place = nil },
		func(c *anchor.Config) { c.Report = nil },
		func(c *anchor.Config) { c.Every = -1 },
		func(c *anchor.Config) { c.Timeout = -1 },
	} {
		c := r.config()
		breakIt(&c)
		if _, err := anchor.New(c); err == nil {
			t.Errorf("case %d: New takes it", i)
		}
	}
}
