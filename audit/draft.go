package audit

import (
	"bytes"
	"strconv"
	"strings"
)

// draft is an entry whose content is valid, with the part of its line that does not depend on where it
// will stand. Only newDraft makes one, so no line is written whose content was not checked. Callers make
// drafts on their own goroutines: the writer, which serves all of them, adds the place.
//
// The line is in the form of RFC 8785: names sorted, no white space, and only the quote and the
// backslash escaped (section 3.2.2.2: an entry has no control characters). It is written by hand
// because it is a good part of what a read costs. A test compares it with a library.
type draft struct {
	entry Entry
	text  []byte // the fields but index, log, time and version
	place int    // where in text index and log belong
}

// newDraft checks the fields that the ledger's caller sets. The error wraps ErrEntry.
func newDraft(e Entry) (draft, error) {
	if err := e.validateContent(); err != nil {
		return draft{}, err
	}
	var room [1024]byte // on the stack: the text is copied once its length is known
	b := append(room[:0], '{')
	b = appendText(b, "about", e.About)
	b = appendText(b, "authentication", e.Authentication)
	b = appendText(b, "basis", e.Basis)
	b = appendText(b, "caller", e.Caller)
	b = appendText(b, "checkpoint", e.Checkpoint)
	if e.Count != 0 {
		b = append(strconv.AppendInt(append(b, `"count":`...), e.Count, 10), ',')
	}
	b = appendText(b, "detail", e.Detail)
	b = appendText(b, "grant", e.Grant)
	place := len(b)
	b = appendText(b, "modified_value", e.ModifiedValue)
	b = appendText(b, "on_behalf_of", e.OnBehalfOf)
	b = appendText(b, "operation", string(e.Operation))
	b = appendText(b, "outcome", string(e.Outcome))
	b = appendText(b, "policy", e.Policy)
	b = appendText(b, "purpose", e.Purpose)
	b = appendText(b, "reason", e.Reason)
	b = appendText(b, "reference", e.Reference)
	b = appendText(b, "request_id", e.RequestID)
	b = appendText(b, "special_category_condition", e.Condition)
	return draft{e, bytes.Clone(b), place}, nil
}

// appendText appends a field and the comma after it. value is UTF-8 without control characters.
func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, '"'), name...), `":"`...)
	if strings.IndexByte(value, '"') < 0 && strings.IndexByte(value, '\\') < 0 {
		b = append(b, value...)
	} else {
		for i := range len(value) {
			if value[i] == '"' || value[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, value[i])
		}
	}
	return append(b, `",`...)
}

// room is how long the line can be in a ledger.
func (d *draft) room(ledger string) int { return len(d.text) + len(ledger) + 96 }

// appendLine appends the draft's line at the place that e has, which must be valid. at is FormatTime of
// its time.
func (d *draft) appendLine(b []byte, e *Entry, at string) []byte {
	b = append(append(b, d.text[:d.place]...), `"index":`...)
	b = append(strconv.AppendInt(b, e.Index, 10), `,"log":"`...)
	b = append(b, e.Ledger...)
	if e.Log != Spine {
		b = strconv.AppendInt(append(b, '/'), int64(e.Log), 10)
	}
	b = append(append(b, `",`...), d.text[d.place:]...)
	b = append(append(append(b, `"time":"`...), at...), `","version":`...)
	return append(strconv.AppendInt(b, Version, 10), '}')
}
