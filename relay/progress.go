package relay

import "errors"

// Summary counts what a Replay has done. A line is an event. Pairs is the sum of
// the five counts after it once Flush has returned.
type Summary struct {
	Events      int `json:"events"`      // lines read; blank ones are not counted
	Skipped     int `json:"skipped"`     // events of another kind
	Quarantined int `json:"quarantined"` // events that can never be stored, wholly or in part
	Pairs       int `json:"pairs"`       // pairs found in the events, repeated ones included
	Merged      int `json:"merged"`      // not sent, because a newer pair beside it has the same modified value
	Stored      int `json:"stored"`      // stored by the server
	Superseded  int `json:"superseded"`  // the server has a newer one, or the value was erased since
	Refused     int `json:"refused"`     // refused by the server as invalid
	Failed      int `json:"failed"`      // not known to be stored, because of a failure or an interruption
}

// Position is a line of an input, from 1.
type Position struct {
	File string
	Line int
}

// Prefix is the first lines of an input, by their number and their content.
type Prefix struct {
	Lines int `json:"lines"`
	// SHA256 is the hash of these lines with their ends, in lowercase hex. A line of more than
	// 4 MiB counts by its own SHA-256.
	SHA256 string `json:"sha256"`
}

// ErrChanged says that an input does not begin with the Prefix that was given.
var ErrChanged = errors.New("relay: the input does not begin with the lines that are done")

// Progress says that an input needs nothing more up to a line, nor do the inputs before it.
type Progress struct {
	File        string
	Done        Prefix
	Quarantined int // lines that were quarantined, of those that this Replay has done
}
