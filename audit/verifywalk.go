package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// verification is one run over a ledger: of Verify, of Export, or before pruning.
type verification struct {
	store   Reader
	options VerifyOptions
	report  *Report

	turns   turning // the names and keys that the ledger has had
	spine   head    // its end as the first reading found it
	cursors map[LogID]*cursor
	again   map[LogID]*cursor // that read a log anew, for what was kept before a spine that is not whole
	kept    *keptWalk
	done    int64
	total   int64
	lines   func(Page) error // called with each verified page of a log that is read by itself; nil for none
}

func newVerification(s Reader, o VerifyOptions) *verification {
	return &verification{store: s, options: o, report: &Report{Name: o.Name}, cursors: map[LogID]*cursor{}, again: map[LogID]*cursor{}}
}

func (v *verification) found(row, problem string) {
	v.report.Findings = append(v.report.Findings, &RowError{row, problem})
}

func (v *verification) close() {
	for _, c := range v.cursors {
		c.close()
	}
	for _, c := range v.again {
		c.close()
	}
	if v.kept != nil {
		v.kept.stop()
	}
}

// run verifies the spine, then walks it again beside the logs that it lists and the kept files.
func (v *verification) run(ctx context.Context, survey Survey) error {
	from, err := v.trusted(ctx)
	if err != nil {
		return err
	}
	first, err := v.readSpine(ctx, from)
	if err != nil {
		return err
	}
	if err := v.walk(ctx, from); err != nil {
		return err
	}
	if again := v.cursors[Spine]; first.verdict == nil && again.verdict != nil {
		first.verdict, first.report.Whole = again.verdict, false
	}
	for _, log := range survey.Logs {
		if err := v.unlisted(ctx, log, first.verdict == nil); err != nil {
			return err
		}
	}
	reports := []*cursor{first}
	for _, log := range v.logs() {
		c := v.cursors[log]
		if again, there := v.again[log]; there && c.verdict == nil {
			c.verdict = again.verdict
		}
		if err := c.finish(); err != nil {
			return err
		}
		if err := c.finishDerived(ctx, v.store); err != nil {
			return err
		}
		reports = append(reports, c)
	}
	if err := v.cursors[Spine].finishDerived(ctx, v.store); err != nil {
		return err
	}
	for _, c := range reports {
		if c.verdict != nil {
			v.report.Findings = append(v.report.Findings, c.verdict)
		}
		v.report.Logs = append(v.report.Logs, c.report)
	}
	for _, c := range append(reports, v.cursors[Spine]) {
		v.report.Findings = append(v.report.Findings, c.derivedFindings()...)
	}
	return v.strayBlobs(ctx, survey)
}

// logs returns the logs that have a cursor, but for the spine, sorted.
func (v *verification) logs() []LogID {
	var logs []LogID
	for log := range v.cursors {
		if log != Spine {
			logs = append(logs, log)
		}
	}
	slices.Sort(logs)
	return logs
}

// trusted opens VerifyOptions.From. The zero value trusts nothing.
func (v *verification) trusted(ctx context.Context) (kept, error) {
	if v.options.From == nil {
		return kept{}, nil
	}
	// The keys up to the file are not known without reading the spine before it; those that its end
	// names are.
	turns, err := spineTurns(ctx, v.store, v.turns.names[0], v.turns.keys[0])
	if err != nil {
		return kept{}, err
	}
	k, err := openKept(*v.options.From, turns)
	var row *RowError
	if errors.As(err, &row) {
		return kept{}, fmt.Errorf("audit: %s: %s", row.Row, row.Problem)
	}
	v.turns = turns
	return k, err
}

// readSpine verifies the spine by itself, from its beginning or from a trusted checkpoint on.
func (v *verification) readSpine(ctx context.Context, from kept) (*cursor, error) {
	c, err := v.newCursor(ctx, Spine, from)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	c.tiles, c.index = nil, nil // when it is read again, the names and keys are known
	c.taken = func(x examined) error {
		v.turns.take(x)
		return v.count(len(x.entries))
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	v.spine = c.head
	v.report.Name, v.report.Keys = v.turns.name(), len(v.turns.keys)
	v.measure(ctx)
	return c, nil
}

// measure finds how many entries there are to verify.
func (v *verification) measure(ctx context.Context) {
	if v.options.Progress == nil {
		return
	}
	v.total = v.spine.size
	for _, t := range v.spine.spine.trees {
		last, err := lastPage(ctx, v.store, t.Log)
		if err == nil {
			v.total += last.Size()
		}
	}
}

func (v *verification) count(entries int) error {
	v.done += int64(entries)
	if v.options.Progress != nil {
		v.options.Progress(v.done, max(v.done, v.total))
	}
	return nil
}

// newCursor returns the cursor of a log, from its beginning or from where a kept file trusts it.
func (v *verification) newCursor(ctx context.Context, log LogID, from kept) (*cursor, error) {
	h, number, err := v.start(ctx, log, from)
	if err != nil {
		return nil, err
	}
	c := newCursor(ctx, v.store, h, number)
	c.turns = v.turns
	if v.spine.spine != nil {
		c.prunes = v.spine.spine.pruned[log]
	}
	c.taken = func(x examined) error { return v.count(len(x.entries)) }
	if !v.options.NoDerived && v.options.From == nil {
		c.tiles, c.index = newTileCheck(ctx, v.store, log), newIndexCheck(ctx, v.store, log, v.turns)
	}
	return c, nil
}

// start returns the head from which a log is verified, and the number of the page to read first.
func (v *verification) start(ctx context.Context, log LogID, from kept) (head, int64, error) {
	h := newHead(v.turns.names[0], log, v.turns.keys[0])
	tree := from.tree
	if log != Spine {
		i := slices.IndexFunc(from.trees, func(t LogTree) bool { return t.Log == log })
		if i < 0 {
			return h, 0, nil
		}
		tree = from.trees[i].Tree
	}
	if tree.N == 0 {
		return h, 0, nil
	}
	p, err := pageOf(ctx, v.store, log, tree.N-1)
	var row *RowError
	switch {
	case errors.Is(err, ErrNotFound), errors.As(err, &row):
		return h, 0, nil // the walk from the beginning says what is wrong
	case err != nil:
		return h, 0, fmt.Errorf("audit: read log %s: %w", log, err)
	}
	if at, err := v.turns.headAfter(p); err == nil && at.tree() == tree {
		if log == Spine {
			at.spine = &spine{trees: from.trees}
		}
		return at, p.Number + 1, nil
	}
	return h, 0, nil
}

// walk reads the spine again, with a cursor for each log: at each CHECKPOINT, and at each kept file,
// every log must have the tree that it lists.
func (v *verification) walk(ctx context.Context, from kept) error {
	if err := v.openKeptFiles(); err != nil {
		return err
	}
	c, err := v.newCursor(ctx, Spine, from)
	if err != nil {
		return err
	}
	v.cursors[Spine] = c
	c.taken = func(x examined) error {
		for _, e := range x.entries {
			if e.Operation != Checkpoint {
				continue
			}
			trees, err := parseTrees(e.Checkpoint)
			if err != nil {
				continue // the page's own rules have refused it
			}
			if err := v.compare(ctx, trees, fmt.Sprintf("entry %s", e.Place()), from); err != nil {
				return err
			}
			v.report.Checkpoints++
		}
		return v.keptAt(ctx, c, c.head.size, from)
	}
	if err := v.holdTo(ctx, c, from); err != nil {
		return err
	}
	if err := v.keptAt(ctx, c, c.head.size, from); err != nil { // of a spine that begins trusted
		return err
	}
	if err := c.reach(v.spine.size); err != nil {
		return err
	}
	// What is kept and not in the spine any more still says what the logs were. A file newer than the
	// first reading of the spine says so too: the spine is read on as far as it takes.
	for v.kept != nil && v.kept.now != nil {
		if err := c.reach(v.kept.now.tree.N); err != nil {
			return err
		}
		if v.kept.now == nil {
			break
		}
		if err := v.keptAt(ctx, c, v.kept.now.tree.N, from); err != nil {
			return err
		}
	}
	return nil
}

// holdTo compares the ledger with VerifyOptions.From. A ledger that does not extend it was not trusted, and
// may be whole in itself. What came after it in the logs is read even if nothing lists it.
func (v *verification) holdTo(ctx context.Context, spine *cursor, from kept) error {
	if from.tree.N == 0 {
		return nil
	}
	if lost, _ := v.spine.spine.declared(from); lost {
		v.report.Lost++
		return nil
	}
	if err := spine.reach(from.tree.N); err != nil {
		return err
	}
	said := "the kept checkpoint " + from.name
	spine.agrees(from.tree, said)
	return v.compare(ctx, from.trees, said, from)
}

// compare holds the logs to trees that something says they had.
func (v *verification) compare(ctx context.Context, trees []LogTree, said string, from kept) error {
	for _, t := range trees {
		c, err := v.cursor(ctx, t, from)
		if err != nil {
			return err
		}
		if err := c.reach(t.N); err != nil {
			return err
		}
		c.agrees(t.Tree, said)
	}
	return nil
}

// cursor returns the cursor of a log that has not passed a tree of it. Only what is kept can list less
// than the spine listed before, when the spine is not whole.
func (v *verification) cursor(ctx context.Context, t LogTree, from kept) (c *cursor, err error) {
	c, there := v.cursors[t.Log]
	if !there {
		if c, err = v.newCursor(ctx, t.Log, from); err == nil {
			v.cursors[t.Log] = c
		}
		return c, err
	}
	if c.head.size <= t.N || c.from > t.N {
		return c, nil
	}
	if c, there = v.again[t.Log]; there {
		return c, nil
	}
	if c, err = v.newCursor(ctx, t.Log, from); err != nil {
		return nil, err
	}
	c.tiles, c.index, c.taken = nil, nil, nil
	v.again[t.Log] = c
	return c, nil
}

// unlisted looks at a log that has pages and that no CHECKPOINT lists. Between its OPEN and the spine
// a server may have stopped; it has nothing else.
// Where the spine is not whole it may have listed the log, which is then verified like the others.
func (v *verification) unlisted(ctx context.Context, log LogID, spineWhole bool) error {
	if _, there := v.cursors[log]; there {
		return nil
	}
	if !spineWhole {
		c, err := v.newCursor(ctx, log, kept{})
		if err == nil {
			v.cursors[log] = c
		}
		return err
	}
	c := newCursor(ctx, v.store, newHead(v.turns.names[0], log, v.turns.keys[0]), 0)
	defer c.close()
	c.turns = v.turns
	if err := c.reach(2); err != nil {
		return err
	}
	switch row := cmp.Or(c.verdict, c.hold); {
	case row != nil:
		v.report.Findings = append(v.report.Findings, row)
	case c.head.size > 1:
		v.found(PageRow(log, c.head.number-1), "the spine does not list its log")
	}
	return nil
}

// single verifies one log by itself.
func (v *verification) single(ctx context.Context, log LogID) error {
	turns, err := spineTurns(ctx, v.store, v.turns.names[0], v.turns.keys[0])
	if err != nil {
		return err
	}
	v.turns, v.report.Keys = turns, len(turns.keys)
	prunes, err := prunesOf(ctx, v.store, turns, log)
	if err != nil {
		return err
	}
	c := newCursor(ctx, v.store, newHead(turns.names[0], log, turns.keys[0]), 0)
	defer c.stop()
	c.turns, c.prunes = turns, prunes
	c.taken = func(x examined) error {
		if v.lines != nil {
			if err := v.lines(x.page); err != nil {
				return err
			}
		}
		return v.count(len(x.entries))
	}
	if err := c.finish(); err != nil {
		return err
	}
	if c.verdict != nil {
		v.report.Findings = append(v.report.Findings, c.verdict)
	}
	v.report.Logs = append(v.report.Logs, c.report)
	return nil
}

// turning is the names and the keys that a ledger has had, in their order.
type turning struct {
	names []string
	keys  []VerifierKey
}

// spineTurns returns the names and keys that the ledger has had, as far as the spine can be followed.
func spineTurns(ctx context.Context, s PageReader, name string, first VerifierKey) (turning, error) {
	t := turning{[]string{name}, []VerifierKey{first}}
	err := eachSpine(ctx, s, &t, func(e Entry, p Page) {
		if e.Operation == Rekeyed || e.Operation == RolledBack {
			t.take(examine(p, name, t.key()))
		}
	})
	return t, err
}

// storedTurns is spineTurns from the name and the key that the store holds. ErrNotFound: there is no ledger.
func storedTurns(ctx context.Context, s Reader) (turning, error) {
	text, err := s.VerifierKey(ctx)
	if err != nil {
		return turning{}, fmt.Errorf("audit: read the kept verifier key: %w", err)
	}
	first, err := ParseVerifierKey(text)
	if err != nil {
		return turning{}, &RowError{KeyRow, "it holds no name and key of a ledger"}
	}
	return spineTurns(ctx, s, KeyName(text), first)
}

// name is the one that the ledger has now, and key the one that signs it.
func (t turning) name() string     { return t.names[len(t.names)-1] }
func (t turning) key() VerifierKey { return t.keys[len(t.keys)-1] }

// headAfter is the function headAfter with the name and the key, of those that the ledger has had, that
// fit the page.
func (t turning) headAfter(p Page) (h head, err error) {
	for _, name := range t.names {
		for _, key := range t.keys {
			if h, err = headAfter(p, name, key); err == nil {
				return h, nil
			}
		}
	}
	return h, err
}

// take adds what a page of the spine says, if it holds for itself and follows on what is known.
func (t *turning) take(x examined) {
	if x.err != nil || !turns(x.entries) || !x.key.Equal(t.key()) {
		return
	}
	e := x.entries[0]
	if _, next, is := rekeying(x.entries); is {
		t.keys = append(t.keys, next)
	} else if e.Operation == RolledBack && e.Reference == t.name() {
		t.names = append(t.names, e.Ledger)
	}
}

// prunesOf returns what the spine says was pruned of a log. It takes the spine as it is.
func prunesOf(ctx context.Context, s PageReader, turns turning, log LogID) (all []pruning, err error) {
	err = eachSpine(ctx, s, &turns, func(e Entry, _ Page) {
		if e.Operation != Pruned {
			return
		}
		if p, of, err := parsePruning(e); err == nil && of == log {
			all = append(all, p)
		}
	})
	return all, err
}

// signedEvery is after how many pages of the spine a signature is checked where only its entries are
// looked at, so that rows which nobody signed end soon.
const signedEvery = 256

// eachSpine calls f with the entries of the spine, up to a row that is not whole. turns are the names
// and keys that are known by then.
func eachSpine(ctx context.Context, s PageReader, turns *turning, f func(Entry, Page)) error {
	next, size := int64(0), int64(0)
	for p, err := range s.Pages(ctx, Spine, 0) {
		var row *RowError
		if errors.As(err, &row) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("audit: read the spine: %w", err)
		}
		entries, err := p.Entries()
		if err != nil || p.Number != next || p.First != size {
			return nil
		}
		next, size = next+1, p.Size()
		for _, e := range entries {
			f(e, p)
		}
		if next%signedEvery == 0 {
			if _, err := turns.headAfter(p); err != nil {
				return nil
			}
		}
	}
	return nil
}

// strayBlobs finds blobs of logs that there are not, and of kinds that no log has.
func (v *verification) strayBlobs(ctx context.Context, survey Survey) error {
	if v.options.NoDerived {
		return nil
	}
	for _, k := range survey.Blobs {
		c, there := v.cursors[k.Log]
		_, derived := blobCount(k.Kind, 0) // a log that does not have so many was found to where it was verified
		if there && (c.verdict != nil || c.tiles == nil || derived) {
			continue
		}
		for b, err := range v.store.Blobs(ctx, k.Log, k.Kind, 0) {
			if err != nil {
				return fmt.Errorf("audit: read what was derived: %w", err)
			}
			v.found(BlobRow(b.Log, b.Kind, b.Number), "it belongs to nothing")
			break
		}
	}
	return nil
}

// keptWalk reads the kept files beside the spine.
type keptWalk struct {
	next func() (KeptFile, error, bool)
	stop func()
	now  *kept // the next one; nil at the end
	seen int64 // size of the spine in the one before
}

func (v *verification) openKeptFiles() error {
	if v.options.Kept == nil {
		return nil
	}
	next, stop := iter.Pull2(v.options.Kept)
	v.kept = &keptWalk{next: next, stop: stop}
	return v.nextKept()
}

// nextKept opens the next kept file whose proof holds. The others are findings.
func (v *verification) nextKept() error {
	for {
		f, err, ok := v.kept.next()
		v.kept.now = nil
		if !ok || err != nil {
			return err
		}
		k, err := openKept(f, v.turns)
		var row *RowError
		if errors.As(err, &row) {
			v.report.Findings = append(v.report.Findings, row)
			continue
		}
		if err != nil {
			v.found("kept checkpoint "+f.Name, "it is not the line of a CHECKPOINT and its tlog-proof")
			continue
		}
		if k.tree.N < v.kept.seen {
			return fmt.Errorf("audit: the kept files are not in the order of their sizes: %s", f.Name)
		}
		v.kept.now, v.kept.seen = &k, k.tree.N
		return nil
	}
}

// keptAt compares the kept files of the spine's size now, and those before, with the spine and with the
// logs that they list.
func (v *verification) keptAt(ctx context.Context, spine *cursor, size int64, from kept) error {
	for v.kept != nil && v.kept.now != nil && v.kept.now.tree.N <= size {
		k := v.kept.now
		said := "the kept checkpoint " + k.name
		if lost, problem := v.spine.spine.declared(*k); lost || problem != "" {
			if lost {
				v.report.Lost++
			} else {
				v.found(said[len("the "):], problem)
			}
			if err := v.nextKept(); err != nil {
				return err
			}
			continue
		}
		spine.agrees(k.tree, said)
		if spine.verdict != nil { // else the logs were compared where the spine has the entry
			if err := v.compare(ctx, k.trees, said, from); err != nil {
				return err
			}
		}
		agree := spine.verdict == nil && k.tree.N >= spine.from
		for _, t := range k.trees {
			c, there := v.cursors[t.Log]
			agree = agree && (!there || c.verdict == nil)
		}
		if agree {
			v.report.Kept++
		}
		if err := v.nextKept(); err != nil {
			return err
		}
	}
	return nil
}
