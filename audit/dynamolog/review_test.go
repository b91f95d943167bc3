package dynamolog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
)

// hanging takes pages, answers what is read after it is let go, and knows how many hang.
type hanging struct {
	dynamolog.API
	now   atomic.Int64
	letGo chan struct{}
}

func (*hanging) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (h *hanging) hang() {
	h.now.Add(1)
	<-h.letGo
	h.now.Add(-1)
}

func (h *hanging) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	h.hang()
	return &dynamodb.QueryOutput{}, nil
}

func (h *hanging) BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	h.hang()
	return &dynamodb.BatchGetItemOutput{}, nil
}

func (h *hanging) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	h.hang()
	return &dynamodb.GetItemOutput{}, nil
}

// questions are all that a reviewer may ask. What does not exist is an answer too.
var questions = map[string]func(context.Context, audit.Backend) error{
	"List": func(ctx context.Context, s audit.Backend) error {
		_, _, err := audit.OpenIndex(s).List(ctx, audit.Query{Limit: 1})
		return err
	},
	"Entry": func(ctx context.Context, s audit.Backend) error {
		_, err := audit.OpenIndex(s).Entry(ctx, 1, 0)
		return err
	},
	"BlobsAt": func(ctx context.Context, s audit.Backend) error { // as a list of a log with runs does
		_, err := s.Reviews().BlobsAt(ctx, 1, "run/0", []int64{0})
		return err
	},
	"Keep": func(ctx context.Context, s audit.Backend) error {
		_, _, err := audit.Keep(ctx, s.Reviews())
		return err
	},
	"ProveEntry": func(ctx context.Context, s audit.Backend) error {
		_, err := audit.ProveEntry(ctx, s.Reviews(), 1, 0)
		return err
	},
	"TileData": func(ctx context.Context, s audit.Backend) error {
		_, err := audit.TileData(ctx, s.Reviews(), 1, 256, tlog.Tile{H: 8, W: 256})
		return err
	},
	"VerifierKey": func(ctx context.Context, s audit.Backend) error { _, err := s.Reviews().VerifierKey(ctx); return err },
}

// TestQuestionsOfReviewersAreBounded: many questions at once would take the table's read capacity. They
// share one bound, whatever they ask, and no commit waits for them.
func TestQuestionsOfReviewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{letGo: make(chan struct{})}
		s := dynamolog.New(h, "piinguin-audit")
		var asked sync.WaitGroup
		for name, ask := range questions {
			for range 8 {
				asked.Go(func() {
					if err := ask(t.Context(), s); err != nil && !errors.Is(err, audit.ErrNotFound) {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
		}
		synctest.Wait()
		if n := h.now.Load(); n < 1 || n > 4 {
			t.Errorf("%d questions at once, want 1 to 4", n)
		}
		if err := s.Commit(t.Context(), audit.Page{Log: 1}); err != nil {
			t.Errorf("Commit beside questions: %v", err)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		for name, ask := range questions {
			if err := ask(ctx, s); err == nil || errors.Is(err, audit.ErrNotFound) {
				t.Errorf("%s: a question that may not wait has an answer: %v", name, err)
			}
		}
		close(h.letGo)
		asked.Wait()
	})
}

// TestReviewersBesideAppends asks lists, proofs and tiles beside appends, more at once than calls may be
// under way. Each question reads pages inside the reading of others, and all get their answers.
func TestReviewersBesideAppends(t *testing.T) {
	x := newTable(t)
	l := newLedger(t, x.Store)
	mustAppend(t, l, 0, 300)
	questions := []func(ctx context.Context) error{
		func(ctx context.Context) error {
			entries, _, err := l.Index().List(ctx, audit.Query{Callers: []string{"caller-1"}, Limit: 50})
			if err == nil && len(entries) < 50 {
				err = fmt.Errorf("a list of %d", len(entries))
			}
			return err
		},
		func(ctx context.Context) error { _, err := l.ProveEntry(ctx, 1, 7); return err },
		func(ctx context.Context) error { _, err := l.ProveConsistency(ctx, 1, 9); return err },
		func(ctx context.Context) error { _, err := l.Tile(ctx, 1, tlog.Tile{H: 8, W: 100}); return err },
		func(ctx context.Context) error { _, _, err := l.Keep(ctx); return err },
	}
	var asked sync.WaitGroup
	for range 4 {
		for i, ask := range questions {
			asked.Go(func() {
				for range 3 {
					if err := ask(t.Context()); err != nil {
						t.Errorf("question %d: %v", i, err)
					}
				}
			})
		}
	}
	for i := range 40 {
		mustAppend(t, l, 1000+10*i, 5)
	}
	asked.Wait()
	mustBeWhole(t, x.Store)
}
