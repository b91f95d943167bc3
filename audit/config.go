package audit

import (
	"errors"
	"fmt"
	"time"
)

// DefaultAppendTimeout is how long an append may take before it fails with ErrUnavailable.
const DefaultAppendTimeout = 2 * time.Second

// DefaultPeriod is how often the trees of all logs are put into the spine.
const DefaultPeriod = time.Minute

// openTimeout is how long opening a log may take. Within it, what fails is tried again.
const openTimeout = 30 * time.Second

// Config says how to open a Ledger.
type Config struct {
	// Store holds the logs. Required.
	Store Backend
	// Key signs the checkpoints. Required. It must be the key that signed what the store holds.
	Key Key
	// Name is the ledger's name (ValidName). A ledger keeps the name that it began with; empty means
	// that one, or a new one of NewName.
	Name string
	// Logs is how many logs to write at the same time at most, 1 to MaxLogs; 0 means 1. A log commits
	// one page at a time, so several logs hide the latency of the engine. Few appends at a time share
	// the pages of the first ones.
	Logs int
	// AppendTimeout is the deadline of an append; 0 means DefaultAppendTimeout.
	AppendTimeout time.Duration
	// Leases keeps Ledgers in several processes from writing the same logs. It may be nil if
	// this Ledger has the store to itself.
	Leases Leases
	// Period is how often the spine gets a CHECKPOINT when something moved; 0 means DefaultPeriod.
	Period time.Duration
	// Report, if not nil, is called by one goroutine each time that the period's CHECKPOINT could not
	// be written. Its error is as of Open, or temporary. Appends go on: they are durable without it.
	Report func(error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (c *Config) validate() error {
	if c.Store == nil {
		return errors.New("audit: Config.Store is required")
	}
	if c.Key.private == nil {
		return errors.New("audit: Config.Key is required")
	}
	if c.Name != "" && !ValidName(c.Name) {
		return errors.New("audit: Config.Name is not the name of a ledger")
	}
	if c.Logs < 0 || c.Logs > MaxLogs {
		return fmt.Errorf("audit: Config.Logs must be 1 to %d", MaxLogs)
	}
	if c.AppendTimeout < 0 || c.Period < 0 {
		return errors.New("audit: Config.AppendTimeout and Config.Period must not be negative")
	}
	if c.Logs == 0 {
		c.Logs = 1
	}
	if c.AppendTimeout == 0 {
		c.AppendTimeout = DefaultAppendTimeout
	}
	if c.Period == 0 {
		c.Period = DefaultPeriod
	}
	if c.Report == nil {
		c.Report = func(error) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}
