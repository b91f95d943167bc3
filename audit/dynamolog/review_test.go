package dynamolog_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

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

func (h *hanging) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	h.hang()
	return &dynamodb.GetItemOutput{}, nil
}

// questions are all that a reviewer may ask a Store. What does not exist is an answer too.
var questions = map[string]func(context.Context, *dynamolog.Store) error{
	"List": func(ctx context.Context, s *dynamolog.Store) error {
		_, err := s.List(ctx, audit.Query{Limit: 1})
		return err
	},
	"Entry":  func(ctx context.Context, s *dynamolog.Store) error { _, err := s.Entry(ctx, "log", 0); return err },
	"Lines":  func(ctx context.Context, s *dynamolog.Store) error { _, err := s.Lines(ctx, "log", 0, 1); return err },
	"Leaves": func(ctx context.Context, s *dynamolog.Store) error { _, err := s.Leaves(ctx, "log", 0, 1); return err },
	"Tile":   func(ctx context.Context, s *dynamolog.Store) error { _, err := s.Tile(ctx, "log", 0, 0); return err },
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
		if err := s.Commit(t.Context(), audit.Page{Log: "log"}); err != nil {
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
