package relay

import (
	"context"
	"sync/atomic"

	"github.com/twitchtv/twirp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// callsAtOnce bounds how many calls of a batch run side by side.
const callsAtOnce = 4

// Relay sends pairs to a server. It is safe for concurrent use if its client is.
type Relay struct {
	api piinguinv1.Piinguin
}

// New makes a Relay over a client, which has the role writer and must bound the
// time of a call.
func New(api piinguinv1.Piinguin) *Relay { return &Relay{api} }

// Outcome is what became of an event. The zero Outcome is Unfinished. An event of
// several pairs has the lowest outcome of any.
type Outcome int

const (
	// Unfinished: a pair is not known to be stored. The event must come again.
	Unfinished Outcome = iota
	// Refused: the server will never take one of the pairs; the others are stored.
	Refused
	// Finished: each pair is stored, or the server has a newer one.
	Finished
)

// Result is what became of a batch. Pairs is the sum of the five counts after it.
type Result struct {
	Outcomes   []Outcome // one for each event, in order
	Pairs      int       // all pairs of all events
	Merged     int       // not sent, because a newer pair of the batch has the same modified value
	Stored     int       // stored, in place of an older one or not
	Superseded int       // not stored, because the server has a newer one or it was erased since
	Refused    int       // refused by the server as invalid
	Failed     int       // not known to be stored
}

// Send stores the pairs of some events. Of the pairs with one modified value it
// sends the newest only, unless the server refuses that one.
//
// The error is a *Failure, and there is one exactly if Result.Failed is not 0.
// Several calls run side by side. After one that failed as a whole no more are begun: whatever made it fail
// (the network, the engine, a wrong token) would most likely fail the rest, and in
// Lambda would use up the time that is left to say so. Send again to retry.
func (r *Relay) Send(ctx context.Context, events []Event) (Result, error) {
	set := merge(events)
	err := r.sendApart(ctx, set.newest)
	unmerged := set.settle()
	if err == nil {
		err = r.sendAll(ctx, unmerged)
	}
	if err == nil {
		err = set.failure()
	}
	return set.result(len(events)), err
}

// sendApart sends pairs of different modified values, some calls at a time: their order
// does not matter.
func (r *Relay) sendApart(ctx context.Context, pairs []*pair) error {
	var stopped atomic.Bool
	var g errgroup.Group
	g.SetLimit(callsAtOnce)
	for len(pairs) > 0 && !stopped.Load() {
		n := fit(pairs)
		chunk := pairs[:n]
		pairs = pairs[n:]
		g.Go(func() error {
			if stopped.Load() {
				return nil
			}
			err := r.call(ctx, chunk)
			if err != nil {
				stopped.Store(true)
			}
			return err
		})
	}
	return g.Wait()
}

// sendAll sends pairs in order, in as few calls as the limits allow.
func (r *Relay) sendAll(ctx context.Context, pairs []*pair) error {
	for len(pairs) > 0 {
		n := fit(pairs)
		if err := r.call(ctx, pairs[:n]); err != nil {
			return err
		}
		pairs = pairs[n:]
	}
	return nil
}

// fit is how many pairs go into the next call: at least one.
func fit(pairs []*pair) int {
	size := 0
	for i, p := range pairs {
		size += encodedSize(p.record)
		if i > 0 && size > piinguinv1.CallBytes || i == piinguinv1.MaxBatch {
			return i
		}
	}
	return len(pairs)
}

// encodedSize is what a record adds to a request: one byte of tag, a length, itself.
func encodedSize(r *piinguinv1.PiiRecord) int { return 1 + protowire.SizeBytes(proto.Size(r)) }

// call sends one request and notes the fate of each pair. Its error means that
// the call failed as a whole; no pair is refused by that, whatever the code: a
// wrong token or a wrong address says nothing about a record.
func (r *Relay) call(ctx context.Context, pairs []*pair) error {
	request := &piinguinv1.CreatePiiRecordsRequest{PiiRecords: make([]*piinguinv1.PiiRecord, len(pairs))}
	for i, p := range pairs {
		request.PiiRecords[i] = p.record
	}
	answer, err := r.api.CreatePiiRecords(ctx, request)
	if err != nil {
		return classify(err)
	}
	results := answer.GetResults()
	if len(results) != len(pairs) { // nothing says which pairs these are
		return &Failure{twirp.Internal, "the server's answer does not fit the request"}
	}
	for i, result := range results {
		pairs[i].note(result)
	}
	return nil
}

// note takes invalid_argument alone for good: any other code may be about the
// server, the caller or the moment, and a retry costs less than a lost value.
func (p *pair) note(result *piinguinv1.CreatePiiRecordResult) {
	switch {
	case result == nil:
		p.code = twirp.Internal
	case result.Error != nil && result.Error.Code == string(twirp.InvalidArgument):
		p.fate = refused
	case result.Error != nil:
		p.code = known(twirp.ErrorCode(result.Error.Code))
	case result.Superseded:
		p.fate = superseded
	default:
		p.fate = stored
	}
}
