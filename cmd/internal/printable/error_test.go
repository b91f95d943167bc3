package printable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/cmd/internal/printable"
)

func TestError(t *testing.T) {
	file := &fs.PathError{Op: "open", Path: "a\nb\x1b", Err: fs.ErrNotExist}
	for want, err := range map[string]error{
		`plain`:   errors.New("plain"),
		`a\u{a}b`: errors.New("a\nb"),
		`open a\u{a}b\u{1b}: file does not exist`:          file,
		"one\nopen a\\u{a}b\\u{1b}: file does not exist":   errors.Join(errors.New("one"), file),
		"--x: one\ntwo\\u{9}":                              fmt.Errorf("--x: %w", errors.Join(errors.New("one"), errors.New("two\t"))),
		`one and two\u{a}`:                                 fmt.Errorf("%w and %w", errors.New("one"), errors.New("two\n")),
		`n\u{a}m: open a\u{a}b\u{1b}: file does not exist`: fmt.Errorf("n\nm: %w", file),
	} {
		if diff := cmp.Diff(want, printable.Error(err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
