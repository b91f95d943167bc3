package sqlitefile

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// restartWait bounds how long the writer is held for the readers of an old state to end.
const restartWait = "busy_timeout(10)" // milliseconds

// checkpointer copies the write-ahead log into the file on a connection of its own and lets
// the log begin anew when it has grown past a size.
//
// SQLite begins the log anew at a write that finds all of it copied and no reader in it.
// Under constant writing a checkpoint beside the writer never gets so far: new pages have come
// when it ends. So the bulk is copied beside the writer, and the small rest while the writer is
// held between two transactions.
type checkpointer struct {
	file      *File
	limits    limits
	log       zerolog.Logger
	committed chan struct{} // a transaction has ended

	failing time.Time // since when the log could not be reset; zero if it can
	pinned  atomic.Bool
}

// LogPinned reports whether another program keeps reading an old state of the file, so that
// the write-ahead log cannot be reset and grows.
func (f *File) LogPinned() bool { return f.keeper != nil && f.keeper.pinned.Load() }

// run looks at the log after commits, and while it cannot be reset.
func (k *checkpointer) run() {
	for {
		var again <-chan time.Time
		wait := k.limits.lookEvery
		if k.pinned.Load() {
			wait = max(wait, k.limits.patience/5)
		}
		if !k.failing.IsZero() { // its end has to be seen, also when nothing is written
			again = time.After(wait)
		}
		select {
		case <-k.committed:
		case <-again:
		case <-k.file.closing:
			return
		}
		k.look()
		select {
		case <-time.After(wait):
		case <-k.file.closing:
			return
		}
	}
}

// look resets the log if it is long, and notes whether that can be done. An engine's error
// is no reason to say that the log is pinned: the next look tries again.
func (k *checkpointer) look() {
	if k.file.watch.moved() != nil {
		return // its pages are not for whatever file is there now
	}
	_, pages, _, err := k.checkpoint("NOOP")
	if err != nil {
		return
	}
	reset := true
	if pages >= k.limits.walPages {
		if reset, err = k.reset(); err != nil {
			return
		}
	}
	k.note(reset)
}

// reset copies the whole log into the file. It reports false if a reader needs the log.
func (k *checkpointer) reset() (bool, error) {
	for range 2 { // the second has what came during the first, and leaves little for the third
		_, pages, copied, err := k.checkpoint("PASSIVE")
		// A reader that will end at once holds back the last pages. One that stays holds back
		// ever more, and the writer must not be held for it.
		if err != nil || pages-copied > k.limits.walPages/8 {
			return false, err
		}
	}
	// RESTART takes SQLite's write lock. Who waits for that lock polls it; the writer waits here.
	k.file.writing.Lock()
	defer k.file.writing.Unlock()
	busy, _, _, err := k.checkpoint("RESTART")
	return !busy, err
}

// checkpoint runs SQLite's PRAGMA wal_checkpoint. pages is the length of the log, and copied
// how much of it is in the file.
func (k *checkpointer) checkpoint(mode string) (busy bool, pages, copied int, err error) {
	_, err = Reader{context.Background(), k.file.tidy}.First("PRAGMA wal_checkpoint("+mode+")", nil, &busy, &pages, &copied)
	return busy, pages, copied, err
}

func (k *checkpointer) note(reset bool) {
	switch {
	case reset:
		k.failing = time.Time{}
		if k.pinned.Swap(false) {
			k.log.Info().Msg("the write-ahead log of the SQLite file can be reset again")
		}
	case k.failing.IsZero():
		k.failing = time.Now()
	case time.Since(k.failing) >= k.limits.patience && !k.pinned.Swap(true):
		k.log.Warn().Msg("another program keeps reading an old state of the SQLite file: its write-ahead log cannot be reset and grows")
	}
}
