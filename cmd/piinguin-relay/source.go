package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/piinguin/piinguin/cmd/internal/cli"
)

const stdinName = "-"

// source is one input. It is open during its turn only, so that any number can be
// named; what is not a regular file, such as a pipe of the shell, can be opened once
// only and is open from the start.
type source struct {
	name string
	in   io.Reader                                    // standard input, or what is open; nil until its turn
	file io.Closer                                    // what to close
	get  func(context.Context) (io.ReadCloser, error) // opens a regular file or an object of S3
	size int64                                        // in bytes; -1 if not known
	gz   *gzipMembers                                 // nil: not compressed
}

// inputs are what the arguments name.
type inputs struct {
	sources []*source
	leftOut []string // what is in a folder and is not read, with the reason
	faults  []error  // what could not be looked at
}

// openInputs finds all inputs before any of them is read. The error says that an argument
// names nothing that can be read; nothing is open then.
func openInputs(ctx context.Context, names []string, stdin io.Reader) (*inputs, error) {
	found := &inputs{}
	var errs []error
	seenStdin := false
	for _, name := range names {
		var err error
		switch {
		case name == stdinName && seenStdin:
			err = errors.New("standard input can be read once only")
		case name == stdinName:
			seenStdin = true
			found.sources = append(found.sources, &source{name: "stdin", in: stdin, size: -1})
		case strings.HasPrefix(name, s3Scheme):
			var objects []*source
			objects, err = objectsOf(ctx, name)
			found.sources = append(found.sources, objects...)
		default:
			err = found.path(ctx, name)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		closeSources(found.sources)
		return nil, err
	}
	return found, nil
}

// path adds a file, or the files of a folder.
func (i *inputs) path(ctx context.Context, name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case info.Mode().IsRegular():
		i.sources = append(i.sources, fileSource(name, info.Size()))
		return nil
	case !info.IsDir():
		f, err := cli.Open(ctx, name)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: interrupted", name)
		}
		if err == nil {
			i.sources = append(i.sources, &source{name: name, in: f, file: f, size: -1})
		}
		return err
	}
	in := filesIn(name)
	i.leftOut, i.faults = append(i.leftOut, in.leftOut...), append(i.faults, in.faults...)
	for _, file := range in.files {
		i.sources = append(i.sources, fileSource(file.path, file.size))
	}
	if len(in.files) == 0 && len(in.faults) == 0 {
		return fmt.Errorf("%s holds no file", name)
	}
	return nil
}

func fileSource(name string, size int64) *source {
	return &source{name: name, size: size, get: func(context.Context) (io.ReadCloser, error) { return openRegular(name) }}
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
		f, err := s.get(ctx)
		if err != nil {
			return nil, err
		}
		s.in, s.file = f, f
	}
	in := s.in
	if s.size < 0 {
		in = cli.Interruptible(ctx, in)
	}
	buffered := bufio.NewReader(bar.count(in))
	// No line begins so: the second byte is not UTF-8. An input of one byte or none
	// is an error here and none to the reader that follows.
	if magic, _ := buffered.Peek(len(gzipMagic)); !bytes.Equal(magic, gzipMagic) {
		return buffered, nil
	}
	var err error
	s.gz, err = newGzipMembers(buffered)
	return s.gz, err
}

// junk is an error if something stands behind the input that was read to its end.
func (s *source) junk() error {
	if s.gz == nil {
		return nil
	}
	return s.gz.junk
}
