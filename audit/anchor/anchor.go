// Package anchor keeps what binds a ledger outside its store: the newest CHECKPOINT of its spine with
// its proof (audit.KeptFile), cosigned by witnesses if there are any.
//
//	place, err := anchor.OpenDir("/mnt/reviewers/anchors")
//	...
//	anchors, err := anchor.New(anchor.Config{Ledger: ledger, Place: place, Report: report})
//	...
//	anchors.Run(ctx) // until ctx is done
//
// The promise: a kept file holds even against someone who owns the store and the signing key. The
// ledger must extend everything that was kept of it, so one whose newest pages or logs were removed,
// or that was written anew, no longer verifies (audit.VerifyOptions.Kept). In every period what is
// kept is compared with the ledger, so a restored backup is noticed at once.
//
// What is not promised: entries since the last kept file are not covered. That is one period, as long
// as nothing fails. A place that the attacker can write to as well proves nothing.
//
// Anchoring never delays or stops a read. It reports a failure, and tries again in the next period.
package anchor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

const (
	// DefaultEvery is the period: how often the spine is read.
	DefaultEvery = time.Minute
	// DefaultTimeout is the limit of one call to the ledger, the place or a witness.
	DefaultTimeout = 10 * time.Second
	// LastTimeout is the limit of the last round, when Run is told to end.
	LastTimeout = 10 * time.Second
	// MaxKept is how many bytes a Place reads of something that it has kept: one more than a kept
	// file can have, so that a longer one is seen to be none.
	MaxKept = audit.MaxKept + 1
)

// Place keeps files outside the store, best where the owner of the store cannot write. It is
// safe for concurrent use, by several servers too.
type Place interface {
	// Keep stores data durably under a name that has none yet. Keeping the same bytes again
	// succeeds. Other bytes are refused with a *ConflictError, and the kept ones stay. Any
	// other error, the context's included, leaves the outcome unknown, and calling again is
	// safe. Names are relative paths with slashes (io/fs.ValidPath). The text of an error is
	// fixed: it quotes neither the data nor an engine's message.
	Keep(ctx context.Context, name string, data []byte) error
	// List yields the names that are kept under a prefix, which ends with a slash, in their order,
	// from the first one after the name after on. It passes over what is no file. It stops after the
	// first error.
	List(ctx context.Context, prefix, after string) iter.Seq2[string, error]
	// Read returns up to MaxKept bytes of what is kept under a name. It never hangs: what is no file,
	// such as a FIFO or a link to a device, is an error that wraps fs.ErrNotExist.
	Read(ctx context.Context, name string) ([]byte, error)
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
	// Name returns the ledger's name.
	Name() string
	// Keep returns the newest CHECKPOINT of the spine as an audit.KeptFile's content, and the size of
	// the spine in it.
	Keep(ctx context.Context) (data []byte, size int64, err error)
	// Compare says whether the ledger extends what was kept. A *audit.RowError says that it does not,
	// audit.ErrKept that the file proves nothing.
	Compare(ctx context.Context, f audit.KeptFile) error
	// Tile returns a tile of a log's tree as C2SP tlog-tiles serves it.
	Tile(ctx context.Context, log audit.LogID, t tlog.Tile) ([]byte, error)
}

// Reason says what failed. It is a closed set, fit for a metric's label.
type Reason string

// The reasons.
const (
	LedgerFailed  Reason = "ledger"   // the ledger could not be read
	PlaceFailed   Reason = "place"    // the place did not keep the file, or did not say what is kept
	WitnessFailed Reason = "witness"  // a witness did not cosign; the file was kept without it
	Conflict      Reason = "conflict" // another tree is kept than the ledger has: evidence of tampering
	Behind        Reason = "behind"   // the ledger has less than is kept or was cosigned: evidence of tampering, or a restored backup
)

// Reasons are all of them, for a metric.
var Reasons = []Reason{LedgerFailed, PlaceFailed, WitnessFailed, Conflict, Behind}

// Failure is about a file that was not kept, or was kept without some cosignature, or that the ledger
// does not agree with.
type Failure struct {
	Reason  Reason
	Witness string // the witness that failed, or that has seen a larger log; else empty
	Err     error  // its text is fixed
}

var (
	// ErrLedger says that the ledger did not answer, or answered with something else than a
	// checkpoint or proof of its spine.
	ErrLedger = errors.New("anchor: the ledger gave no checkpoint or proof")
	// ErrBehind says that the ledger is smaller than one that was seen before.
	ErrBehind = errors.New("anchor: the ledger is smaller than it was")
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

// Anchors keeps what binds one ledger.
type Anchors struct {
	Config
	http *witnessClient

	disagrees atomic.Pointer[error] // why the ledger does not agree with what is kept; nil if it does

	mu       sync.Mutex
	kept     []byte  // the file as the ledger returned it last
	size     int64   // of the spine in it
	compared string  // the name of the newest kept file that the ledger agrees with
	seen     []int64 // the size that each witness has cosigned, as far as is known
}

// New returns the anchors of a ledger.
func New(c Config) (*Anchors, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Anchors{Config: c, http: newWitnessClient(), seen: make([]int64, len(c.Witnesses))}, nil
}

// Run compares what is kept with the ledger and keeps what is new: at once, and then in every period.
// When ctx is done, it does so a last time, within LastTimeout, and returns.
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

// Suffix is what the names of kept files end with.
const Suffix = ".kept"

// Agrees returns an error as long as the last comparison found that the ledger does not extend what is
// kept of it.
func (a *Anchors) Agrees() error {
	if err := a.disagrees.Load(); err != nil {
		return *err
	}
	return nil
}

// Name returns the name under which a ledger's kept file of a spine of size entries is kept: the
// ledger's name is the folder. Sorting by name sorts by size.
func Name(ledger string, size int64) string { return fmt.Sprintf("%s/%016d"+Suffix, ledger, size) }
