package audit

import (
	"errors"
	"fmt"
	"time"
)

// DefaultAppendTimeout is how long an append may take before it fails with ErrUnavailable.
const DefaultAppendTimeout = 2 * time.Second

// openTimeout is how long opening a log may take. Within it, what fails is tried again.
const openTimeout = 30 * time.Second

// MaxLogs is how many logs all Ledgers of a store write at the same time, at most.
const MaxLogs = 64

// Backend is what a Ledger needs of an engine: Log and Registry to write, Index and Tiles to answer
// reviewers.
type Backend interface {
	Log
	Registry
	Index
	Tiles
}

// Config says how to open a Ledger.
type Config struct {
	// Store holds the logs. Required.
	Store Backend
	// Key signs the checkpoints. Required. It must be the key that signed what the store holds.
	Key Key
	// Logs is how many logs to write at the same time, 1 to MaxLogs; 0 means 1. A log commits
	// one page at a time, so several logs hide the latency of the engine.
	Logs int
	// AppendTimeout is the deadline of an append; 0 means DefaultAppendTimeout.
	AppendTimeout time.Duration
	// Leases keeps Ledgers in several processes from writing the same logs. It may be nil if
	// this Ledger has the store to itself.
	Leases Leases
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
	if c.Logs < 0 || c.Logs > MaxLogs {
		return fmt.Errorf("audit: Config.Logs must be 1 to %d", MaxLogs)
	}
	if c.AppendTimeout < 0 {
		return errors.New("audit: Config.AppendTimeout must not be negative")
	}
	if c.Logs == 0 {
		c.Logs = 1
	}
	if c.AppendTimeout == 0 {
		c.AppendTimeout = DefaultAppendTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}
