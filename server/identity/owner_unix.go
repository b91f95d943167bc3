//go:build unix

package identity

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f the owner of another file, if that is a different one. A server may run as a user
// of its own, and must still be able to read the file after root has added a token.
func keepOwner(f *os.File, as fs.FileInfo) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	have, ok1 := mine.Sys().(*syscall.Stat_t)
	want, ok2 := as.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}
