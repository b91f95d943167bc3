package audit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"sync/atomic"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// hostile is a store whose rows come from somebody who wants a reader to hang or to fill its memory.
type hostile struct {
	*audit.Mem
	t     *testing.T
	pages func(pages []audit.Page, yield func(audit.Page) bool) // what there is in place of pages
	blobs func(yield func(audit.Blob) bool)                     // of any kind; nil for what was stored
	last  func(p audit.Page) audit.Page
	read  atomic.Int64 // several logs are read at once
}

// enough is more than any reader takes of a ledger of a few pages.
const enough = 5000

func (s *hostile) count() bool {
	n := s.read.Add(1)
	if n == enough {
		s.t.Errorf("after %d rows it still reads", n)
	}
	return n < enough
}

func (s *hostile) Last(ctx context.Context, log audit.LogID) (audit.Page, error) {
	p, err := s.Mem.Last(ctx, log)
	if err == nil && s.last != nil {
		p = s.last(p)
	}
	return p, err
}

func (s *hostile) Pages(ctx context.Context, log audit.LogID, from int64) iter.Seq2[audit.Page, error] {
	if s.pages == nil {
		return s.Mem.Pages(ctx, log, from)
	}
	return func(yield func(audit.Page, error) bool) {
		s.pages(s.RawPages(log), func(p audit.Page) bool { return s.count() && yield(p, nil) })
	}
}

func (s *hostile) Blobs(ctx context.Context, log audit.LogID, kind string, from int64) iter.Seq2[audit.Blob, error] {
	if s.blobs == nil {
		return s.Mem.Blobs(ctx, log, kind, from)
	}
	return func(yield func(audit.Blob, error) bool) {
		s.blobs(func(b audit.Blob) bool { b.Log, b.Kind = log, kind; return s.count() && yield(b, nil) })
	}
}

func (s *hostile) Reviews() audit.Reader { return s }

// endlessPages are sequences of pages that never end.
var endlessPages = map[string]func(pages []audit.Page, yield func(audit.Page) bool){
	"the first page": func(pages []audit.Page, yield func(audit.Page) bool) {
		for len(pages) > 0 && yield(pages[0]) {
			continue
		}
	},
	"the last page after all": func(pages []audit.Page, yield func(audit.Page) bool) {
		for i := 0; len(pages) > 0 && yield(pages[min(i, len(pages)-1)]); i++ {
			continue
		}
	},
	"numbers that rise": func(pages []audit.Page, yield func(audit.Page) bool) {
		for i := 0; len(pages) > 0; i++ {
			p := pages[min(i, len(pages)-1)]
			p.Number = int64(i)
			if !yield(p) {
				return
			}
		}
	},
	"entries that nobody signed": func(pages []audit.Page, yield func(audit.Page) bool) {
		for i := int64(0); len(pages) > 0; i++ {
			p := pages[len(pages)-1]
			e, err := audit.Parse(p.Lines[0])
			if err != nil {
				panic(err)
			}
			e.Index = i
			line, err := e.Format()
			if err != nil {
				panic(err)
			}
			p.Number, p.First, p.Lines = i, i, [][]byte{line}
			if !yield(p) {
				return
			}
		}
	},
	"numbers from the top": func(pages []audit.Page, yield func(audit.Page) bool) {
		for i := int64(0); len(pages) > 0; i++ {
			p := pages[0]
			p.Number = math.MaxInt64 - i
			if !yield(p) {
				return
			}
		}
	},
	"the stub": func(pages []audit.Page, yield func(audit.Page) bool) {
		for len(pages) > 0 && yield(pages[0]) {
			continue
		}
	},
	"without numbers": func(_ []audit.Page, yield func(audit.Page) bool) {
		for yield(audit.Page{Number: -1, First: math.MinInt64}) {
			continue
		}
	},
}

// TestVerifyEnds holds that Verify and Export of endless rows end with a finding.
func TestVerifyEnds(t *testing.T) {
	m, _ := pruned(t)
	kept := mustKeep(t, m, "kept")
	key, log := newKey(t, 1).Verifier(), audit.LogID(1)
	for name, pages := range endlessPages {
		for how, o := range map[string]audit.VerifyOptions{
			"all": {}, "with the key": {Key: &key, Name: ledgerName}, "a kept file": {Key: &key, Name: ledgerName, Kept: each(kept)},
			"from a kept file": {Key: &key, Name: ledgerName, From: &kept}, "one log": {Key: &key, Name: ledgerName, Log: &log},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				r, err := audit.Verify(t.Context(), &hostile{Mem: m, t: t, pages: pages}, o)
				if err == nil && len(r.Findings) == 0 {
					t.Error("no finding")
				}
			})
		}
		s := &hostile{Mem: m, t: t, pages: pages}
		if _, err := audit.Export(t.Context(), s, ledgerName, key, 1, 0, io.Discard); err == nil {
			t.Errorf("%s: Export succeeds", name)
		}
	}
}

// TestVerifyEndsOnBlobs does the same for what is derived.
func TestVerifyEndsOnBlobs(t *testing.T) {
	for name, next := range map[string]func(i int64) audit.Blob{
		"one number":        func(int64) audit.Blob { return audit.Blob{} },
		"numbers that rise": func(i int64) audit.Blob { return audit.Blob{Number: i} },
		"numbers that fall": func(i int64) audit.Blob { return audit.Blob{Number: -i} },
		"the largest":       func(int64) audit.Blob { return audit.Blob{Number: math.MaxInt64, Data: bytes.Repeat([]byte{7}, 8192)} },
	} {
		for _, m := range []*audit.Mem{newFilled(t, 2), func() *audit.Mem { m, _ := pruned(t); return m }()} {
			s := &hostile{Mem: m, t: t, blobs: func(yield func(audit.Blob) bool) {
				for i := int64(0); yield(next(i)); i++ {
					continue
				}
			}}
			r, err := audit.Verify(t.Context(), s, audit.VerifyOptions{})
			if err != nil || len(r.Findings) == 0 {
				t.Errorf("%s: %v, %v; want a finding", name, r.Findings, err)
			}
		}
	}
}

// TestLastThatCannotBe has the last page say that the log is huge, or empty. Whatever asks for its end
// fails, and neither hangs nor panics.
func TestLastThatCannotBe(t *testing.T) {
	m, _ := pruned(t)
	for name, last := range map[string]func(p audit.Page) audit.Page{
		"number":          func(p audit.Page) audit.Page { p.Number = math.MaxInt64; return p },
		"negative number": func(p audit.Page) audit.Page { p.Number = math.MinInt64; return p },
		"first":           func(p audit.Page) audit.Page { p.First = math.MaxInt64 - 300; return p },
		"first beyond":    func(p audit.Page) audit.Page { p.First = math.MaxInt64; return p },
		"negative first":  func(p audit.Page) audit.Page { p.First = -1; return p },
		"nothing":         func(p audit.Page) audit.Page { return audit.Page{Log: p.Log} },
		"both":            func(p audit.Page) audit.Page { p.Number, p.First = math.MaxInt64, math.MaxInt64/2; return p },
	} {
		t.Run(name, func(t *testing.T) {
			s := &hostile{Mem: m, t: t, last: last}
			ctx := t.Context()
			x := audit.OpenIndex(s)
			var row *audit.RowError
			fails := func(call string, err error) {
				if err != nil && !errors.As(err, &row) && !errors.Is(err, audit.ErrNotFound) {
					t.Errorf("%s: %v, want a *RowError or ErrNotFound", call, err)
				}
			}
			for _, index := range []int64{0, 550, 1 << 52, math.MaxInt64} {
				_, err := x.Entry(ctx, 1, index)
				fails("Entry", err)
				_, err = audit.ProveEntry(ctx, s, 1, index)
				fails("ProveEntry", err)
				_, err = audit.ProveConsistency(ctx, s, 1, index)
				fails("ProveConsistency", err)
				_, err = audit.TileData(ctx, s, 1, index, tlog.Tile{H: torchwood.TileHeight, N: index / 256, W: 1})
				fails("TileData", err)
			}
			_, _, err := audit.Keep(ctx, s)
			fails("Keep", err)
			_, _, err = x.List(ctx, audit.Query{Limit: 5, To: m.RawPages(1)[1].Time})
			fails("List", err)
			c := config(t, s)
			l, err := audit.Open(ctx, c)
			if err == nil {
				t.Errorf("Open succeeds: %v", l.Name())
			}
		})
	}
}
