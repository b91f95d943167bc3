package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/piinguin/piinguin/internal/durable"
)

// checkpoint is how far a replay of files has come, kept in a file of its own, so that
// one that was interrupted goes on there.
type checkpoint struct {
	path    string
	Version int                  `json:"piinguin_relay_checkpoint"` // checkpointVersion
	Files   map[string]fileState `json:"files"`                     // by absolute path or URL
	// Quarantined counts the lines that were quarantined before the positions.
	Quarantined int `json:"quarantined"`
}

// checkpointVersion also tells a checkpoint from any other file, which must not be
// overwritten.
const checkpointVersion = 1

// fileState says that the first lines of a file need nothing more.
type fileState struct {
	Lines int   `json:"lines"`
	Size  int64 `json:"size"` // in bytes, of the file
}

// openCheckpoint reads a checkpoint; a file that is not there is the beginning. An empty
// path is none.
func openCheckpoint(path string) (*checkpoint, error) {
	c := &checkpoint{path: path, Version: checkpointVersion, Files: map[string]fileState{}}
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		c.Version, c.Files = 0, nil
		err = json.Unmarshal(text, c)
	}
	if err != nil || c.Version != checkpointVersion || c.Files == nil {
		return nil, fmt.Errorf("--checkpoint: %s is not one of piinguin-relay", path)
	}
	return c, nil
}

// key names an input whatever the folder of the run.
func (s *source) key() (string, error) {
	if s.get != nil {
		return s.name, nil
	}
	return filepath.Abs(s.name)
}

// skip returns how many lines of an input are done.
func (c *checkpoint) skip(s *source) (int, error) {
	if c.path == "" {
		return 0, nil
	}
	if s.size < 0 {
		return 0, fmt.Errorf("--checkpoint is for files, and %s is none", s.name)
	}
	name, err := s.key()
	if err != nil {
		return 0, err
	}
	f := c.Files[name]
	if s.size < f.Size {
		return 0, fmt.Errorf("--checkpoint: %s is shorter than it was; is it another file?", s.name)
	}
	return f.Lines, nil
}

// done notes that the first lines of an input are done, and writes the checkpoint. After a crash
// the file holds the checkpoint before or this one.
func (c *checkpoint) done(s *source, lines, quarantined int) error {
	if c.path == "" {
		return nil
	}
	name, err := s.key()
	if err != nil {
		return err
	}
	c.Files[name] = fileState{max(lines, c.Files[name].Lines), s.size}
	c.Quarantined = quarantined
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := durable.Replace(c.path, 0o600, durable.Bytes(append(text, '\n'))); err != nil {
		return fmt.Errorf("--checkpoint: %w", err)
	}
	return nil
}
