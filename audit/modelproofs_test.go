package audit_test

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
)

// modelLog is a log as it would be if nothing had been pruned, and golang.org/x/mod's hashes of it.
type modelLog struct {
	lines  [][]byte
	stored []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (l *modelLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = l.stored[at]
	}
	return hashes, nil
}

// remember takes the lines that were not seen yet. It comes before they may be pruned.
func (m *indexModel) remember(t *rapid.T) {
	logs, err := audit.Logs(context.Background(), m.store)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		l := m.logs[log]
		if l == nil {
			l = &modelLog{}
			m.logs[log] = l
		}
		for _, p := range m.store.RawPages(log) {
			for i, line := range p.Lines {
				n := int64(len(l.lines))
				if p.First+int64(i) != n {
					continue
				}
				hashes, err := tlog.StoredHashes(n, line, l)
				if err != nil {
					t.Fatal(err)
				}
				l.lines, l.stored = append(l.lines, line), append(l.stored, hashes...)
			}
		}
	}
}

// appendMany appends entries that differ in their ids only: enough for several full tiles.
func (m *indexModel) appendMany(t *rapid.T) {
	entries := make([]audit.Entry, 300)
	entries[0] = m.entry(t)
	for i := range entries {
		m.n++
		entries[i] = entries[0]
		entries[i].RequestID = fmt.Sprintf("r-%d", m.n)
	}
	for _, r := range m.ledger.AppendAll(context.Background(), entries) {
		if r.Err != nil {
			t.Fatalf("append: %v", r.Err)
		}
	}
}

// serve compares all tiles of a log with those of its lines.
func (m *indexModel) serve(t *rapid.T) {
	m.remember(t)
	log := rapid.SampledFrom([]audit.LogID{audit.Spine, 1, 2, 3}).Draw(t, "log")
	l := m.logs[log]
	size := int64(len(l.lines))
	for _, tile := range tlog.NewTiles(8, 0, size) {
		want, err := tlog.ReadTileData(tile, l)
		if err != nil {
			t.Fatal(err)
		}
		got, err := audit.TileData(context.Background(), m.store, log, size, tile)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("tile %s of log %s of %d entries is another: %v", tile.Path(), log, size, err)
		}
	}
}

// prove proves an entry, pruned or not, and that the log extends one of its earlier trees.
func (m *indexModel) prove(t *rapid.T) {
	m.remember(t)
	log := rapid.SampledFrom([]audit.LogID{audit.Spine, 1, 2, 3}).Draw(t, "log")
	l := m.logs[log]
	size := int64(len(l.lines))
	index := rapid.Int64Range(0, size-1).Draw(t, "index")
	proof, err := audit.ProveEntry(context.Background(), m.store, log, index)
	if err == nil {
		err = audit.CheckProof(m.key.Verifier(), proof, l.lines[index])
	}
	if err != nil {
		t.Fatalf("entry %s/%d of %d is not proven: %v", log, index, size, err)
	}
	p, err := audit.ProveConsistency(context.Background(), m.store, log, index+1)
	if err != nil {
		t.Fatalf("log %s of %d entries is not proven to extend %d: %v", log, size, index+1, err)
	}
	var roots [2]tlog.Hash
	for i, n := range []int64{index + 1, size} {
		if roots[i], err = tlog.TreeHash(n, l); err != nil {
			t.Fatal(err)
		}
	}
	if err := tlog.CheckTree(p.Hashes, size, roots[1], index+1, roots[0]); err != nil || p.NewSize != size {
		t.Fatalf("the proof that log %s of %d entries extends %d does not hold: %v", log, size, index+1, err)
	}
}
