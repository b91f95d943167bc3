package server_test

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twitchtv/twirp"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/internal/engine"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/store/storetest"
)

// row is the model of a key, by the words of the concept page: last seen wins, and an
// erasure leaves a tombstone. Times are small numbers, 0 before all.
type row struct {
	live, erased   bool
	value          string
	seen, erasedAt int
}

func (r row) put(value string, n int) (after row, superseded, replaced bool) {
	if (r.live && n < r.seen) || (r.erased && n <= max(r.erasedAt, r.seen)) {
		return r, true, false
	}
	return row{live: true, value: value, seen: n}, false, r.live
}

func (r row) erase(n int) row {
	return row{erased: true, erasedAt: max(n, r.erasedAt), seen: r.seen}
}

// rows is what a key may hold, for all that the answers say: more than one where an
// operation failed and may yet have been done.
type rows []row

// maybe adds what the rows are if an operation of unknown outcome was done.
func (r rows) maybe(do func(row) row) rows {
	all := slices.Clone(r)
	for _, one := range r {
		if after := do(one); !slices.Contains(all, after) {
			all = append(all, after)
		}
	}
	return all
}

// that keeps the rows which agree with an answer, as they are after it.
func (r rows) that(agrees func(row) (after row, ok bool)) rows {
	var kept rows
	for _, one := range r {
		if after, ok := agrees(one); ok && !slices.Contains(kept, after) {
			kept = append(kept, after)
		}
	}
	return kept
}

// faultSwitch has the faults that wait in the stores under the model's servers, and their clock.
type faultSwitch struct {
	mu     sync.Mutex
	store  storetest.Fault  // of the next call
	commit *audittest.Fault // of the next commit
	down   bool             // every commit fails
	clock  int
}

func (w *faultSwitch) set(change func(w *faultSwitch)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *faultSwitch) storeFault(string, int) (f storetest.Fault) {
	w.set(func(w *faultSwitch) { f, w.store = w.store, storetest.Fault{} })
	return f
}

func (w *faultSwitch) ledgerFault(op string, _ int) (f audittest.Fault) {
	w.set(func(w *faultSwitch) {
		switch {
		case op == audittest.Commit && w.down:
			f = audittest.Fault{Err: errEngine}
		case op == audittest.Commit && w.commit != nil:
			f, w.commit = *w.commit, nil
		}
	})
	return f
}

func (w *faultSwitch) now() (now time.Time) {
	w.set(func(w *faultSwitch) { now = minute(w.clock) })
	return now
}

func minute(n int) time.Time { return time.Date(2026, 2, 3, 4, n, 0, 0, time.UTC) }

// machine is two servers on the same stores beside their model.
type machine struct {
	faultSwitch
	records store.Store
	ledger  audit.Store
	servers []testServer
	ends    []func()

	model   map[string]rows
	values  int
	entries bounds            // of all but OPEN
	of      map[string]bounds // READ and DELETE entries of a key
	replies []reply
}

// bounds is how many entries there have to be, and how many there may be beyond.
type bounds struct{ sure, unsure int }

func (b bounds) holds(n int) bool { return n >= b.sure && n <= b.sure+b.unsure }

var modelKeys = []string{"k1", "k2", "k3"}

func newMachine(t *rapid.T, records store.Store, ledger audit.Store) *machine {
	m := &machine{model: map[string]rows{}, of: map[string]bounds{}, servers: make([]testServer, 2), ends: make([]func(), 2)}
	m.records, m.ledger = storetest.NewFaulty(records, m.storeFault), audittest.NewFaulty(ledger, m.ledgerFault)
	for _, key := range modelKeys {
		m.model[key] = rows{{}}
	}
	for i := range m.servers {
		m.start(t, i)
	}
	return m
}

func (m *machine) start(t *rapid.T, i int) {
	m.servers[i], m.ends[i] = newTestServer(t, m.records, audit.Config{Store: m.ledger, AppendTimeout: 50 * time.Millisecond, Now: m.now})
}

// count counts an entry that has to be there, or one that may be.
func (m *machine) count(key string, sure bool) {
	b, all := m.of[key], &m.entries
	if sure {
		b.sure, all.sure = b.sure+1, all.sure+1
	} else {
		b.unsure, all.unsure = b.unsure+1, all.unsure+1
	}
	m.of[key] = b
}

// reason is an error's stable reason.
func reason(err error) string {
	var te twirp.Error
	if !errors.As(err, &te) {
		return ""
	}
	return te.Meta("reason")
}

func (m *machine) server(t *rapid.T) *testServer {
	return &m.servers[rapid.IntRange(0, len(m.servers)-1).Draw(t, "server")]
}

func drawKeys(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom(modelKeys), 1, 3).Draw(t, "keys")
}

func (m *machine) create(t *rapid.T) {
	var records []*piinguinv1.PiiRecord
	var keys []string
	var at []int
	for _, key := range drawKeys(t) {
		n := rapid.IntRange(1, 12).Draw(t, "observed")
		r := canaryAt(key, minute(n))
		r.OriginalValue += "/" + strconv.Itoa(m.values)
		m.values++
		records, keys, at = append(records, r), append(keys, key), append(at, n)
	}
	r := doCreate(t.Context(), m.server(t).as(t, "writer"), records...)
	r.wantProper(t, false)
	m.replies = append(m.replies, r)
	if len(r.errs) > 0 && reason(r.errs[0]) == "audit_unavailable" {
		m.count("", false)
		return
	}
	m.count("", true)
	if len(r.errs) > 0 { // of every item; another entry may say so
		m.count("", false)
	}
	for i, key := range keys {
		if len(r.errs) > 0 {
			m.model[key] = m.model[key].maybe(func(o row) row { o, _, _ = o.put(records[i].GetOriginalValue(), at[i]); return o })
			continue
		}
		m.model[key] = m.model[key].that(func(o row) (row, bool) {
			after, superseded, replaced := o.put(records[i].GetOriginalValue(), at[i])
			return after, superseded == r.superseded[i] && replaced == r.replaced[i]
		})
		m.wantPossible(t, "create", key)
	}
}

func (m *machine) wantPossible(t *rapid.T, what, key string) {
	if len(m.model[key]) == 0 {
		t.Fatalf("%s of %s: an answer that nothing before allows", what, key)
	}
}

func (m *machine) read(t *rapid.T) {
	keys := drawKeys(t)
	r := doRead(t.Context(), m.server(t).as(t, "reader"), keys...)
	r.wantProperOr(t, "not_found")
	m.replies = append(m.replies, r)
	answered, failed := 0, 0
	for i, key := range keys {
		at := slices.Index(r.places, i)
		if at < 0 {
			err := r.errs[failed]
			failed++
			m.count(key, reason(err) != "audit_unavailable")
			if reason(err) == "not_found" {
				m.model[key] = m.model[key].that(func(o row) (row, bool) { return o, !o.live })
			}
		} else {
			m.count(key, true)
			m.model[key] = m.model[key].that(func(o row) (row, bool) {
				return o, o.live && o.value == r.values[at] && minute(o.seen).Equal(r.observed[at])
			})
			answered++
		}
		m.wantPossible(t, "read", key)
	}
	if answered+failed != len(keys) {
		t.Fatalf("%d answers and %d errors for %d keys", answered, failed, len(keys))
	}
}

func (m *machine) erase(t *rapid.T) {
	keys := drawKeys(t)
	n := rapid.IntRange(1, 12).Draw(t, "clock")
	m.set(func(w *faultSwitch) { w.clock = n })
	r := doDelete(t.Context(), m.server(t).as(t, "eraser"), keys...)
	r.wantProper(t, false)
	m.replies = append(m.replies, r)
	for i, key := range keys {
		if len(r.errs) > 0 { // all items alike
			done := reason(r.errs[0]) != "audit_unavailable"
			m.count(key, done)
			if done {
				m.count(key, false)
				m.model[key] = m.model[key].maybe(func(o row) row { return o.erase(n) })
			}
			continue
		}
		m.count(key, true)
		m.model[key] = m.model[key].that(func(o row) (row, bool) { return o.erase(n), o.live == r.erased[i] })
		m.wantPossible(t, "delete", key)
	}
}

// denied asks for originals as one who may not have them.
func (m *machine) denied(t *rapid.T) {
	keys := drawKeys(t)
	r := doRead(t.Context(), m.server(t).as(t, "writer"), keys[0])
	if len(r.errs) != 1 || (reason(r.errs[0]) != "role_required" && reason(r.errs[0]) != "audit_unavailable") {
		t.Fatalf("a writer's reading: %v", r.errs)
	}
	m.count(keys[0], reason(r.errs[0]) == "role_required")
}

// review asks for a key's entries, which are as many as were counted.
func (m *machine) review(t *rapid.T) {
	key := rapid.SampledFrom(modelKeys).Draw(t, "key")
	out, err := m.server(t).as(t, "auditor").ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Subjects: []string{key}, PageSize: 500})
	if err != nil {
		wantProperError(t, err)
		m.count("", false)
		return
	}
	n := 0
	for _, e := range out.GetEntries() {
		if e.GetOperation() != piinguinv1.Operation_REVIEW {
			n++
		}
	}
	if !m.of[key].holds(n) {
		t.Fatalf("%d entries of %s are listed, want %+v", n, key, m.of[key])
	}
	m.count("", true)
}

// restart kills a server and starts another.
func (m *machine) restart(t *rapid.T) {
	i := rapid.IntRange(0, len(m.servers)-1).Draw(t, "server")
	m.ends[i]()
	m.servers[i].keepsLogClean(t)
	m.start(t, i)
}

// withFault does an operation while one thing goes wrong.
func (m *machine) withFault(t *rapid.T) {
	fault := rapid.SampledFrom([]func(w *faultSwitch){
		func(w *faultSwitch) { w.store = storetest.Fault{Err: store.ErrUnavailable} },
		func(w *faultSwitch) { w.store = storetest.Fault{Err: store.ErrUnavailable, Apply: true} },
		func(w *faultSwitch) { w.commit = &audittest.Fault{Err: errEngine, Fate: audittest.Lost} },
		func(w *faultSwitch) { w.commit = &audittest.Fault{Err: errEngine, Fate: audittest.Stored} },
		func(w *faultSwitch) { w.commit = &audittest.Fault{Err: errEngine, Fate: audittest.Late} },
		func(w *faultSwitch) { w.commit = &audittest.Fault{Hang: true, Fate: audittest.Stored} },
		func(w *faultSwitch) { w.down = true },
	}).Draw(t, "fault")
	do := rapid.SampledFrom([]func(*rapid.T){m.create, m.read, m.erase, m.denied, m.review}).Draw(t, "operation")
	m.set(fault)
	do(t)
	m.set(func(w *faultSwitch) { w.store, w.commit, w.down = storetest.Fault{}, nil, false })
}

// settle ends a check: the same ledger under all answers, and no entry too many or too few.
func (m *machine) settle(t *rapid.T, ledger audit.Store) {
	for i := range m.servers {
		m.ends[i]()
		m.start(t, i)
	}
	entries := m.servers[0].keepsPromise(t, ledger, m.replies...)
	n := 0
	for _, e := range entries {
		if e.Operation != audit.Opened && e.Operation != audit.Checkpoint {
			n++
		}
	}
	if !m.entries.holds(n) {
		t.Fatalf("the ledger holds %d entries, want %+v", n, m.entries)
	}
}

// keepsLogClean looks for originals in what a server has logged.
func (f *testServer) keepsLogClean(t tester) {
	t.Helper()
	if strings.Contains(f.log.String(), "CANARY") {
		t.Errorf("the log holds an original value:\n%s", f.log)
	}
}

// TestModel does random things with random faults to two servers on one store, and
// compares every answer with a model of a few lines.
func TestModel(t *testing.T) {
	for _, engine := range []struct {
		name   string
		checks int
		open   func(t *testing.T, rt *rapid.T) (store.Store, audit.Store)
	}{
		{"Mem", 20, func(*testing.T, *rapid.T) (store.Store, audit.Store) { return store.NewMem(), audit.NewMem() }},
		{"SQLite", 6, openSQLite},
		{"DynamoDB", 4, func(t *testing.T, _ *rapid.T) (store.Store, audit.Store) {
			d := newTables(t)
			return d.store, d.log
		}},
	} {
		t.Run(engine.name, func(t *testing.T) {
			fewerChecks(t, engine.checks)
			rapid.Check(t, func(rt *rapid.T) {
				records, ledger := engine.open(t, rt)
				m := newMachine(rt, records, ledger)
				rt.Repeat(map[string]func(*rapid.T){
					"create": m.create, "read": m.read, "erase": m.erase, "denied": m.denied,
					"review": m.review, "restart": m.restart, "fault": m.withFault, "another fault": m.withFault,
				})
				m.settle(rt, ledger)
			})
		})
	}
}

func openSQLite(t *testing.T, rt *rapid.T) (store.Store, audit.Store) {
	e, err := engine.OpenSQLite(rt.Context(), filepath.Join(t.TempDir(), "piinguin.db"), zerolog.Nop())
	if err != nil {
		rt.Fatal(err)
	}
	rt.Cleanup(func() {
		if err := e.Close(); err != nil {
			rt.Errorf("Close: %v", err)
		}
	})
	return e.Records, e.Ledger
}

// fewerChecks sets how many checks rapid makes where the command line does not: its default
// of 100 takes minutes on a real engine.
func fewerChecks(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	was := f.Value.String()
	if was != f.DefValue {
		return
	}
	if err := f.Value.Set(fmt.Sprint(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(was) })
}

var _ tester = (*rapid.T)(nil)
