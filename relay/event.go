package relay

import (
	"fmt"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Event is what Decode found in one line. It prints as a count under every fmt
// verb, because what it holds is personal data.
type Event struct {
	records []*piinguinv1.PiiRecord
}

// Records are the event's pairs in the order of the line, repeated ones included.
// There are none if the line is not a PII transformation event.
func (e Event) Records() []*piinguinv1.PiiRecord { return e.records }

// Skipped reports whether the line is an event of another kind.
func (e Event) Skipped() bool { return len(e.records) == 0 }

// Format implements fmt.Formatter.
func (e Event) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "relay.Event of %d pairs", len(e.records))
}

// Reason says why a line cannot become records. The reasons below are all there
// are, so that none can quote what the line holds.
type Reason string

// The reasons for which a line is quarantined. All but ReasonRefused are found
// here, before anything is sent, so that one bad event does not hold up others.
const (
	ReasonEmpty     Reason = "the record is empty"
	ReasonAggregate Reason = "the aggregated record (KPL) is damaged or empty"
	ReasonTooLong   Reason = "the line is longer than 4 MiB"
	ReasonManyLines Reason = "the record holds more than one line"
	ReasonEncoding  Reason = "the line is not valid UTF-8"
	ReasonFields    Reason = "the line does not have 131 tab-separated fields"
	ReasonUnknown   Reason = "the record is not recognised, neither as a PII transformation event nor as one of another kind"
	ReasonPayload   Reason = "the payload is not base64"
	ReasonJSON      Reason = "the line holds invalid JSON"
	ReasonShape     Reason = "the JSON does not have the shape of a PII transformation event"
	ReasonSchema    Reason = "the schema is not pii_transformation 1-*-* of com.snowplowanalytics.snowplow"
	ReasonTime      Reason = "collector_tstamp is missing or not a time"
	ReasonContexts  Reason = "the contexts are invalid"
	ReasonNoPairs   Reason = "the PII transformation event holds no pairs"

	ReasonModifiedMissing Reason = "a modifiedValue is missing"
	ReasonModifiedType    Reason = "a modifiedValue is not a string"
	ReasonModifiedLimits  Reason = "a modifiedValue is not 1 to 128 bytes without control characters"
	ReasonOriginalMissing Reason = "an originalValue is missing"
	ReasonOriginalType    Reason = "an originalValue is not a string"
	ReasonOriginalLimits  Reason = "an originalValue is longer than 32 KiB"
	ReasonSourceLimits    Reason = "a source field is longer than 512 bytes or holds a control character"
	ReasonSurrogate       Reason = "a value holds half of a surrogate pair, which UTF-8 cannot carry"

	ReasonRefused Reason = "the server refused a pair as invalid, for example because its time lies in the future"
)
