package dynamotest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/piinguin/piinguin/internal/dynamotest"
)

func TestProxy(t *testing.T) {
	table := newTestTable(t)
	for name, tc := range map[string]struct {
		trouble dynamotest.Trouble
		fails   bool
		stored  bool
	}{
		"none":           {dynamotest.Trouble{}, false, true},
		"late":           {dynamotest.Trouble{Delay: time.Millisecond}, false, true},
		"throttled":      {dynamotest.Trouble{Throttle: true}, true, false},
		"before":         {dynamotest.Trouble{Cut: dynamotest.BeforeRequest}, true, false},
		"after":          {dynamotest.Trouble{Cut: dynamotest.AfterRequest}, true, true},
		"late, after":    {dynamotest.Trouble{Cut: dynamotest.AfterRequest, Delay: time.Millisecond}, true, true},
		"within a reply": {dynamotest.Trouble{Cut: dynamotest.InReply}, true, true},
	} {
		c := dynamotest.ProxyClient(t, func(n int) dynamotest.Trouble {
			if n > 1 {
				return dynamotest.Trouble{}
			}
			return tc.trouble
		}, dynamotest.Attempts(1))
		err := put(t.Context(), c, table, name)
		if (err != nil) != tc.fails {
			t.Errorf("%s: PutItem: %v", name, err)
		}
		var api smithy.APIError
		if tc.trouble.Throttle && (!errors.As(err, &api) || api.ErrorCode() != dynamotest.Throttled.Code) {
			t.Errorf("%s: PutItem: %v, want what the service says", name, err)
		}
		if got := there(t, table, name); got != tc.stored {
			t.Errorf("%s: stored %v, want %v", name, got, tc.stored)
		}
		if err := put(t.Context(), c, table, name+" again"); err != nil || !there(t, table, name+" again") {
			t.Errorf("%s: the next PutItem: %v", name, err)
		}
	}
}

// TestProxyLate lets the sender give up while its request is on its way. It arrives.
func TestProxyLate(t *testing.T) {
	table := newTestTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := dynamotest.ProxyClient(t, func(int) dynamotest.Trouble {
		cancel()
		return dynamotest.Trouble{Delay: time.Millisecond}
	})
	if err := put(ctx, c, table, "k"); !errors.Is(err, context.Canceled) {
		t.Fatalf("PutItem: %v, want the context's error", err)
	}
	for !there(t, table, "k") {
		if t.Context().Err() != nil {
			t.Fatal("the request did not arrive")
		}
	}
}

func TestRandomTroubleHasEveryKind(t *testing.T) {
	plan, again := dynamotest.RandomTrouble(1, 3), dynamotest.RandomTrouble(1, 3)
	var kinds strings.Builder
	none := 0
	for n := range 300 {
		got := plan(n)
		if got != again(n) {
			t.Fatalf("request %d: another trouble for the same seed", n)
		}
		if got == (dynamotest.Trouble{}) {
			none++
		}
		_, _ = fmt.Fprintf(&kinds, "%t %t %d\n", got.Delay > 0, got.Throttle, got.Cut)
	}
	for _, want := range []string{"true false 0", "false true 0", "false false 1", "false false 2", "false false 3", "true false 2"} {
		if !strings.Contains(kinds.String(), want+"\n") {
			t.Errorf("never %s in 300 requests", want)
		}
	}
	if none < 150 || none > 250 {
		t.Errorf("%d of 300 requests go well, want about 200", none)
	}
}
