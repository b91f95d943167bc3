package audit

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A series is the logs that one writer fills, one after another: piinguin-1, and
// from the next month with an entry on piinguin-1-2026-12 and so on. A log ends with a
// CLOSE that names the next one, whose OPEN commits to the closed log's last
// checkpoint. So whoever trusts the newest checkpoint of a series trusts all of it.

var monthPattern = regexp.MustCompile(`-\d{4}-\d{2}$`)

// SeriesOf returns the series that a log belongs to: the name of its first log. Of the
// registered logs of a series all but the last by name are closed.
func SeriesOf(log string) string {
	return strings.TrimSuffix(log, monthPattern.FindString(log))
}

// monthLog returns the name of the log that a series begins in a month.
func monthLog(series string, at time.Time) string { return series + at.UTC().Format("-2006-01") }

// laterMonth reports whether a is in a later month than b, in UTC.
func laterMonth(a, b time.Time) bool {
	const month = "2006-01"
	return a.UTC().Format(month) > b.UTC().Format(month)
}

// commitment is a tree of a log: what an entry of one log says of another.
type commitment struct {
	log  string
	tree tlog.Tree
}

// String returns the three lines of the C2SP checkpoint, with spaces between them:
// an entry has no line breaks.
func (c commitment) String() string {
	return fmt.Sprintf("%s %d %s", c.log, c.tree.N, c.tree.Hash)
}

// parseCommitment reads commitment.String, exactly.
func parseCommitment(text string) (commitment, error) {
	bad := errors.New("audit: not a checkpoint's text")
	parts := strings.Split(text, " ")
	if len(parts) != 3 || !logPattern.MatchString(parts[0]) {
		return commitment{}, bad
	}
	size, sizeErr := strconv.ParseInt(parts[1], 10, 64)
	root, rootErr := tlog.ParseHash(parts[2])
	c := commitment{parts[0], tlog.Tree{N: size, Hash: root}}
	if sizeErr != nil || rootErr != nil || size < 1 || size > maxIndex || c.String() != text {
		return commitment{}, bad
	}
	return c, nil
}
