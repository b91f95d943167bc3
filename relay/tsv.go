package relay

import "bytes"

// The fields of Snowplow's enriched TSV that are looked at, counted from 0.
const (
	fieldCollectorTstamp = 3
	fieldEvent           = 5
	fieldContexts        = 52
	fieldUnstructEvent   = 58
	fieldEventName       = 126
	fieldCount           = 131
)

func decodeTSV(line []byte) (Event, Reason) {
	f, ok := cut(line)
	if !ok {
		return Event{}, ReasonFields
	}
	return f.decode()
}

// cut finds the fields of a line. It does not cut the others: most events of a stream are
// of other kinds.
func cut(line []byte) (f fields, ok bool) {
	if bytes.Count(line, tab) != fieldCount-1 {
		return f, false
	}
	at := skip(line, 0, fieldCollectorTstamp)
	f.tstamp, at = next(line, at)
	at = skip(line, at, fieldEvent-fieldCollectorTstamp-1)
	f.event, at = next(line, at)
	at = skip(line, at, fieldContexts-fieldEvent-1)
	f.contexts, at = next(line, at)
	at = skip(line, at, fieldUnstructEvent-fieldContexts-1)
	f.unstruct, at = next(line, at)
	at = skip(line, at, fieldEventName-fieldUnstructEvent-1)
	f.eventName, _ = next(line, at)
	return f, true
}

var tab = []byte("\t")

// skip returns where the field after n others begins. Most fields are empty.
func skip(line []byte, at, n int) int {
	for ; n > 0; n-- {
		if line[at] != '\t' {
			at += bytes.IndexByte(line[at:], '\t')
		}
		at++
	}
	return at
}

// next returns the field that begins at a place, and where the one after it begins.
func next(line []byte, at int) ([]byte, int) {
	end := at + bytes.IndexByte(line[at:], '\t')
	return line[at:end], end + 1
}
