package anchor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

// start runs the anchors in a bubble until stop is called, which returns how long
// the end took. A timeout of 0 is the default.
func (r *rig) start(t *testing.T, timeout time.Duration) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := r.anchorConfig()
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
		r := newRig(t, 0)
		stop := r.start(t, 0)
		r.mustBeKept(t, opened)

		r.grow(t, 1)
		time.Sleep(anchor.DefaultEvery - time.Second)
		if n := r.place.Calls(); n != 1 {
			t.Errorf("%d files kept before the period's end, want 1", n)
		}
		time.Sleep(2 * time.Second)
		if n := r.place.Calls(); n != 2 {
			t.Errorf("%d files kept after the period, want 2", n)
		}
		time.Sleep(10 * anchor.DefaultEvery)
		if n := r.place.Calls(); n != 2 {
			t.Errorf("%d files kept though nothing moved, want 2", n)
		}
		r.grow(t, 1)
		stop()
		r.mustBeKept(t, opened+1)
		r.mustBeKept(t, opened+2)
		r.mustReport(t)
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
				r := newRig(t, 0)
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
				r.mustReport(t, "place", "place", "place")
				time.Sleep(anchor.DefaultEvery)
				r.mustBeKept(t, opened+1)
				stop()
				r.mustReport(t)
			})
		})
	}
}

func TestRunEndsThoughThePlaceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0)
		r.place.Fault = func(int) anchortest.Fault { return anchortest.Fault{Hang: true} }
		stop := r.start(t, 10*anchor.LastTimeout)
		if took := stop(); took > anchor.LastTimeout {
			t.Errorf("it took %v to end, want at most %v", took, anchor.LastTimeout)
		}
		// What was under way when it was told to end is not reported, the last try is.
		r.mustReport(t, "place")
	})
}

func TestNewRefusesWhatIsMissing(t *testing.T) {
	r := newRig(t, 0)
	for i, breakIt := range []func(*anchor.Config){
		func(c *anchor.Config) { c.Ledger = nil },
		func(c *anchor.Config) { c.Place = nil },
		func(c *anchor.Config) { c.Report = nil },
		func(c *anchor.Config) { c.Every = -1 },
		func(c *anchor.Config) { c.Timeout = -1 },
	} {
		c := r.anchorConfig()
		breakIt(&c)
		if _, err := anchor.New(c); err == nil {
			t.Errorf("case %d: New takes it", i)
		}
	}
}
