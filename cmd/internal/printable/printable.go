// Package printable keeps data from acting on who reads it: on a terminal, in a log, in a
// spreadsheet. A value or a file name may hold an escape sequence that clears the screen, a line end
// that adds a row, or a sign that shows text in another order.
//
// The commands' output goes through a [Writer], which escapes everything that is not plainly visible:
//
//	cmd.SetOut(printable.NewWriter(os.Stdout))
//
// A cell of a table is a [Text], which has no line ends or tabs either. What programs read is written to
// [Raw], by [JSON] or [WriteCSV]. An escape is \u{1b}, the code point in hexadecimal, and \x{ff} for a byte
// that is not UTF-8. Text that holds the letters of an escape looks the same; JSON tells the two apart.
package printable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible reports whether a character shows as itself and does nothing else. Those of
// Other_Default_Ignorable_Code_Point count as letters, and show as nothing.
func visible(r rune) bool {
	return strconv.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// Text returns s on one line, with everything escaped that is not visible.
func Text(s string) string { return escape(s, "") }

// escape leaves the characters of keep as they are.
func escape(s, keep string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			_, _ = fmt.Fprintf(&b, `\x{%x}`, s[0])
		case visible(r) || strings.ContainsRune(keep, r):
			b.WriteString(s[:n])
		default:
			_, _ = fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// Writer escapes what is written, except line ends and tabs. A character must not be split between two
// calls of Write.
type Writer struct{ w io.Writer }

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.w, escape(string(p), "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw returns what a Writer writes to, and any other w itself: for output that programs read.
func Raw(w io.Writer) io.Writer {
	if p, ok := w.(*Writer); ok {
		return p.w
	}
	return w
}

// JSON returns JSON with the same meaning, in which each character that is not visible is written as \uXXXX.
// Line ends between the values stay; inside of them JSON has none. It may return text itself.
func JSON(text []byte) []byte {
	if !slices.ContainsFunc(text, func(c byte) bool { return c != '\n' && (c < ' ' || c > '~') }) {
		return text // as nearly each line of a log
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case visible(r) || r == '\n':
			b.WriteRune(r)
		case r <= 0xffff:
			_, _ = fmt.Fprintf(&b, `\u%04x`, r)
		default:
			r -= 0x10000
			_, _ = fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return b.Bytes()
}

var escaped = regexp.MustCompile(`\\\\|\\u[0-9a-f]{4}(\\ud[c-f][0-9a-f]{2})?`)

// Canonical undoes JSON for a line of RFC 8785, which escapes nothing but the controls of ASCII.
func Canonical(line []byte) []byte {
	return escaped.ReplaceAllFunc(line, func(text []byte) []byte {
		var s string
		if err := json.Unmarshal(slices.Concat([]byte{'"'}, text, []byte{'"'}), &s); err != nil || s < "\x7f" {
			return text
		}
		return []byte(s)
	})
}

// JSONWriter writes to another writer by JSON. Each call of Write has whole values.
type JSONWriter struct{ W io.Writer }

// Write implements io.Writer.
func (w JSONWriter) Write(p []byte) (int, error) {
	if _, err := w.W.Write(JSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
