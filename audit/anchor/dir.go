package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
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

// List implements Place.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := fs.ReadDir(d.root.FS(), strings.TrimSuffix(prefix, "/"))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield("", fmt.Errorf("anchor: list the folder: %w", errno(err)))
			return
		}
		for _, e := range entries { // sorted by name
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if name := prefix + e.Name(); e.Type().IsRegular() && name > after && !yield(name, nil) {
				return
			}
		}
	}
}

// Read implements Place.
func (d *Dir) Read(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.read(name)
}

func (d *Dir) read(name string) ([]byte, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would make it wait
	if no := errno(err); err != nil && no != errFile {                 //nolint:errorlint // errno wraps nothing
		return nil, fmt.Errorf("anchor: open a file: %w", no)
	}
	if err != nil { // a link that leads out of the folder
		return nil, errNoFile
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxKept))
	if err != nil {
		return nil, fmt.Errorf("anchor: read a file: %w", errno(err))
	}
	return data, nil
}

func (d *Dir) compare(name string, data []byte) error {
	kept, err := d.read(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(kept, data) {
		return &ConflictError{Name: name, Kept: kept}
	}
	return nil
}

// errNoFile says that there is something else than a file.
var errNoFile = fmt.Errorf("anchor: not a file: %w", fs.ErrNotExist)

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
