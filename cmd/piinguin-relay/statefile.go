package main

import (
	"encoding/hex"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
)

// errNotOurs says that a file is none that this program has written, whole and unchanged.
var errNotOurs = errors.New("not a checkpoint")

// state is what a file of --checkpoint holds: a checkpoint of replay, or the shards of tail.
type state interface{ valid() bool }

// readState reads a file into the kind of state that it was written from. The error is errNotOurs, or one
// of the file system that names the file.
func readState(path string, into state) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return parseState(text, into)
}

// parseState is strict: where a value is passed over or read as another one, events are passed over too.
func parseState(text []byte, into state) error {
	if json.Unmarshal(text, into, json.RejectUnknownMembers(true)) != nil || !into.valid() {
		return errNotOurs
	}
	return nil
}

func (c *checkpoint) valid() bool {
	for _, f := range c.Files {
		if hash, err := hex.DecodeString(f.SHA256); f.Lines < 0 || err != nil || len(hash) != 32 {
			return false
		}
	}
	return c.Version == checkpointVersion && c.Files != nil && c.Quarantined >= 0
}

func (s *shards) valid() bool {
	for _, shard := range s.Shards {
		if !sequenceNumber.MatchString(shard.SequenceNumber) && !(shard.Done && shard.SequenceNumber == "") {
			return false
		}
	}
	return s.Version == checkpointVersion && s.Shards != nil
}
