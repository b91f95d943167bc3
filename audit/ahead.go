package audit

import (
	"cmp"
	"context"
	"iter"
	"sync"
)

// ahead is for how many more results than two a worker the work goes on before they are taken. Pages are
// read by 64, and whoever takes the results is busy with some of them for longer than with others.
const ahead = 16

// inOrder makes something of each input by some goroutines, and yields it in the order of the inputs. It
// works a few inputs ahead, which bounds the memory. An error among the inputs ends it, and is yielded
// last. When it returns, also because the caller stops early, its goroutines have ended.
func inOrder[In, Out any](ctx context.Context, workers int, inputs iter.Seq2[In, error], do func(In) Out) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		inner, stop := context.WithCancel(ctx)
		order := make(chan chan Out, 2*workers+ahead)
		work := make(chan func(), workers)
		var busy sync.WaitGroup
		for range workers {
			busy.Go(func() {
				for f := range work {
					f()
				}
			})
		}
		var failed error
		go func() {
			defer close(order)
			defer close(work)
			for in, err := range inputs {
				if err != nil {
					failed = err
					return
				}
				result := make(chan Out, 1)
				select {
				case order <- result:
				case <-inner.Done():
					return
				}
				work <- func() { result <- do(in) }
			}
		}()
		defer func() {
			stop()
			for range order { // until the reader of inputs has ended
				continue
			}
			busy.Wait()
		}()
		for result := range order {
			if !yield(<-result, nil) {
				return
			}
		}
		if err := cmp.Or(failed, ctx.Err()); err != nil { // else what is left out would look like the end
			var none Out
			yield(none, err)
		}
	}
}
