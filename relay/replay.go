package relay

import (
	"context"
	"errors"
	"io"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

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

// Replay reads lines of several inputs into batches, which may span inputs, and
// sends them one after the other. It is not safe for concurrent use.
type Replay struct {
	relay      *Relay // nil: only count
	quarantine func(Position, Reason)
	done       func(Position)
	read       Position // the last line that is in events or needs no sending
	broken     bool     // a batch was not stored: no line is done any more
	summary    Summary

	events []Event
	at     []Position
	pairs  int
	bytes  int
}

// NewReplay makes a Replay that reports each quarantined line to a function. Without a
// Relay it sends nothing and only counts.
//
// done, if not nil, is called when every line up to a position of its input, and all
// inputs before it, needs nothing more. After a batch that was not stored it is not called.
func NewReplay(r *Relay, quarantine func(Position, Reason), done func(Position)) *Replay {
	if done == nil {
		done = func(Position) {}
	}
	return &Replay{relay: r, quarantine: quarantine, done: done}
}

// Read relays the lines of one input after the first skip ones, TSV and JSON mixed,
// blank lines ignored. The last pairs stay with the Replay until Flush or another Read
// sends them.
//
// The error is a *Failure if pairs could not be stored or ctx ended, and otherwise
// the input's own. After a *Failure nothing more should be read.
func (p *Replay) Read(ctx context.Context, name string, in io.Reader, skip int) error {
	lines := newLineReader(in)
	for number := 1; ; number++ {
		if ctx.Err() != nil {
			return &Failure{twirp.Canceled, "interrupted"}
		}
		line, tooLong, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if number <= skip {
			continue
		}
		if err := p.add(ctx, Position{name, number}, line, tooLong); err != nil {
			return err
		}
		p.read = Position{name, number}
	}
}

func (p *Replay) add(ctx context.Context, at Position, line []byte, tooLong bool) error {
	if len(trim(line)) == 0 && !tooLong {
		return nil
	}
	p.summary.Events++
	e, reason := Event{}, ReasonTooLong
	if !tooLong {
		e, reason = Decode(line)
	}
	switch {
	case reason != "":
		p.report(at, reason)
		return nil
	case e.Skipped():
		p.summary.Skipped++
		return nil
	}
	return p.gather(ctx, at, e)
}

// gather adds an event to the batch, and sends the batch first if one call could
// not hold both.
func (p *Replay) gather(ctx context.Context, at Position, e Event) error {
	size := 0
	for _, r := range e.records {
		size += encodedSize(r)
	}
	var err error
	if p.pairs+len(e.records) > piinguinv1.MaxBatch || p.bytes+size > piinguinv1.CallBytes {
		err = p.Flush(ctx)
	}
	p.summary.Pairs += len(e.records)
	if err != nil {
		p.summary.Failed += len(e.records)
		return err
	}
	p.events, p.at = append(p.events, e), append(p.at, at)
	p.pairs += len(e.records)
	p.bytes += size
	return nil
}

// Flush sends what was read and not yet sent. Call it after the last Read, also
// after one that failed, so that the Summary accounts for every pair. What could
// not be sent is counted as failed and forgotten.
//
// The error is a *Failure.
func (p *Replay) Flush(ctx context.Context) error {
	if len(p.events) == 0 || p.relay == nil {
		p.events, p.at, p.pairs, p.bytes = nil, nil, 0, 0
		if !p.broken {
			p.done(p.read)
		}
		return nil
	}
	result, err := p.relay.Send(ctx, p.events)
	for i, outcome := range result.Outcomes {
		if outcome == Refused {
			p.report(p.at[i], ReasonRefused)
		}
	}
	p.summary.Merged += result.Merged
	p.summary.Stored += result.Stored
	p.summary.Superseded += result.Superseded
	p.summary.Refused += result.Refused
	p.summary.Failed += result.Failed
	p.events, p.at, p.pairs, p.bytes = nil, nil, 0, 0
	if err != nil {
		p.broken = true // what was read is forgotten, and must not be taken for done later
		return err
	}
	if !p.broken {
		p.done(p.read)
	}
	return nil
}

// Summary is what was done so far.
func (p *Replay) Summary() Summary { return p.summary }

func (p *Replay) report(at Position, reason Reason) {
	p.summary.Quarantined++
	p.quarantine(at, reason)
}
