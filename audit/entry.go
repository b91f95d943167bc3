package audit

import (
	"errors"
	"time"
)

// Operation is what an entry records.
type Operation string

// The operations.
const (
	Read   Operation = "READ"   // an original value was asked for
	Delete Operation = "DELETE" // an erasure was asked for
	Create Operation = "CREATE" // a call asked to store records
	Review Operation = "REVIEW" // the ledger itself was read
	Opened Operation = "OPEN"   // a log was opened; its first entry
	Closed Operation = "CLOSE"  // a log was closed; its last entry
	Pruned Operation = "PRUNE"  // the lines of a closed log were removed
)

// isInternal reports whether the ledger itself writes entries of this operation. Pruning keeps
// their lines: they name no data subject, and they prove which logs follow.
func (o Operation) isInternal() bool { return o == Opened || o == Closed || o == Pruned }

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

// Entry is one justification record. It never holds an original value. The Ledger sets Log, Index
// and Time. Texts are UTF-8 without control characters, and limits count bytes.
type Entry struct {
	Log            string    // the log's name
	Index          int64     // the place in the log, from 0
	Time           time.Time // UTC, to the microsecond; never going back in a log
	Operation      Operation
	Outcome        Outcome
	Reason         string // why it was denied or failed; a code of a-z and _
	Caller         string // the authenticated caller; at most 256 bytes
	Authentication string // how the caller was authenticated; at most 64 bytes
	OnBehalfOf     string // whom the caller says to act for; at most 512 bytes
	Basis          string // one of GDPR Art. 6(1), e.g. CONSENT, or empty
	Condition      string // one of GDPR Art. 9(2), e.g. ART9_EXPLICIT_CONSENT, or empty
	Policy         string // the id of the policy that decided; at most 64 bytes
	Purpose        string // at most 512 bytes
	Reference      string // at most 512 bytes; in an OPEN entry the verifier key, in a CLOSE the next log
	Checkpoint     string // "log size root" of another log: in an OPEN the log closed before it, in a PRUNE the pruned one
	ModifiedValue  string // the pseudonym; at most 2,048 bytes
	RequestID      string // at most 64 bytes; required but in OPEN and CLOSE
	Count          int64  // the records of a CREATE
}
