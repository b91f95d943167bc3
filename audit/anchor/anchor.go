// Package anchor keeps a ledger's checkpoints outside the table, cosigned by
// witnesses where there are any.
//
// What is kept outside holds against whoever owns the table and the signing key:
// each kept checkpoint must be a prefix of what stands later, so a tail that was
// cut or a log that was written anew shows. What was appended since a log's last
// kept checkpoint is not covered; that is one period, as long as nothing fails.
//
// Anchoring stands beside the reads and never stops one. A failure is reported,
// and what was not kept is tried again in the next period.
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
	// DefaultEvery is how often the logs are looked at.
	DefaultEvery = time.Minute
	// DefaultTimeout is how long one call to the ledger, the place or a witness may take.
	DefaultTimeout = 10 * time.Second
	// LastTimeout is how long keeping may take at the end.
	LastTimeout = 10 * time.Second
	// MaxKept is the most that a Place reads of what it has kept, in bytes.
	MaxKept = 1 << 20
)

// Place is somewhere outside the table, best where whoever owns the table can't
// write. It is safe for concurrent use, by several servers too.
type Place interface {
	// Keep stores data under a name, durably, if nothing is kept under it. Keeping
	// the same bytes again is a success. Other bytes are refused with a
	// *ConflictError, and what was kept stays. Any other error, the context's
	// included, is an unknown outcome: calling again is safe. Names are relative
	// paths with slashes (io/fs.ValidPath). The text of an error is fixed: it quotes
	// neither the data nor an engine's message.
	Keep(ctx context.Context, name string, data []byte) error
}

// ConflictError says that other bytes are kept under a name.
type ConflictError struct {
	Name string
	Kept []byte // its first MaxKept bytes
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

// Reason says what failed.
type Reason string

// The reasons.
const (
	LedgerFailed  Reason = "ledger"   // the ledger could not be read
	PlaceFailed   Reason = "place"    // the place did not keep
	WitnessFailed Reason = "witness"  // a witness did not cosign; kept without it
	Conflict      Reason = "conflict" // another tree of this size is kept: evidence
	Behind        Reason = "behind"   // the log is smaller than it was: evidence
)

// Reasons are all of them, for a metric.
var Reasons = []Reason{LedgerFailed, PlaceFailed, WitnessFailed, Conflict, Behind}

// Failure is a checkpoint that was not kept, or not with every cosignature.
type Failure struct {
	Reason  Reason
	Log     string // empty if the logs could not be listed
	Witness string // of WitnessFailed and of Behind, if it was the witness who noticed
	Err     error  // fixed texts
}

var (
	// ErrLedger says that the ledger did not answer, or not with a checkpoint.
	ErrLedger = errors.New("anchor: the ledger gave no checkpoint or proof")
	// ErrBehind says that a log is smaller than a checkpoint of it that is known.
	ErrBehind = errors.New("anchor: the log is smaller than it was")
)

// Config says what to keep where. Ledger, Place and Report are required.
type Config struct {
	Ledger    Ledger
	Place     Place
	Witnesses []Witness
	Every     time.Duration // 0 means DefaultEvery
	Timeout   time.Duration // of one call; 0 means DefaultTimeout
	Report    func(Failure) // called concurrently
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

// progress is how far a log is anchored. At a start nothing is known: what was
// kept earlier is found by keeping it again.
type progress struct {
	kept  []byte // the checkpoint as the ledger gave it
	size  int64
	seen  []int64 // by each witness, as far as is known
	final bool    // kept, and does not move any more
}

// New returns the anchors of a ledger.
func New(c Config) (*Anchors, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Anchors{Config: c, http: newWitnessClient(), logs: map[string]*progress{}}, nil
}

// Run keeps what moved, at once and then in every period. When ctx is done it
// keeps a last time, within LastTimeout, and returns.
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

// Name is where the checkpoint of a log's first size entries is kept. Sorted by
// name, a log's checkpoints are in the order of their sizes.
func Name(log string, size int64) string { return fmt.Sprintf("%s/%020d.checkpoint", log, size) }
