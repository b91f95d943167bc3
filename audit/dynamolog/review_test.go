package dynamolog_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
)

// hanging takes pages, answers the first Query of each question after it is let go, and knows how many
// hang.
type hanging struct {
	dynamolog.API
	now   atomic.Int64
	letGo chan struct{}
}

func (*hanging) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (h *hanging) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	h.now.Add(1)
	<-h.letGo
	h.now.Add(-1)
	return &dynamodb.QueryOutput{}, nil
}

// TestQuestionsOfReviewersAreBounded: many lists at once would take the table's read capacity, and no
// commit waits for them.
func TestQuestionsOfReviewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hanging{letGo: make(chan struct{})}
		s := dynamolog.New(h, "piinguin-audit")
		var lists sync.WaitGroup
		for range 16 {
			lists.Go(func() {
				if _, err := s.List(t.Context(), audit.Query{Limit: 1}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := h.now.Load(); n < 1 || n > 4 {
			t.Errorf("%d lists at once, want 1 to 4", n)
		}
		if err := s.Commit(t.Context(), audit.Page{Log: "log"}); err != nil {
			t.Errorf("Commit beside lists: %v", err)
		}
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, err := s.List(ctx, audit.Query{Limit: 1}); err == nil {
			t.Error("a list that may not wait has an answer")
		}
		close(h.letGo)
		lists.Wait()
	})
}
