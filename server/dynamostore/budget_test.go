package dynamostore

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestBudgetBoundsTheCost: whatever comes, at most one INSERT in vain for each insertPrice new records, beside
// those that a server starts with.
func TestBudgetBoundsTheCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b budget
		b.credit.Store(fullBudget)
		fresh, vain := 0, 0
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			n := rapid.IntRange(1, 500).Draw(t, "records")
			found := rapid.OneOf(rapid.Just(0), rapid.Just(n), rapid.IntRange(0, n)).Draw(t, "found")
			inserted := b.take(n)
			if inserted {
				b.giveBack(n - found)
				vain += found
			}
			for range n - found {
				b.saw(false)
			}
			for range found { // by PutItem
				b.saw(true)
			}
			fresh += n - found
			if credit := b.credit.Load(); credit < 0 || credit > fullBudget {
				t.Fatalf("the credit is %d", credit)
			}
			if vain*insertPrice > fresh+fullBudget {
				t.Fatalf("%d INSERTs in vain for %d new records", vain, fresh)
			}
		}
	})
}

// TestNewRecordsRefillTheBudget: a replay of new pairs after a time of repeats is inserted again.
func TestNewRecordsRefillTheBudget(t *testing.T) {
	var b budget
	for range insertPrice * maxStatements {
		if b.covers(maxStatements) {
			t.Fatal("covered before")
		}
		b.saw(false)
	}
	if !b.take(maxStatements) || b.take(1) {
		t.Error("the budget does not cover what was earned, or more")
	}
}

func TestPauseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b budget
		b.credit.Store(fullBudget)
		b.pause()
		time.Sleep(pauseTime - 1)
		if b.take(1) {
			t.Error("taken in the pause")
		}
		time.Sleep(time.Nanosecond)
		if !b.take(1) {
			t.Error("not taken after the pause")
		}
	})
}
