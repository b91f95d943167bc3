package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Version is the version of the entry format that this package writes and reads.
const Version = 2

// MaxLine is the size limit of a line in bytes (C2SP tlog-tiles, entry bundles).
const MaxLine = 65535

// Format returns the entry's line: canonical JSON, without a newline. The error wraps ErrEntry and
// names the field that breaks the format, never its content.
func (e Entry) Format() ([]byte, error) {
	if err := e.validatePlace(); err != nil {
		return nil, err
	}
	d, err := newDraft(e)
	if err != nil {
		return nil, err
	}
	line := d.appendLine(make([]byte, 0, d.room(e.Ledger)), &e, FormatTime(e.Time))
	if len(line) > MaxLine {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrEntry, MaxLine)
	}
	return line, nil
}

// LeafHash returns the RFC 6962 leaf hash of a line: SHA-256(0x00 || line).
func LeafHash(line []byte) tlog.Hash { return tlog.RecordHash(line) }
