package printable

import (
	"errors"
	"strings"
)

// Error returns the text of err, with everything escaped that is not visible. Its lines are those of
// errors that were joined. A line end within one error is data, such as that of a file's name, and
// would add a line that no error has.
func Error(err error) string {
	text := err.Error()
	if many, ok := err.(interface{ Unwrap() []error }); ok && text == errors.Join(many.Unwrap()...).Error() {
		var lines []string
		for _, one := range many.Unwrap() {
			lines = append(lines, Error(one))
		}
		return strings.Join(lines, "\n")
	}
	if inner := errors.Unwrap(err); inner != nil {
		if head, ok := strings.CutSuffix(text, inner.Error()); ok {
			return Text(head) + Error(inner)
		}
	}
	return Text(text)
}
