package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// folder is what is found in a folder and below, in the order of the names.
type folder struct {
	files   []fileOf
	leftOut []string // with the reason
	faults  []error  // what could not be looked at
}

type fileOf struct {
	path string
	size int64 // in bytes
}

// filesIn lists the files of a folder. It follows links to files: an archive may be made
// of them. Links to folders may lead in a circle.
func filesIn(name string) (found folder) {
	leave := func(path, why string) { found.leftOut = append(found.leftOut, path+": "+why) }
	// A name that is a link itself leads into the folder with the separator behind it.
	root := name + string(filepath.Separator)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			found.faults = append(found.faults, err)
			return nil
		case path == root:
			return nil
		case strings.HasPrefix(d.Name(), "."):
			leave(path, "it is hidden")
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		info, err := os.Stat(path) // of what a link leads to
		switch {
		case err != nil:
			found.faults = append(found.faults, err)
		case info.IsDir():
			leave(path, "it is a link to a folder")
		case !info.Mode().IsRegular():
			leave(path, "it is not a regular file")
		default:
			found.files = append(found.files, fileOf{path, info.Size()})
		}
		return nil
	})
	if err != nil {
		found.faults = append(found.faults, err)
	}
	return found
}

// openRegular opens a file that was a regular one when it was looked at. What took its
// name since may be a pipe, which would never end, so opening does not wait.
func openRegular(name string) (io.ReadCloser, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		_ = f.Close() // it was not read
		return nil, err
	}
	return f, nil
}
