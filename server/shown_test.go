package server_test

import (
	"testing"

	"github.com/twitchtv/twirp"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
)

// TestRequiredTextIsVisible: a reviewer sees nothing of these purposes, so they are none.
func TestRequiredTextIsVisible(t *testing.T) {
	s := newMemServer(t, nil, func(c *server.Config) { c.RequirePurpose, c.RequireReference = true, true })
	reader := s.as(t, "reader")
	for _, blank := range []string{"", " ", "\u00a0", "\u200b", "\u2060", "\ufeff", "\u3164", "\u00ad", "\u2800"} {
		req := readRequest("a")
		req.Purpose = blank
		_, err := reader.ReadPiiRecord(t.Context(), req)
		wantFailure(t, "purpose", err, twirp.InvalidArgument, "purpose_required")
		many := readsRequest("a")
		many.Purpose, many.Reference = "p", blank
		_, err = reader.ReadPiiRecords(t.Context(), many)
		wantFailure(t, "reference of a batch", err, twirp.InvalidArgument, "reference_required")
	}
	if entries := s.outcomes(t); len(entries) != 0 {
		t.Errorf("entries %q", entries)
	}
}

// TestNoFormatCharacters: nothing that a caller states changes how a reviewer's screen shows the
// text beside it.
func TestNoFormatCharacters(t *testing.T) {
	s := newMemServer(t, nil)
	reader, writer, eraser, auditor := s.as(t, "reader"), s.as(t, "writer"), s.as(t, "eraser"), s.as(t, "auditor")
	for _, c := range []string{"\u202e", "\u2066", "\u200b", "\u200f", "\u2028", "\ufeff"} {
		text := "a" + c + "b"
		read := readRequest("k")
		read.Purpose = text
		_, err := reader.ReadPiiRecord(t.Context(), read)
		wantFailure(t, "read", err, twirp.InvalidArgument, "purpose_format_character")
		reads := readsRequest("k")
		reads.OnBehalfOf = text
		_, err = reader.ReadPiiRecords(t.Context(), reads)
		wantFailure(t, "reads", err, twirp.InvalidArgument, "on_behalf_of_format_character")
		create := createRequest("k")
		create.Reference = text
		_, err = writer.CreatePiiRecord(t.Context(), create)
		wantFailure(t, "create", err, twirp.InvalidArgument, "reference_format_character")
		erase := deleteRequest("k")
		erase.Reference = text
		_, err = eraser.DeletePiiRecord(t.Context(), erase)
		wantFailure(t, "delete", err, twirp.InvalidArgument, "reference_format_character")
		for field, list := range map[string]*piinguinv1.ListEntriesRequest{ // their entries would show it
			"callers": {Callers: []string{text}}, "purposes": {Purposes: []string{"p", text}}, "references": {References: []string{text}}, "request_ids": {RequestIds: []string{text}},
		} {
			_, err = auditor.ListEntries(t.Context(), list)
			wantFailure(t, "list", err, twirp.InvalidArgument, field+"_format_character")
		}
	}
	if entries := s.outcomes(t); len(entries) != 0 {
		t.Errorf("entries %q", entries)
	}
}
