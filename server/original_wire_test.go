package server_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// Messages of the original Piinguin, by the field numbers of its own .proto.
var (
	originalRecord = originalText(originalText(nil, 1, "k"), 2, "CANARY-new")
	originalCreate = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), originalRecord)
	originalDelete = originalText(nil, 1, "k")
	// Its CONTRACT is 1, which is CONSENT here.
	originalRead = protowire.AppendVarint(protowire.AppendTag(originalText(nil, 1, "k"), 2, protowire.VarintType), 1)
)

func originalText(b []byte, n protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), text)
}

// TestOriginalMessagesFail posts messages of the original Piinguin. Taken by its numbers, a read
// would state another lawful basis than its caller did.
func TestOriginalMessagesFail(t *testing.T) {
	s := newMemServer(t, nil)
	s.put(t, "k")
	for _, c := range []struct {
		role, method string
		message      []byte
		reason       string
	}{
		{"writer", "CreatePiiRecord", originalCreate, "pii_record_required"},
		{"writer", "CreatePiiRecords", originalCreate, "pii_records_required"},
		{"reader", "ReadPiiRecord", originalRead, "modified_value_required"},
		{"reader", "ReadPiiRecords", originalRead, "modified_values_required"},
		{"eraser", "DeletePiiRecord", originalDelete, "modified_value_required"},
		{"eraser", "DeletePiiRecords", originalDelete, "modified_values_required"},
	} {
		status, answer := s.sendProto(t, c.method, "dev-"+c.role, bytes.NewReader(c.message))
		if status != http.StatusBadRequest || !strings.Contains(answer, `"`+c.reason+`"`) {
			t.Errorf("%s: %d %s, want 400 %s", c.method, status, answer, c.reason)
		}
	}
	if entries := s.outcomes(t); len(entries) != 0 {
		t.Errorf("entries of messages that mean nothing here: %q", entries)
	}
	if got := s.records.Mem.Get(t.Context(), []string{"k"})[0]; got.Err != nil || got.Record.Original.Reveal() != canary {
		t.Error("a message of the original changed a record")
	}
}

// sendProto posts a protobuf message to a method of the service Piinguin.
func (f *testServer) sendProto(t tester, method, token string, body io.Reader) (int, string) {
	t.Helper()
	return f.sendAs(t, "application/protobuf", http.MethodPost, "/twirp/piinguin.v1.Piinguin/"+method, token, body)
}
