package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/relay"
)

// readSource relays one source. Its error ends the replay; a fault of the source alone is reported and
// does not. With a checkpoint it sends the last batch before the next source begins, or the checkpoint
// could not say which lines of which file are done.
func (p *program) readSource(ctx context.Context, r *relay.Replay, s *source, bar *progress, state *checkpoint) error {
	after, err := state.after(s)
	if err != nil {
		return err
	}
	defer s.close()
	in, err := s.open(ctx, bar)
	if err == nil {
		err = errors.Join(r.Read(ctx, s.name, in, after), s.junk())
	}
	var failure *relay.Failure
	switch {
	case err == nil:
	case ctx.Err() != nil: // what the interrupt did to the input says nothing
		return errors.New("interrupted")
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, relay.ErrChanged):
		return changed(s)
	default:
		bar.clear()
		p.fault(named(s, err))
	}
	if p.state == "" {
		return nil
	}
	return r.Flush(ctx)
}

// named puts the name of an input before its error, unless the error says it.
func named(s *source, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return err
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// fault reports an input that cannot be read, wholly or in part. The others are.
func (p *program) fault(err error) {
	_, _ = fmt.Fprintf(p.stderr, "%s\n", printable.Error(err))
	p.exit = exitFinding
}
