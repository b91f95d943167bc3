package audit

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// LogID is the number of a log in its ledger: Spine, or 1 to MaxLogs.
type LogID int

// Spine is the log that lists the others (package doc, "The spine").
const Spine LogID = 0

// MaxLogs is how many logs a ledger has beside its spine, at most.
const MaxLogs = 64

// Valid reports whether a ledger can have such a log.
func (l LogID) Valid() bool { return l >= Spine && l <= MaxLogs }

// String returns the log's name in paths, commands and rows: "spine", or its number.
func (l LogID) String() string {
	if l == Spine {
		return "spine"
	}
	return strconv.Itoa(int(l))
}

// ErrName says that a text is not the name of a ledger or of a log.
var ErrName = errors.New("audit: not a name")

// ParseLogID reads LogID.String, and no other spelling of it. The error is ErrName.
func ParseLogID(text string) (LogID, error) {
	if text == Spine.String() {
		return Spine, nil
	}
	n, err := strconv.Atoi(text)
	if l := LogID(n); err == nil && l.Valid() && l.String() == text {
		return l, nil
	}
	return 0, ErrName
}

// maxName is the size limit of a ledger's name in bytes.
const maxName = 63

// ValidName reports whether a ledger can have the name: a schema-less URL (C2SP tlog-checkpoint) of
// at most 63 bytes such as vault.acme.com/pii, of a-z, 0-9, hyphens, dots before the first slash, and
// slashes. It does not begin with a dot, so that it is a safe path. Its last part is not a number,
// because a log's name is the ledger's with a number.
func ValidName(name string) bool {
	if len(name) > maxName || strings.HasPrefix(name, ".") {
		return false
	}
	part, number := 0, true // where the part begins, and whether it has nothing but digits so far
	for i := range len(name) {
		switch c := name[i]; {
		case '0' <= c && c <= '9':
		case 'a' <= c && c <= 'z', c == '-', c == '.' && part == 0:
			number = false
		case c == '/' && i > part:
			part, number = i+1, true
		default:
			return false
		}
	}
	return part < len(name) && !number
}

// NewName makes a name for a ledger that was given none, which no other ledger has:
// piinguin.internal/ and 16 hex digits. The reader is normally crypto/rand.Reader.
func NewName(random io.Reader) (string, error) {
	for {
		var b [8]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("audit: make a name: %w", err)
		}
		if name := fmt.Sprintf("piinguin.internal/%x", b); ValidName(name) {
			return name, nil
		}
	}
}

// Origin is the name of a log in lines, checkpoints and verifier keys: the ledger's name, and behind
// it the number of a log that is not the spine.
func Origin(ledger string, log LogID) string {
	if log == Spine {
		return ledger
	}
	return ledger + "/" + log.String()
}

// ParseOrigin reads Origin. The error is ErrName.
func ParseOrigin(origin string) (ledger string, log LogID, err error) {
	if ValidName(origin) {
		return origin, Spine, nil
	}
	ledger, number := cutLast(origin)
	log, err = ParseLogID(number)
	if err != nil || log == Spine || !ValidName(ledger) {
		return "", 0, ErrName
	}
	return ledger, log, nil
}

// cutLast cuts a text at its last slash. Without one all of it is before.
func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}
