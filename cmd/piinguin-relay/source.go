package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const stdinName = "-"

// source is one input. It is open during its turn only, so that any number can be
// named; what is not a regular file, such as a pipe of the shell, can be opened once
// only and is open from the start.
type source struct {
	name string
	in   io.Reader                                    // standard input, or what is open; nil until its turn
	file io.Closer                                    // what to close
	get  func(context.Context) (io.ReadCloser, error) // opens an object of S3; nil for a file
	size int64                                        // in bytes; -1 if not known
}

// openSources checks that all inputs can be read before any of them is.
func openSources(ctx context.Context, names []string, stdin io.Reader) ([]*source, error) {
	var sources []*source
	var errs []error
	seenStdin := false
	for _, name := range names {
		if name == stdinName {
			if seenStdin {
				errs = append(errs, errors.New("standard input can be read once only"))
			}
			seenStdin = true
			sources = append(sources, &source{name: "stdin", in: stdin, size: -1})
			continue
		}
		if strings.HasPrefix(name, s3Scheme) {
			objects, err := objectsOf(ctx, name)
			sources, errs = append(sources, objects...), append(errs, err)
			continue
		}
		files, err := filesOf(name)
		errs = append(errs, err)
		for _, file := range files {
			s, err := checkFile(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			sources = append(sources, s)
		}
	}
	if err := errors.Join(errs...); err != nil {
		closeSources(sources)
		return nil, err
	}
	return sources, nil
}

// filesOf returns the name, or if it is a folder the files in it and below, in the
// order of their names, but for hidden ones.
func filesOf(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		hidden := path != name && strings.HasPrefix(d.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return filepath.SkipDir
		case !hidden && d.Type().IsRegular():
			files = append(files, path)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no file", name)
	}
	return files, err
}

// checkFile finds out at the start whether a file can be read. A regular file is closed again, so the number
// of files is not bounded by open descriptors; a pipe can be opened only once and stays open.
func checkFile(name string) (*source, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case !info.Mode().IsRegular():
		return &source{name: name, in: f, file: f, size: -1}, nil
	}
	return &source{name: name, size: info.Size()}, f.Close()
}

func closeSources(sources []*source) {
	for _, s := range sources {
		s.close()
	}
}

func (s *source) close() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
		s.file = nil
	}
}

// open begins an input's turn. What it returns ends with ctx, even while it waits
// for a pipe, and is decompressed if it begins as gzip does.
func (s *source) open(ctx context.Context, bar *progress) (io.Reader, error) {
	if s.in == nil {
		get := s.get
		if get == nil {
			get = func(context.Context) (io.ReadCloser, error) { return os.Open(s.name) }
		}
		f, err := get(ctx)
		if err != nil {
			return nil, err
		}
		s.in, s.file = f, f
	}
	in := s.in
	if s.size < 0 {
		in = interruptible(ctx, in)
	}
	buffered := bufio.NewReader(bar.count(in))
	// No line begins so: the second byte is not UTF-8. An input of one byte or none
	// is an error here and none to the reader that follows.
	if magic, _ := buffered.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	return gzip.NewReader(buffered)
}

// interruptible ends a read that waits, when ctx ends; the read itself is left to
// wait until the process ends.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	out, feed := io.Pipe()
	go func() {
		_, err := io.Copy(feed, in)
		_ = feed.CloseWithError(err) // nil is io.EOF
	}()
	context.AfterFunc(ctx, func() { _ = feed.CloseWithError(ctx.Err()) })
	return out
}
