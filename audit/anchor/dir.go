package anchor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// Dir is a Place in a folder, such as one that is mounted from another machine.
// Files have mode 0644, less the umask, and are never overwritten; whoever owns the
// folder can still remove them.
type Dir struct{ root *os.Root }

// OpenDir returns the place of a folder, which it makes if it is not there.
func OpenDir(folder string) (*Dir, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // reviewers read it, who are others
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

// Keep implements Place. The file comes to be whole or not at all: it is written
// and synced under another name and then linked, which fails if the name is taken.
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
	folder := path.Dir(name)
	if err := d.makeFolder(folder); err != nil {
		return err
	}
	temporary := path.Join(folder, ".keep-"+rand.Text())
	err := d.write(temporary, data)
	if err == nil {
		err = d.root.Link(temporary, name)
	}
	if removed := d.root.Remove(temporary); err == nil {
		err = removed
	}
	if errors.Is(err, fs.ErrExist) {
		err = d.compare(name, data)
	}
	// Also for a file that was there: the crash of whoever wrote it may have come
	// between its link and this.
	return errors.Join(err, d.sync(folder))
}

func (d *Dir) makeFolder(folder string) error {
	err := d.root.Mkdir(folder, 0o755)
	if folder == "." || errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.sync(path.Dir(folder))
}

func (d *Dir) write(name string, data []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
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

func (d *Dir) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// errFile stands for an error that is none of the system's.
var errFile = errors.New("not possible")

// errno keeps of an error what the system said, without paths.
func errno(err error) error {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return errFile
}
