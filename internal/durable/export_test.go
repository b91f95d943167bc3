package durable

import (
	"os"
	"testing"
)

// OnSync has a test called instead of each sync; the error is that of the sync.
func OnSync(t *testing.T, called func(name string) error) {
	before := fsync
	t.Cleanup(func() { fsync = before })
	fsync = func(f *os.File) error { return called(f.Name()) }
}
