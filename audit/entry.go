package audit

import (
	"errors"
	"time"
)

// Operation is what an entry records: 1 to 32 of A-Z and _. Verify takes operations that this package
// does not know, so that a later one needs no other format.
type Operation string

// The operations that callers append.
const (
	Read    Operation = "READ"    // an original value was asked for
	Delete  Operation = "DELETE"  // an erasure was asked for
	Create  Operation = "CREATE"  // a call asked to store records
	Find    Operation = "FIND"    // a pseudonym was asked for by something else than itself
	Review  Operation = "REVIEW"  // the ledger itself was read
	Mark    Operation = "MARK"    // a reviewer remarked on an entry
	SignOff Operation = "SIGNOFF" // a reviewer signed a period off
	Setting Operation = "CONFIG"  // the server's settings changed
)

// The operations that the ledger itself writes. OPEN, KEY and ROLLBACK stand in every log, the others
// in the spine only.
const (
	Opened     Operation = "OPEN"       // a log was opened; its first entry
	Checkpoint Operation = "CHECKPOINT" // the tree of every log
	Pruned     Operation = "PRUNE"      // the first pages of a log were removed
	Held       Operation = "HOLD"       // nothing may be pruned until the same reference is released
	Released   Operation = "RELEASE"    // ends a HOLD
	Rekeyed    Operation = "KEY"        // the next signing key
	RolledBack Operation = "ROLLBACK"   // this ledger goes on from a restored copy of another
)

// inSpine reports whether the entries of an operation stand in the spine only.
func (o Operation) inSpine() bool {
	switch o {
	case Checkpoint, Pruned, Held, Released:
		return true
	default:
		return false
	}
}

// own reports whether only the ledger itself writes entries of an operation.
func (o Operation) own() bool {
	return o.inSpine() || o == Opened || o == Rekeyed || o == RolledBack
}

// Outcome is how the operation ended.
type Outcome string

// The outcomes.
const (
	Granted  Outcome = "GRANTED"
	Denied   Outcome = "DENIED"
	NotFound Outcome = "NOT_FOUND"
	Failed   Outcome = "ERROR"
)

// ErrEntry says that an entry, or a line, breaks the format. It is never a temporary fault.
var ErrEntry = errors.New("audit: not a valid entry")

// Entry is one justification record. It never holds an original value. The ledger sets Ledger, Log,
// Index and Time. Texts are UTF-8 without control characters, and limits count bytes.
type Entry struct {
	Ledger         string    // the ledger's name
	Log            LogID     // the log's number
	Index          int64     // the place in the log, from 0
	Time           time.Time // UTC, to the microsecond; never going back in a log
	Operation      Operation
	Outcome        Outcome
	Reason         string // why it was denied or failed, or what is unusual; a code of a-z and _
	Caller         string // the authenticated caller; at most 256 bytes
	Authentication string // how the caller was authenticated; at most 64 bytes
	OnBehalfOf     string // whom the caller says to act for; at most 512 bytes
	Basis          string // one of GDPR Art. 6(1), e.g. CONSENT, or empty
	Condition      string // one of GDPR Art. 9(2), e.g. ART9_EXPLICIT_CONSENT, or empty
	Policy         string // the id of the policy that decided; at most 64 bytes
	Purpose        string // at most 512 bytes
	Reference      string // at most 512 bytes; in OPEN and KEY the verifier key, in ROLLBACK the ledger before
	Checkpoint     string // trees of logs: in CHECKPOINT of every log, in PRUNE of what was removed
	About          string // the Place of another entry
	Detail         string // at most 2,048 bytes
	Grant          string // reserved; at most 64 bytes
	ModifiedValue  string // the pseudonym; at most 2,048 bytes
	RequestID      string // at most 64 bytes; required but in OPEN, CHECKPOINT and KEY
	Count          int64  // the records of a CREATE; in a PRUNE the number of the last page removed
}

// Place returns where the entry stands.
func (e Entry) Place() Place { return Place{e.Log, e.Index} }

func (e *Entry) fault(problem string) error { return &RowError{EntryRow(e.Log, e.Index), problem} }
