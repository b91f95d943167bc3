package relay

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

const (
	// maxLine bounds the memory that one line can take, its end not counted.
	maxLine = 4 << 20
	// maxPassedOver bounds the time that a line which is too long can take: a sparse file of
	// terabytes is one line.
	maxPassedOver = 256 << 20
)

// errEndless says that an input has no line ends.
var errEndless = errors.New("a line is longer than 256 MiB; it and all behind it were not read")

// lineReader cuts an input into lines and keeps the hash of those that are done.
type lineReader struct {
	in   *bufio.Reader
	line []byte    // the last one, with its end
	sum  hash.Hash // SHA-256 of what is done
	long hash.Hash // SHA-256 of the last line, if it is too long; else nil
}

// inputLine is a line without its end. It is valid until the next one is read.
type inputLine struct {
	text    []byte
	tooLong bool // it was passed over
	ended   bool // else it is the last one, and may still be written
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10), sum: sha256.New()}
}

// next returns the next line. The last one may lack an end. The error is io.EOF after it,
// or the input's; a line that the input's error cut is not returned, because it may look
// whole.
func (l *lineReader) next() (inputLine, error) {
	l.line, l.long = l.line[:0], nil
	for size := 0; size <= maxPassedOver; {
		part, err := l.in.ReadSlice('\n')
		size += len(part)
		l.add(part)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil, errors.Is(err, io.EOF) && size > 0:
			return inputLine{trimEnd(l.line), l.long != nil, err == nil}, nil
		default:
			return inputLine{}, err
		}
	}
	return inputLine{}, errEndless
}

// add adds to a line. Of one that is too long it keeps the hash only.
func (l *lineReader) add(part []byte) {
	if l.long != nil {
		_, _ = l.long.Write(part) // a hash takes everything
		return
	}
	l.line = append(l.line, part...)
	if len(trimEnd(l.line)) > maxLine {
		l.long = sha256.New()
		_, _ = l.long.Write(l.line)
		l.line = l.line[:0]
	}
}

// done takes the last line to what is done, one that is too long by its own hash.
func (l *lineReader) done() {
	if l.long != nil {
		l.line = l.long.Sum(l.line)
	}
	_, _ = l.sum.Write(l.line)
}

// hash is the SHA-256 of what is done.
func (l *lineReader) hash() string { return hex.EncodeToString(l.sum.Sum(nil)) }

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
