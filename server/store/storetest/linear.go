package storetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/piinguin/piinguin/server/store"
)

// The size of a history. Checking one takes time that grows fast with what is
// side by side, and linearly with the rest.
const (
	linearWorkers = 6
	linearEach    = 25 // operations of a worker
	linearKeys    = 3
	linearTimes   = 12 // few, so that many puts are late or of one time
)

// operation is one call of one item.
type operation struct {
	method string
	key    int
	n      int            // the time of a put or an erasure
	value  store.Original // of a put
}

// answer is what an operation returned.
type answer struct {
	outcome store.PutOutcome
	erased  bool
	found   bool
	value   store.Original // what a get found, and its time
	n       int
	unknown bool // it failed: nobody knows whether, or when, it takes effect
}

// keyState is the model: what a key holds, by the words of the package store's doc.
type keyState struct {
	live, erased   bool
	value          store.Original
	seen, erasedAt int // 0 is before all
}

func (k keyState) put(o operation) (keyState, store.PutOutcome) {
	switch {
	case k.live && o.n < k.seen, k.erased && o.n <= max(k.erasedAt, k.seen):
		return k, store.Superseded
	case k.live:
		return keyState{live: true, value: o.value, seen: o.n}, store.Replaced
	}
	return keyState{live: true, value: o.value, seen: o.n}, store.Stored
}

func (k keyState) erase(o operation) (keyState, bool) {
	return keyState{erased: true, erasedAt: max(o.n, k.erasedAt), seen: k.seen}, k.live
}

// step says whether an operation may have had its answer in a state, and what the
// state is then.
func step(state, input, output any) (bool, any) {
	k, o, a := state.(keyState), input.(operation), output.(answer) //nolint:errcheck // of this file alone
	switch o.method {
	case Put:
		after, outcome := k.put(o)
		return a.unknown || a.outcome == outcome, after
	case Erase:
		after, erased := k.erase(o)
		return a.unknown || a.erased == erased, after
	}
	same := a.found == k.live && (!k.live || a.n == k.seen && a.value.Equal(k.value))
	return a.unknown || same, k
}

// model is of each key by itself.
var model = porcupine.Model{
	Init: func() any { return keyState{} },
	Step: step,
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		keys := make([][]porcupine.Operation, linearKeys)
		for _, o := range history {
			k := o.Input.(operation).key //nolint:errcheck // of this file alone
			keys[k] = append(keys[k], o)
		}
		return keys
	},
}

// Linearizable puts, reads and erases a few keys from many sides and returns an error
// unless the answers are those of some order in which the operations happened
// one at a time, each between its call and its return. It returns how many had no
// answer, because the engine failed; those may have taken effect at any time or never.
func Linearizable(ctx context.Context, s store.Store, seed uint64) (unknown int, err error) {
	prefix := rand.Text() + "/"
	start := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	var failures []error
	var wg sync.WaitGroup
	for w := range linearWorkers {
		random := mathrand.New(mathrand.NewPCG(seed, uint64(w))) //nolint:gosec // a test wants the same numbers again
		wg.Go(func() {
			for i := range linearEach {
				o := randomOperation(random, fmt.Sprint(w, "/", i))
				called := time.Since(start)
				a, err := do(ctx, s, prefix, o)
				done := porcupine.Operation{ClientId: w, Input: o, Call: int64(called), Output: a, Return: int64(time.Since(start))}
				if a.unknown {
					done.Return = math.MaxInt64
				}
				mu.Lock()
				history, failures = append(history, done), append(failures, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, o := range history {
		if o.Output.(answer).unknown { //nolint:errcheck // of this file alone
			unknown++
		}
	}
	return unknown, errors.Join(errors.Join(failures...), check(history))
}

func randomOperation(random *mathrand.Rand, id string) operation {
	return operation{
		method: []string{Put, Put, Get, Get, Erase}[random.IntN(5)],
		key:    random.IntN(linearKeys), n: 1 + random.IntN(linearTimes), value: store.NewOriginal(id),
	}
}

// do does one operation. The error is one that breaks the contract.
func do(ctx context.Context, s store.Store, prefix string, o operation) (a answer, err error) {
	key := prefix + fmt.Sprint(o.key)
	switch o.method {
	case Put:
		r := s.Put(ctx, []store.Record{{ModifiedValue: key, Original: o.value, ObservedAt: at(o.n)}})[0]
		a.outcome, err = r.Outcome, r.Err
	case Erase:
		r := s.Erase(ctx, []string{key}, at(o.n))[0]
		a.erased, err = r.Erased, r.Err
	case Get:
		r := s.Get(ctx, []string{key})[0]
		err = r.Err
		if a.found = err == nil; a.found {
			a.value, a.n = r.Record.Original, r.Record.ObservedAt.Nanosecond()
		} else if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
	}
	a.unknown = err != nil
	if errors.Is(err, store.ErrUnavailable) || (ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		err = nil
	}
	return a, err
}

// check returns an error that lists the operations of the first key whose history
// is no order's.
func check(history []porcupine.Operation) error {
	for key, part := range model.Partition(history) {
		if porcupine.CheckOperations(model, part) {
			continue
		}
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		var list strings.Builder
		for _, o := range part {
			_, _ = fmt.Fprintf(&list, "%d..%d %+v: %+v\n", o.Call, o.Return, o.Input, o.Output)
		}
		return fmt.Errorf("storetest: no order of these gives these answers of key %d:\n%s", key, &list)
	}
	return nil
}

// testLinearizable wants every operation to have an answer.
func testLinearizable(f *fixture) {
	for seed := range uint64(3) {
		unknown, err := Linearizable(f.Context(), f.s, seed)
		if err != nil || unknown != 0 {
			f.Errorf("seed %d, %d failed: %v", seed, unknown, err)
		}
	}
}
