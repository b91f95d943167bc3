package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sync"
	"time"

	"github.com/piinguin/piinguin/internal/durable"
)

// shards says how far each shard of a stream is done, and keeps that in a file. It is safe for
// concurrent use.
type shards struct {
	path string
	mu   sync.Mutex

	Version int                   `json:"piinguin_relay_tail"` // checkpointVersion
	Stream  streamID              `json:"stream"`
	Shards  map[string]shardState `json:"shards"` // by id
}

// streamID tells a stream from any other, and from one that was deleted and made anew with
// the same name: sequence numbers of the one mean nothing in the other.
type streamID struct {
	ARN     string    `json:"arn"`
	Created time.Time `json:"created"`
}

// shardState says up to which record a shard needs nothing more.
type shardState struct {
	SequenceNumber string `json:"sequence_number"`
	Done           bool   `json:"done"` // the shard is closed and read to its end
}

// sequenceNumber is what Kinesis gives a record. Kinesis refuses any other, which would come again for ever.
var sequenceNumber = regexp.MustCompile(`^[0-9]{1,128}$`)

// stateError says that the file could not be written. Nothing more may be read then.
type stateError struct{ err error }

func (e *stateError) Error() string { return "--checkpoint: " + e.err.Error() }
func (e *stateError) Unwrap() error { return e.err }

// openShards reads the state of a stream. Without a file every shard is read from its beginning.
// A state of another stream is an error.
func openShards(path string, stream streamID) (*shards, error) {
	s := &shards{path: path}
	switch err := readState(path, s); {
	case errors.Is(err, fs.ErrNotExist):
		s.Version, s.Stream, s.Shards = checkpointVersion, stream, map[string]shardState{}
		return s, s.write()
	case errors.Is(err, errNotOurs):
		return nil, fmt.Errorf("--checkpoint: %s is not one of piinguin-relay tail", path)
	case err != nil:
		return nil, fmt.Errorf("--checkpoint: %w", err)
	}
	switch {
	case s.Stream.ARN != stream.ARN:
		return nil, fmt.Errorf("--checkpoint: %s is of another stream, %s", path, s.Stream.ARN)
	case !s.Stream.Created.Equal(stream.Created):
		return nil, fmt.Errorf("--checkpoint: %s is of a stream of this name that was made at %s, and this one was made at %s: name another checkpoint",
			path, s.Stream.Created.Format(time.RFC3339), stream.Created.Format(time.RFC3339))
	}
	return s, s.write()
}

func (s *shards) of(id string) shardState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Shards[id]
}

// reached notes that a shard is done up to a record.
func (s *shards) reached(id, sequenceNumber string) error {
	return s.keep(id, shardState{SequenceNumber: sequenceNumber})
}

// done notes that a shard is read to its end.
func (s *shards) done(id string) error {
	return s.keep(id, shardState{s.of(id).SequenceNumber, true})
}

// keep writes the whole state durably before it returns: a record that counts as done here is not read
// again.
func (s *shards) keep(id string, state shardState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Shards[id] = state
	return s.write()
}

// write is called before anything is read, too: a file that cannot be written is noticed while there is
// nothing to lose.
func (s *shards) write() error {
	text, err := json.Marshal(s)
	if err == nil {
		err = durable.Replace(s.path, 0o600, durable.Bytes(append(text, '\n')))
	}
	if err != nil {
		return &stateError{err}
	}
	return nil
}
