package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/piinguin/piinguin/internal/durable"
	"github.com/piinguin/piinguin/relay"
)

// checkpoint is how far a replay of files has come, kept in a file of its own, so that
// one that was interrupted goes on there.
type checkpoint struct {
	path    string
	Version int `json:"piinguin_relay_checkpoint"` // checkpointVersion
	// Files are the lines of each input, by absolute path or URL, that need nothing more. They are
	// known by their content: another input under the same name has nothing that is done. What S3
	// says of an object is not asked: its ETag may change with its encryption or way of upload.
	Files map[string]relay.Prefix `json:"files"`
	// Quarantined counts the lines that were quarantined before the positions.
	Quarantined int `json:"quarantined"`
}

// checkpointVersion also tells a checkpoint from any other file, which must not be
// overwritten.
const checkpointVersion = 2

// openCheckpoint reads a checkpoint; a file that is not there is the beginning. An empty
// path is none.
func openCheckpoint(path string) (*checkpoint, error) {
	c := &checkpoint{path: path, Version: checkpointVersion, Files: map[string]relay.Prefix{}}
	if path == "" {
		return c, nil
	}
	written := &checkpoint{path: path}
	switch err := readState(path, written); {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case errors.Is(err, errNotOurs):
		return nil, fmt.Errorf("--checkpoint: %s is not one of piinguin-relay", path)
	case err != nil:
		return nil, fmt.Errorf("--checkpoint: %w", err)
	}
	return written, nil
}

// key names an input whatever the folder of the run.
func (s *source) key() (string, error) {
	if strings.HasPrefix(s.name, s3Scheme) {
		return s.name, nil
	}
	name, err := filepath.Abs(s.name)
	if !utf8.ValidString(name) { // JSON would make one name of several
		name = strconv.Quote(name)
	}
	return name, err
}

// after returns which lines of an input are done.
func (c *checkpoint) after(s *source) (relay.Prefix, error) {
	if c.path == "" {
		return relay.Prefix{}, nil
	}
	if s.size < 0 {
		return relay.Prefix{}, fmt.Errorf("--checkpoint is for files, and %s is none", s.name)
	}
	name, err := s.key()
	return c.Files[name], err
}

// changed says what to do about an input that is not the one of the checkpoint.
func changed(s *source) error {
	return fmt.Errorf("--checkpoint: %s is not what it was: the lines that are done have changed. "+
		"Nothing more was read; to replay it from its beginning, name another checkpoint", s.name)
}

// done notes which lines of an input are done, and writes the checkpoint. After a crash
// the file holds the checkpoint before or this one.
func (c *checkpoint) done(s *source, lines relay.Prefix, quarantined int) error {
	if c.path == "" {
		return nil
	}
	name, err := s.key()
	if err != nil {
		return err
	}
	c.Files[name] = lines
	c.Quarantined = quarantined
	return c.write()
}

// write is called before anything is sent, too: a file that cannot be written is noticed while there is
// nothing to lose.
func (c *checkpoint) write() error {
	if c.path == "" {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := durable.Replace(c.path, 0o600, durable.Bytes(append(text, '\n'))); err != nil {
		return fmt.Errorf("--checkpoint: %w", err)
	}
	return nil
}
