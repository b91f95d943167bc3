package gather

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// The limits of the tests.
const (
	flights = 4
	most    = 100
)

// answer is the question itself, or an error.
type answer struct {
	Question string
	Err      error
}

// engine answers requests when the test lets it.
type engine struct {
	mu    sync.Mutex
	sizes []int      // questions of each request
	let   chan error // one value lets one request end, in this way
}

func newEngine() *engine { return &engine{let: make(chan error)} }

func (e *engine) send(ctx context.Context, all []string) []answer {
	e.mu.Lock()
	e.sizes = append(e.sizes, len(all))
	e.mu.Unlock()
	var err error
	select {
	case err = <-e.let:
	case <-ctx.Done():
		err = ctx.Err()
	}
	answers := make([]answer, len(all))
	for i, q := range all {
		answers[i] = answer{q, err}
	}
	return answers
}

type asking struct {
	*Gatherer[string, answer]
}

func newAsking(l Limits, e *engine) asking {
	return asking{New(l, e.send, func(ctx context.Context) answer { return answer{Err: ctx.Err()} })}
}

// start asks n questions, and returns once each is under way or waits.
func (g asking) start(ctx context.Context, n int, question func(i int) string, got func(i int, a answer)) {
	for i := range n {
		go func() { got(i, g.Ask(ctx, question(i))) }()
		synctest.Wait()
	}
}

// mustBeIdle checks that nothing is left behind.
func (g asking) mustBeIdle(t *testing.T) {
	t.Helper()
	if g.flying != 0 || len(g.waiting) != 0 {
		t.Errorf("%d flights and %d questions are left", g.flying, len(g.waiting))
	}
}

func all(n int) Limits { return Limits{Most: most, Flights: n, Eager: n} }

func TestQuestionsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine()
		g := newAsking(all(flights), e)
		const n = flights + most + 30
		var answers sync.Map
		g.start(t.Context(), n, strconv.Itoa, func(i int, a answer) { answers.Store(i, a) })
		close(e.let)
		synctest.Wait()
		for i := range n {
			got, _ := answers.Load(i)
			if diff := cmp.Diff(answer{Question: strconv.Itoa(i)}, got); diff != "" {
				t.Fatalf("question %d (-want +got):\n%s", i, diff)
			}
		}
		slices.Sort(e.sizes)
		if diff := cmp.Diff([]int{1, 1, 1, 1, 30, most}, e.sizes); diff != "" {
			t.Errorf("questions of the requests (-want +got):\n%s", diff)
		}
		g.mustBeIdle(t)
	})
}

// TestQuestionsOfOneMoment holds that callers who are ready to run share a request, though more could be under
// way: the callers whom one page of the ledger answers ask again at one moment.
func TestQuestionsOfOneMoment(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	synctest.Test(t, func(t *testing.T) {
		e := newEngine()
		g := newAsking(all(flights), e)
		close(e.let)
		for i := range 20 {
			go func() { g.Ask(t.Context(), strconv.Itoa(i)) }()
		}
		synctest.Wait()
		asked := 0
		for _, n := range e.sizes {
			asked += n
		}
		if asked != 20 || len(e.sizes) > 2 {
			t.Errorf("20 questions made requests of %v", e.sizes)
		}
		g.mustBeIdle(t)
	})
}

// TestFurtherRequestsAreFull: beside the eager ones a request begins only for as many questions as it can take, and
// nothing is left behind when it ends first.
func TestFurtherRequestsAreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine()
		g := newAsking(Limits{Most: 5, Flights: flights, Eager: 1}, e)
		g.start(t.Context(), 9, strconv.Itoa, func(int, answer) {})
		if diff := cmp.Diff([]int{1, 5}, e.sizes); diff != "" {
			t.Errorf("questions of the requests (-want +got):\n%s", diff)
		}
		close(e.let)
		synctest.Wait()
		if diff := cmp.Diff([]int{1, 5, 3}, e.sizes); diff != "" {
			t.Errorf("questions of the requests (-want +got):\n%s", diff)
		}
		g.mustBeIdle(t)
	})
}

// TestQuestionsBeginAfterTheirCall is what strong consistency needs: no question takes the answer of a request that
// was under way before it, even if it is the same.
func TestQuestionsBeginAfterTheirCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine()
		g := newAsking(all(flights), e)
		same := func(int) string { return "k" }
		stale := errors.New("the answer of before")
		early, late := make(chan error, flights), make(chan error, 1)
		g.start(t.Context(), flights, same, func(_ int, a answer) { early <- a.Err })
		g.start(t.Context(), 1, same, func(_ int, a answer) { late <- a.Err })
		for range flights {
			e.let <- stale
			synctest.Wait()
		}
		e.let <- nil
		if err := <-late; err != nil {
			t.Errorf("the late question: %v", err)
		}
		for range flights {
			if err := <-early; !errors.Is(err, stale) {
				t.Errorf("an early question: %v", err)
			}
		}
	})
}

// TestGivingUp has callers give up before and after their request has begun.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine()
		g := newAsking(all(1), e)
		busy := make(chan answer, 1)
		g.start(t.Context(), 1, func(int) string { return "busy" }, func(_ int, a answer) { busy <- a })
		ask := func(question string) (context.CancelFunc, chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			g.start(ctx, 1, func(int) string { return question }, func(_ int, a answer) { done <- a.Err })
			return cancel, done
		}
		mustGiveUp := func(cancel context.CancelFunc, done chan error) {
			t.Helper()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("canceled: %v", err)
			}
			synctest.Wait()
		}
		cancelEarly, early := ask("never sent")
		cancelFirst, first := ask("first")
		cancelSecond, second := ask("second")
		mustGiveUp(cancelEarly, early)
		e.let <- nil // the next request takes the other two
		<-busy
		synctest.Wait()

		mustGiveUp(cancelFirst, first)
		if g.flying != 1 {
			t.Errorf("%d flights after one of two callers gave up, want 1", g.flying)
		}
		mustGiveUp(cancelSecond, second)
		g.mustBeIdle(t) // the request does not go on for nobody
		if diff := cmp.Diff([]int{1, 2}, e.sizes); diff != "" {
			t.Errorf("questions of the requests (-want +got):\n%s", diff)
		}
	})
}

// TestEachGetsItsOwn has many callers ask, give up and ask again with real time and threads.
func TestEachGetsItsOwn(t *testing.T) {
	g := asking{New(Limits{Most: 7, Flights: 3, Eager: 2}, func(_ context.Context, all []string) []answer {
		runtime.Gosched()
		answers := make([]answer, len(all))
		for i, q := range all {
			answers[i] = answer{Question: q}
		}
		return answers
	}, func(ctx context.Context) answer { return answer{Err: ctx.Err()} })}
	var callers sync.WaitGroup
	for c := range 32 {
		callers.Go(func() {
			for n := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%3 == 0 {
					go cancel()
				}
				question := fmt.Sprint(c, n)
				if a := g.Ask(ctx, question); a.Err == nil && a.Question != question {
					t.Errorf("%s was answered as %s", question, a.Question)
				} else if a.Err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", question, a.Err)
				}
				cancel()
			}
		})
	}
	callers.Wait()
}

// BenchmarkAsk is what it costs to gather the questions of 128 callers. The engine lets those that are
// ready go first, and then answers at once.
func BenchmarkAsk(b *testing.B) {
	var requests atomic.Int64
	g := New(all(flights), func(_ context.Context, all []string) []answer {
		requests.Add(1)
		runtime.Gosched()
		return make([]answer, len(all))
	}, func(ctx context.Context) answer { return answer{Err: ctx.Err()} })
	b.ReportAllocs()
	b.SetParallelism(64) // for each of two cores
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if a := g.Ask(b.Context(), "question"); a.Err != nil {
				b.Error(a.Err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(requests.Load()), "questions/request")
}
