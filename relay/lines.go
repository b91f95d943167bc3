package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds the memory that one line can take, its end not counted.
const maxLine = 4 << 20

type lineReader struct {
	in  *bufio.Reader
	buf []byte
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10)}
}

// next returns the next line without its end; it is valid until the next call. A
// line that is too long is passed over and reported as such. The last line may
// lack an end. The error is io.EOF after it, or the input's; a line that the
// input's error cut is not returned, because it may look whole.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if !tooLong {
			l.buf = append(l.buf, part...)
		}
		if len(trimEnd(l.buf)) > maxLine {
			l.buf, tooLong = l.buf[:0], true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil, errors.Is(err, io.EOF) && (len(l.buf) > 0 || tooLong):
			return trimEnd(l.buf), tooLong, nil
		default:
			return nil, false, err
		}
	}
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
