package relay

import (
	"context"
	"errors"
	"io"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Replay reads lines of several inputs into batches, which may span inputs, and
// sends them one after the other. It is not safe for concurrent use.
type Replay struct {
	relay      *Relay // nil: only count
	quarantine func(Position, Reason)
	done       func(Progress)
	summary    Summary

	// What is read, and sent when events are.
	read   Position    // the last line that has an end
	lines  *lineReader // the input of read; nil: none is read
	loose  Position    // a last line without an end: it is never done
	broken bool        // a batch was not stored: nothing after it is done
	bad    int         // lines up to read that were quarantined

	events []Event
	at     []Position
	pairs  int
	bytes  int
}

// NewReplay makes a Replay that reports each quarantined line to a function. Without a
// Relay it sends nothing and only counts.
//
// done, if not nil, is called when lines need nothing more. A last line without an end is
// sent, and never among them: it may still be written. After a batch that was not stored
// done is not called any more.
func NewReplay(r *Relay, quarantine func(Position, Reason), done func(Progress)) *Replay {
	if done == nil {
		done = func(Progress) {}
	}
	return &Replay{relay: r, quarantine: quarantine, done: done}
}

// Read relays the lines of one input after the first ones, TSV and JSON mixed,
// blank lines ignored. The last pairs stay with the Replay until Flush or another Read
// sends them.
//
// The error is a *Failure if pairs could not be stored or ctx ended, ErrChanged if the
// input has other lines in front than it should, and otherwise the input's own. After a
// *Failure nothing more should be read.
func (p *Replay) Read(ctx context.Context, name string, in io.Reader, after Prefix) error {
	lines := newLineReader(in)
	for number := 1; ; number++ {
		if ctx.Err() != nil {
			return &Failure{twirp.Canceled, "interrupted"}
		}
		line, err := lines.next()
		if errors.Is(err, io.EOF) && number <= after.Lines {
			return ErrChanged
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if number > after.Lines {
			err = p.take(ctx, Position{name, number}, lines, line)
		} else {
			lines.done()
			if number == after.Lines && lines.hash() != after.SHA256 {
				err = ErrChanged
			}
		}
		if err != nil {
			return err
		}
	}
}

// take reads a line, which is done when all events up to it are sent.
func (p *Replay) take(ctx context.Context, at Position, lines *lineReader, line inputLine) error {
	if !line.ended {
		p.loose = at
	}
	if err := p.add(ctx, at, line); err != nil || !line.ended {
		return err
	}
	lines.done()
	p.read, p.lines = at, lines
	return nil
}

func (p *Replay) add(ctx context.Context, at Position, line inputLine) error {
	if len(trim(line.text)) == 0 && !line.tooLong {
		return nil
	}
	p.summary.Events++
	e, reason := Event{}, ReasonTooLong
	if !line.tooLong {
		e, reason = Decode(line.text)
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
	events, at := p.events, p.at
	p.events, p.at, p.pairs, p.bytes = nil, nil, 0, 0
	if len(events) > 0 && p.relay != nil {
		if err := p.send(ctx, events, at); err != nil {
			p.broken = true // what was read is forgotten, and must not be taken for done later
			return err
		}
	}
	if p.lines != nil && !p.broken {
		p.done(Progress{p.read.File, Prefix{p.read.Line, p.lines.hash()}, p.bad})
	}
	return nil
}

func (p *Replay) send(ctx context.Context, events []Event, at []Position) error {
	result, err := p.relay.Send(ctx, events)
	for i, outcome := range result.Outcomes {
		if outcome == Refused {
			p.report(at[i], ReasonRefused)
		}
	}
	p.summary.Merged += result.Merged
	p.summary.Stored += result.Stored
	p.summary.Superseded += result.Superseded
	p.summary.Refused += result.Refused
	p.summary.Failed += result.Failed
	return err
}

// Summary is what was done so far.
func (p *Replay) Summary() Summary { return p.summary }

func (p *Replay) report(at Position, reason Reason) {
	p.summary.Quarantined++
	if at != p.loose {
		p.bad++
	}
	p.quarantine(at, reason)
}
