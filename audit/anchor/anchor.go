// Package anchor keeps a ledger's checkpoints outside its table, cosigned by witnesses if there are
// any.
//
//	place, err := anchor.OpenDir("/mnt/reviewers/anchors")
//	...
//	anchors, err := anchor.New(anchor.Config{Ledger: ledger, Place: place, Report: report})
//	...
//	anchors.Run(ctx) // until ctx is done
//
// The promise: a kept checkpoint holds even against someone who owns the table and the signing key.
// Each log must extend every checkpoint of it that was kept, so a log whose newest pages were
// removed, or that was written anew, no longer verifies (audit.VerifyOptions.Kept).
//
// What is not promised: entries since a log's last kept checkpoint are not covered. That is one
// period, as long as nothing fails. A place that the attacker can write to as well proves nothing.
//
// Anchoring never delays or stops a read. It reports a failure, and tries again in the next period.
package anchor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// DefaultEvery is the period: how often the logs are read.
	DefaultEvery = time.Minute
	// DefaultTimeout is the limit of one call to the ledger, the place or a witness.
	DefaultTimeout = 10 * time.Second
	// LastTimeout is the limit of the last round, when Run is told to end.
	LastTimeout = 10 * time.Second
	// MaxKept is how many bytes a Place reads of something that it has kept.
	MaxKept = 1 << 20
)

// Place keeps checkpoints outside the table, best where the owner of the table cannot write. It is
// safe for concurrent use, by several servers too.
type Place interface {
	// Keep stores data durably under a name that has none yet. Keeping the same bytes again
	// succeeds. Other bytes are refused with a *ConflictError, and the kept ones stay. Any
	// other error, the context's included, leaves the outcome unknown, and calling again is
	// safe. Names are relative paths with slashes (io/fs.ValidPath). The text of an error is
	// fixed: it quotes neither the data nor an engine's message.
	Keep(ctx context.Context, name string, data []byte) error
}

// ConflictError says that other bytes are kept under a name.
type ConflictError struct {
	Name string
	Kept []byte // the kept bytes, at most MaxKept
}

// Error implements error.
func (e *ConflictError) Error() string { return "anchor: " + e.Name + " is kept with other content" }

// Ledger is what is anchored. *audit.Ledger is one. It is safe for concurrent use. What it answers
// is checked before it is kept.
type Ledger interface {
	// Logs returns the names of the registered logs, sorted.
	Logs(ctx context.Context) ([]string, error)
	// Checkpoint returns a log's latest signed checkpoint and the tree that it signs.
	Checkpoint(ctx context.Context, log string) ([]byte, tlog.Tree, error)
	// Tile returns a tile of a log's tree as C2SP tlog-tiles serves it.
	Tile(ctx context.Context, log string, t tlog.Tile) ([]byte, error)
}

// Reason says what failed. It is a closed set, fit for a metric's label.
type Reason string

// The reasons.
const (
	LedgerFailed  Reason = "ledger"   // the ledger could not be read
	PlaceFailed   Reason = "place"    // the place did not keep the checkpoint
	WitnessFailed Reason = "witness"  // a witness did not cosign; the checkpoint was kept without it
	Conflict      Reason = "conflict" // another tree of this size is kept: evidence of tampering
	Behind        Reason = "behind"   // the log is smaller than it was: evidence of tampering
)

// Reasons are all of them, for a metric.
var Reasons = []Reason{LedgerFailed, PlaceFailed, WitnessFailed, Conflict, Behind}

// Failure is about a checkpoint that was not kept, or was kept without some cosignature.
type Failure struct {
	Reason  Reason
	Log     string // empty if the logs could not be listed
	Witness string // the witness that failed, or that has seen a larger log; else empty
	Err     error  // its text is fixed
}

var (
	// ErrLedger says that the ledger did not answer, or answered with something else than a
	// checkpoint or proof of this log.
	ErrLedger = errors.New("anchor: the ledger gave no checkpoint or proof")
	// ErrBehind says that a log is smaller than a checkpoint of it that was seen before.
	ErrBehind = errors.New("anchor: the log is smaller than it was")
)

// Config says what to keep, and where. Ledger, Place and Report are required.
type Config struct {
	Ledger    Ledger
	Place     Place
	Witnesses []Witness
	Every     time.Duration // 0 means DefaultEvery
	Timeout   time.Duration // of one call; 0 means DefaultTimeout
	Report    func(Failure) // called by several goroutines at once
}

func (c *Config) validate() error {
	if c.Ledger == nil || c.Place == nil || c.Report == nil {
		return errors.New("anchor: Config.Ledger, Place and Report are required")
	}
	if c.Every < 0 || c.Timeout < 0 {
		return errors.New("anchor: Config.Every and Timeout must not be negative")
	}
	if c.Every == 0 {
		c.Every = DefaultEvery
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	return nil
}

// Anchors keeps the checkpoints of one ledger.
type Anchors struct {
	Config
	http *witnessClient
	mu   sync.Mutex
	logs map[string]*progress
}

// progress is how far a log is anchored. After a start nothing is known; keeping a checkpoint again
// shows that it was kept before.
type progress struct {
	kept  []byte // the checkpoint as the ledger returned it
	size  int64
	seen  []int64 // the size that each witness has cosigned, as far as is known
	final bool    // the log is closed, and its last checkpoint is kept
}

// New returns the anchors of a ledger.
func New(c Config) (*Anchors, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Anchors{Config: c, http: newWitnessClient(), logs: map[string]*progress{}}, nil
}

// Run keeps the checkpoints of logs that grew: at once, and then in every period. When ctx is done,
// it does so a last time, within LastTimeout, and returns.
func (a *Anchors) Run(ctx context.Context) {
	defer a.http.close()
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		a.Once(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), LastTimeout)
			defer cancel()
			a.Once(last)
			return
		}
	}
}

// Name returns the name under which the checkpoint of a log's first size entries is kept. Sorting by
// name sorts a log's checkpoints by size.
func Name(log string, size int64) string { return fmt.Sprintf("%s/%020d.checkpoint", log, size) }
