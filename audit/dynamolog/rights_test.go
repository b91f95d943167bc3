package dynamolog_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

// ownRows is a client that holds a server to what its BatchWriteItem, which can delete as well, has to be
// allowed for: rows that begin with ~.
type ownRows struct {
	*dynamodb.Client
	t *testing.T
}

func (c ownRows) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	for _, requests := range in.RequestItems {
		for _, r := range requests {
			var row item
			if r.PutRequest != nil {
				row = r.PutRequest.Item
			} else {
				row = r.DeleteRequest.Key
			}
			if p := partitionOf(row); !strings.HasPrefix(p, "~") || r.DeleteRequest != nil && p != "~nothing" {
				c.t.Errorf("a server's BatchWriteItem writes or deletes %s", nameOf(row))
			}
		}
	}
	return c.Client.BatchWriteItem(ctx, in, o...)
}

// TestRightsAreWhatAServerDoes has a server do all that it does, and compares the actions with those that
// it tries at start.
func TestRightsAreWhatAServerDoes(t *testing.T) {
	x := newTable(t)
	var mu sync.Mutex
	done := map[string]bool{}
	client := dynamotest.FaultyClient(t, func(op string, _ int) dynamotest.Fault {
		mu.Lock()
		defer mu.Unlock()
		done["dynamodb:"+op] = true
		return dynamotest.Fault{}
	})
	s := dynamolog.New(ownRows{client, t}, x.name)
	l := newLedger(t, s)
	mustAppend(t, l, 0, 1024)
	mustDerive(t, x.Store, 1)
	for name, ask := range questions {
		if err := ask(t.Context(), s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	want := slices.Sorted(maps.Keys(done))
	var got []string
	for _, r := range s.Rights() {
		got = append(got, r.Action)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the rights that are tried (-what a server does +tried):\n%s", diff)
	}
	before := len(x.rows(t))
	if missing := awsx.Missing(t.Context(), s.Rights()); len(missing) > 0 {
		t.Errorf("with every right, %v are missing", missing)
	}
	if after := len(x.rows(t)); after != before {
		t.Errorf("to try the rights changed the table from %d rows to %d", before, after)
	}
}
