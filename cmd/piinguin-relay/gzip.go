package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

var gzipMagic = []byte{0x1f, 0x8b}

// maxPadding bounds the zeros behind a gzip stream: a tape or a disk fills up its blocks.
const maxPadding = 16 << 20

// errJunk says that an input ends in something else than it began with.
var errJunk = errors.New("what is behind the gzip stream is neither gzip nor zeros, and was not read")

// gzipMembers reads gzip streams one behind the other, as appended logs are, and zeros
// between and behind them.
type gzipMembers struct {
	in   *bufio.Reader
	gz   *gzip.Reader
	junk error // errJunk, if there is some: what is before it is whole, and ends with io.EOF
}

func newGzipMembers(in *bufio.Reader) (*gzipMembers, error) {
	gz, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	gz.Multistream(false)
	return &gzipMembers{in: in, gz: gz}, nil
}

// Read implements io.Reader.
func (m *gzipMembers) Read(p []byte) (int, error) {
	n, err := m.gz.Read(p)
	if errors.Is(err, io.EOF) { // checked against its checksum, and not io.ErrUnexpectedEOF
		err = m.next()
	}
	return n, err
}

// next begins the member behind the last one. The error is io.EOF behind the last.
func (m *gzipMembers) next() error {
	for range maxPadding {
		b, err := m.in.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return m.begin()
		}
	}
	m.junk = errJunk
	return io.EOF
}

// begin begins a member, of which the first byte is read.
func (m *gzipMembers) begin() error {
	if err := m.in.UnreadByte(); err != nil {
		return err
	}
	if magic, err := m.in.Peek(len(gzipMagic)); !bytes.Equal(magic, gzipMagic) {
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		m.junk = errJunk
		return io.EOF
	}
	if err := m.gz.Reset(m.in); err != nil {
		return err
	}
	m.gz.Multistream(false)
	return nil
}
