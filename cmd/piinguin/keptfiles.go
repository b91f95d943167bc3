package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
)

// keptFile is a kept file's path, and the size of the spine in it; 0 if it is none.
type keptFile struct {
	path string
	size int64
}

// keptFiles returns the kept files that a flag names, a file or a folder, in the order of their sizes;
// nil if it is not given. Only their names are held: of some years there are half a million.
func keptFiles(flag, path string) (iter.Seq2[audit.KeptFile, error], error) {
	if path == "" {
		return nil, nil
	}
	files, err := findKept(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return func(yield func(audit.KeptFile, error) bool) {
		for _, f := range files {
			data, err := readKept(f.path)
			if err != nil {
				data = nil // what cannot be read proves nothing, and is a finding
			}
			if !yield(audit.KeptFile{Name: f.path, Data: data}, nil) {
				return
			}
		}
	}, nil
}

// newestKept returns the file of the largest spine that a flag names; nil if it is not given.
func newestKept(flag, path string) (*audit.KeptFile, error) {
	if path == "" {
		return nil, nil
	}
	files, err := findKept(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	newest := files[len(files)-1]
	data, err := readKept(newest.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return &audit.KeptFile{Name: newest.path, Data: data}, nil
}

func findKept(path string) ([]keptFile, error) {
	var files []keptFile
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		isKept := filepath.Ext(name) == anchor.Suffix && !strings.HasPrefix(filepath.Base(name), ".")
		if err != nil || d.IsDir() || name != path && !isKept {
			return err
		}
		data, err := readKept(name)
		if err != nil && name == path {
			return err
		}
		_, size, _ := audit.KeptPlace(audit.KeptFile{Name: name, Data: data})
		files = append(files, keptFile{name, size})
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no *%s file", path, anchor.Suffix)
	}
	slices.SortFunc(files, func(a, b keptFile) int { return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.path, b.path)) })
	return files, err
}

// readKept reads a file, and no more than a kept file can have. A FIFO or a device in a folder must not
// make it wait.
func readKept(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the reviewer names the files
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New(path + " is not a file")
	}
	return io.ReadAll(io.LimitReader(f, audit.MaxKept+1))
}
