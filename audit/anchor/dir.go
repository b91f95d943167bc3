package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/piinguin/piinguin/internal/durable"
)

// Dir is a Place in a folder, such as one that is mounted from another machine. Files have mode
// 0644, less the umask, and are never overwritten. Whoever owns the folder can still remove them.
type Dir struct{ root *os.Root }

// OpenDir returns the place of a folder. It makes the folder if it does not exist.
func OpenDir(folder string) (*Dir, error) {
	if err := durable.MkdirAll(folder, 0o755); err != nil { // reviewers, who are others, read it
		return nil, fmt.Errorf("anchor: make the folder: %w", errno(err))
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("anchor: open the folder: %w", errno(err))
	}
	return &Dir{root}, nil
}

// Close closes the folder.
func (d *Dir) Close() error { return d.root.Close() }

// Keep implements Place. After a crash the file is whole or does not exist.
func (d *Dir) Keep(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.keep(name, data); err != nil {
		var other *ConflictError
		if errors.As(err, &other) {
			return err
		}
		return fmt.Errorf("anchor: write a file: %w", errno(err))
	}
	return nil
}

func (d *Dir) keep(name string, data []byte) error {
	if err := durable.MkdirAllIn(d.root, path.Dir(name), 0o755); err != nil {
		return err
	}
	err := durable.CreateIn(d.root, name, 0o644, durable.Bytes(data))
	if errors.Is(err, fs.ErrExist) {
		return d.compare(name, data)
	}
	return err
}

func (d *Dir) compare(name string, data []byte) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	kept, err := io.ReadAll(io.LimitReader(f, MaxKept))
	if err != nil {
		return err
	}
	if !bytes.Equal(kept, data) {
		return &ConflictError{Name: name, Kept: kept}
	}
	return nil
}

// errFile stands for an error that does not come from the system.
var errFile = errors.New("not possible")

// errno returns the system's part of an error, which names no path.
func errno(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return errFile
}
