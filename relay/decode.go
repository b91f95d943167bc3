package relay

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	piiName      = "pii_transformation"
	piiSchema    = "iglu:com.snowplowanalytics.snowplow/pii_transformation/"
	parentSchema = "iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-"
)

// Decode reads one event in any of these forms:
//
//   - Snowplow's enriched TSV, which has exactly 131 fields. With fewer the line was
//     cut, and what is left may be cut too; with more, a tab stands inside a field, and
//     the positions mean nothing.
//   - JSON, flattened (a key for each schema and its model) or with unstruct_event and
//     contexts whole, as Snowplow's SDKs write both, and as warehouses unload it: keys in
//     any case, snake_case, collector_tstamp in microseconds.
//   - JSON around one of these: EventBridge's detail, or a payload that is the TSV in
//     base64.
//
// It returns the pairs of a PII transformation event. An event is Skipped only on proof:
// it is a whole enriched event whose name or schema is of another kind, with nothing beside
// it that could hold an event. For everything else Decode returns a Reason: a record that
// it does not recognise may hold pairs, and a skipped one is never seen again. Every pair
// it returns is within the limits of the contract.
//
// A line end behind the event, a byte order mark in front of it and blanks in front of
// JSON are ignored.
func Decode(line []byte) (Event, Reason) { return decode(line, maxEnvelopes) }

func decode(line []byte, envelopes int) (Event, Reason) {
	line = trim(line)
	switch {
	case len(line) == 0:
		return Event{}, ReasonEmpty
	case bytes.IndexByte(line, '\n') >= 0:
		// The first event would hide the others, which would be lost unseen.
		return Event{}, ReasonManyLines
	case !utf8.Valid(line):
		return Event{}, ReasonEncoding
	case line[0] == '{':
		return decodeJSON(line, envelopes)
	default:
		return decodeTSV(line)
	}
}

var byteOrderMark = []byte("\ufeff")

// trim takes away what may stand around an event. Blanks in front of TSV are its first
// fields, so they are taken from JSON only, and from a line that is nothing else.
func trim(line []byte) []byte {
	line = bytes.TrimPrefix(trimEnd(line), byteOrderMark)
	rest := bytes.TrimLeft(line, " \t")
	if len(rest) < len(line) && (len(rest) == 0 || rest[0] == '{') && bytes.Count(line, tab) != fieldCount-1 {
		return rest
	}
	return line
}

// namesOther reports whether a name of an event is that of another kind than is looked
// for. "unstruct" stands for any kind that has a schema.
func namesOther(name []byte) bool {
	if len(name) == 0 || len(name) > maxName || bytes.EqualFold(name, []byte(piiName)) || bytes.EqualFold(name, []byte("unstruct")) {
		return false
	}
	for _, c := range name {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// maxName is how long Snowplow lets the name of an event be.
const maxName = 128

// isModel1 reports whether a schema is pii_transformation 1-*-*.
func isModel1(schema string) bool {
	version, ok := strings.CutPrefix(schema, piiSchema+"jsonschema/1-")
	revision, addition, _ := strings.Cut(version, "-")
	return ok && isNumber(revision) && isNumber(addition)
}

// earliest is before any event of Snowplow. A number of seconds or milliseconds of our
// days, taken for microseconds, is before it too.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// parseTime reads a collector_tstamp of any form. All are UTC. A pair without
// a time is not sent: the server would take it as seen now, and an old event
// would then overwrite a newer one.
func parseTime(s string) (*timestamppb.Timestamp, Reason) {
	t, err := time.Parse(time.DateTime, strings.TrimSuffix(s, " UTC")) // a fraction may follow
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if micros, notNumber := strconv.ParseInt(s, 10, 64); notNumber == nil {
		t, err = time.UnixMicro(micros), nil
		if t.Before(earliest) {
			return nil, ReasonTime
		}
	}
	if err != nil {
		return nil, ReasonTime
	}
	stamp := timestamppb.New(t)
	if !stamp.IsValid() {
		return nil, ReasonTime
	}
	return stamp, ""
}
