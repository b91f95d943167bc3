package audit

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/tlog"
)

// spineCase is what the key's holder writes into a spine after its OPEN and a CHECKPOINT of two logs.
type spineCase struct {
	entries func(one, two *forger) []Entry
	want    []string
}

// declared is a PRUNE of a log up to a page.
func declared(log LogID, page int64, tree tlog.Tree) Entry {
	e := Entry{Operation: Pruned, Outcome: Granted, RequestID: "prune"}
	e.Checkpoint, e.Detail, e.Count = newPruning(log, pruning{page, tree, time.Date(2026, time.February, 3, 0, 0, 0, 0, time.UTC)})
	return e
}

var spineCases = map[string]spineCase{
	"logs grow": {func(one, two *forger) []Entry {
		return []Entry{listing(LogTree{1, one.trees[2]}, LogTree{2, two.trees[0]}), listing(LogTree{1, one.trees[2]}, LogTree{2, two.trees[1]})}
	}, nil},
	"a size falls": {func(one, two *forger) []Entry {
		return []Entry{listing(LogTree{1, one.trees[2]}, LogTree{2, two.trees[0]}), listing(LogTree{1, one.trees[1]}, LogTree{2, two.trees[0]})}
	}, []string{EntryRow(Spine, 3)}},
	"a root changes": {func(one, two *forger) []Entry {
		other := one.trees[1]
		other.Hash[0] ^= 1
		return []Entry{listing(LogTree{1, other}, LogTree{2, two.trees[0]})}
	}, []string{EntryRow(Spine, 2)}},
	"a root that the log did not have": {func(one, two *forger) []Entry {
		other := one.trees[2]
		other.Hash[0] ^= 1
		return []Entry{listing(LogTree{1, other}, LogTree{2, two.trees[0]})}
	}, []string{PageRow(1, 2)}},
	"a size between pages": {func(one, two *forger) []Entry {
		return []Entry{listing(LogTree{1, tlog.Tree{N: one.trees[1].N + 1, Hash: one.trees[1].Hash}}, LogTree{2, two.trees[0]})}
	}, []string{PageRow(1, 2)}},
	"more than the log has": {func(one, two *forger) []Entry {
		return []Entry{listing(LogTree{1, tlog.Tree{N: one.size + 1, Hash: one.trees[1].Hash}}, LogTree{2, two.trees[0]})}
	}, []string{EntryRow(1, 5)}},
	"a log vanishes": {func(one, _ *forger) []Entry {
		return []Entry{listing(LogTree{1, one.trees[2]})}
	}, []string{EntryRow(Spine, 2)}},
	"a log that is not there": {func(one, two *forger) []Entry {
		return []Entry{listing(LogTree{1, one.trees[2]}, LogTree{2, two.trees[0]}, LogTree{3, two.trees[0]})}
	}, []string{EntryRow(3, 0)}},
	"a PRUNE of more than is listed": {func(one, _ *forger) []Entry {
		return []Entry{declared(1, 2, one.trees[2])}
	}, []string{EntryRow(Spine, 2)}},
	"a PRUNE of a log that is not listed": {func(one, _ *forger) []Entry {
		return []Entry{declared(7, 0, one.trees[0])}
	}, []string{EntryRow(Spine, 2)}},
	"a PRUNE of less than before": {func(one, _ *forger) []Entry {
		return []Entry{declared(1, 1, one.trees[1]), declared(1, 0, one.trees[0])}
	}, []string{EntryRow(Spine, 3)}},
	"a PRUNE twice": {func(one, _ *forger) []Entry {
		return []Entry{declared(1, 1, one.trees[1]), declared(1, 1, one.trees[1])}
	}, nil},
	"a PRUNE without a date": {func(one, _ *forger) []Entry {
		e := declared(1, 1, one.trees[1])
		e.Detail = "before yesterday"
		return []Entry{e}
	}, []string{EntryRow(Spine, 2)}},
	"a ROLLBACK to a tree that the spine had not": {func(_, _ *forger) []Entry {
		return []Entry{{
			Ledger: "vault.example.com/new", Operation: RolledBack, Outcome: Granted, Reference: forgedName,
			Detail: formatLoss(tlog.Tree{N: 2}, tlog.Tree{}),
		}}
	}, []string{EntryRow(Spine, 2)}},
	"HOLD and RELEASE": {func(_, _ *forger) []Entry {
		return []Entry{
			{Operation: Released, Outcome: Granted, Reference: "a", RequestID: "1"}, {Operation: Held, Outcome: Granted, Reference: "a", RequestID: "2"},
			{Operation: Released, Outcome: Granted, Reference: "a", RequestID: "3"},
		}
	}, nil},
	"a READ in the spine":             {func(_, _ *forger) []Entry { return []Entry{readEntry} }, []string{EntryRow(Spine, 2)}},
	"an operation of a later version": {func(_, _ *forger) []Entry { return []Entry{{Operation: "LATER", Outcome: Granted, RequestID: "1"}} }, nil},
	"a KEY that only the old key signed": {func(one, _ *forger) []Entry {
		return []Entry{{Operation: Rekeyed, Outcome: Granted, Reference: forgingKeyText(2), Detail: one.keys[0].Verifier().Text(forgedName)}}
	}, []string{PageRow(Spine, 2)}},
	"a KEY beside other entries": {func(one, _ *forger) []Entry {
		return []Entry{
			{Operation: Rekeyed, Outcome: Granted, Reference: forgingKeyText(2), Detail: one.keys[0].Verifier().Text(forgedName)},
			{Operation: Held, Outcome: Granted, Reference: "a", RequestID: "2"},
		}
	}, []string{EntryRow(Spine, 2)}},
}

// forgingKeyText is the verifier key of another key than the ledger's.
func forgingKeyText(seed byte) string {
	key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		panic(err)
	}
	return key.Verifier().Text(forgedName)
}

// TestSpineRules holds the spine to its rules when its writer does not.
func TestSpineRules(t *testing.T) {
	for name, c := range spineCases {
		t.Run(name, func(t *testing.T) {
			one, two, spine := newForger(t, 1), newForger(t, 2), newForger(t, Spine)
			for range 2 {
				one.add(t, readEntry, readEntry)
				two.add(t, readEntry)
			}
			spine.add(t, listing(LogTree{1, one.trees[1]}, LogTree{2, two.trees[0]}))
			spine.add(t, c.entries(one, two)...)
			got := findings(t, forgedStore(t, spine, one, two))
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSpineOperationsInALog holds that what the ledger says of itself stands in the spine alone.
func TestSpineOperationsInALog(t *testing.T) {
	other := newForger(t, 2)
	for _, e := range []Entry{
		listing(LogTree{2, other.trees[0]}), declared(2, 0, other.trees[0]),
		{Operation: Held, Outcome: Granted, Reference: "a", RequestID: "1"}, {Operation: Released, Outcome: Granted, Reference: "a", RequestID: "1"},
	} {
		f := newForger(t, 1)
		f.add(t, readEntry)
		f.add(t, e)
		mustFindRow(t, EntryRow(1, 2), f)
	}
}
