package piinguinv1

import (
	"strings"
	"unicode"
)

// HasControl reports whether a text has a control character (category Cc), such as a newline or
// an escape. No text has one but an original value.
func HasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

// HasFormat reports whether a text has a character that changes how the text around it is shown:
// one of category Cf, such as those that turn the direction of writing or have no width, or a
// separator of lines or paragraphs. What a caller states, and its name, have none, since the
// ledger shows them to a reviewer.
func HasFormat(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) })
}

// blankSymbols show nothing, although Unicode counts them as symbols: a braille pattern without a dot, the
// place of an object that is missing, a note without a head.
const blankSymbols = "\u2800\ufffc\U0001d159"

// IsVisible reports whether a text shows anything: a letter, digit, mark of punctuation or symbol
// that is not a filler such as U+3164.
func IsVisible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) &&
			!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && !strings.ContainsRune(blankSymbols, r)
	})
}
