package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// TestEntriesHaveWhatIsStated: the entries of a delete have its purpose and reference, those of a
// create its reference, whether it succeeds or the store fails.
func TestEntriesHaveWhatIsStated(t *testing.T) {
	for what, c := range map[string]struct {
		role string
		call func(ctx context.Context, c *client.Client) error
		want []string
	}{
		"create": {"writer", func(ctx context.Context, c *client.Client) error {
			_, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: "a"}, Reference: "R-1"})
			return err
		}, []string{"CREATE  | |R-1|"}},
		"creates": {"writer", func(ctx context.Context, c *client.Client) error {
			_, err := c.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "a"}}, Reference: "R-2"})
			return err
		}, []string{"CREATE  | |R-2|"}},
		"delete": {"eraser", func(ctx context.Context, c *client.Client) error {
			_, err := c.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{ModifiedValue: "a", Purpose: "p", Reference: "R-3", OnBehalfOf: "o"})
			return err
		}, []string{"DELETE a |p |R-3|o"}},
		"deletes": {"eraser", func(ctx context.Context, c *client.Client) error {
			_, err := c.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: []string{"a", "b"}, Purpose: "p", Reference: "R-4", OnBehalfOf: "o"})
			return err
		}, []string{"DELETE a |p |R-4|o", "DELETE b |p |R-4|o"}},
	} {
		for _, fault := range []error{nil, errEngine} {
			s := newMemServer(t, nil)
			s.records.fail(fault, nil)
			_ = c.call(t.Context(), s.as(t, c.role)) // a failed batch call is no error
			want := c.want
			if fault != nil {
				want = append(want[:len(want):len(want)], want...) // the second says that it failed
			}
			var got []string
			for _, e := range s.entries(t) {
				got = append(got, strings.Join([]string{string(e.Operation), e.ModifiedValue, "|" + e.Purpose, "|" + e.Reference + "|" + e.OnBehalfOf}, " "))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, store fails with %v: (-want +got):\n%s", what, fault, diff)
			}
		}
	}
}

// TestStatedLimits holds what a change may state to the limits of what a read may.
func TestStatedLimits(t *testing.T) {
	s := newMemServer(t, nil)
	long := strings.Repeat("x", 513)
	writer, eraser := s.as(t, "writer"), s.as(t, "eraser")
	for reason, call := range map[string]func(ctx context.Context) error{
		"reference_too_long": func(ctx context.Context) error {
			_, err := writer.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: "a"}, Reference: long})
			return err
		},
		"reference_control_character": func(ctx context.Context) error {
			_, err := writer.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{{ModifiedValue: "a"}}, Reference: "\n"})
			return err
		},
		"purpose_too_long": func(ctx context.Context) error {
			_, err := eraser.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{ModifiedValue: "a", Purpose: long})
			return err
		},
		"on_behalf_of_too_long": func(ctx context.Context) error {
			_, err := eraser.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: []string{"a"}, OnBehalfOf: long})
			return err
		},
	} {
		wantFailure(t, reason, call(t.Context()), twirp.InvalidArgument, reason)
	}
	if entries := s.outcomes(t); len(entries) != 0 {
		t.Errorf("entries %q", entries)
	}
}

// TestLongKeys: what a table of the original Piinguin holds can be read, erased and reviewed; a
// new record has a shorter key.
func TestLongKeys(t *testing.T) {
	s := newMemServer(t, nil)
	longest, longer := strings.Repeat("k", 2048), strings.Repeat("k", 2049)
	s.put(t, longest)
	reader, eraser, auditor := s.as(t, "reader"), s.as(t, "eraser"), s.as(t, "auditor")
	if _, err := reader.ReadPiiRecord(t.Context(), readRequest(longest)); err != nil {
		t.Errorf("read: %v", err)
	}
	if _, err := eraser.DeletePiiRecord(t.Context(), deleteRequest(longest)); err != nil {
		t.Errorf("delete: %v", err)
	}
	reads, err := reader.ReadPiiRecords(t.Context(), readsRequest(longest, longer))
	if err != nil || reads.GetResults()[0].GetError().GetReason() != "not_found" || reads.GetResults()[1].GetError().GetReason() != "modified_value_too_long" {
		t.Errorf("batch read: %v, %v", reads, err)
	}
	found, err := auditor.ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Subjects: []string{longest}})
	if err != nil || len(found.GetEntries()) != 3 {
		t.Errorf("list: %d entries, %v", len(found.GetEntries()), err)
	}
	_, err = reader.ReadPiiRecord(t.Context(), readRequest(longer))
	wantFailure(t, "a longer read", err, twirp.InvalidArgument, "modified_value_too_long")
	_, err = eraser.DeletePiiRecord(t.Context(), deleteRequest(longer))
	wantFailure(t, "a longer delete", err, twirp.InvalidArgument, "modified_value_too_long")
	_, err = auditor.ListEntries(t.Context(), &piinguinv1.ListEntriesRequest{Subjects: []string{longer}})
	wantFailure(t, "a longer subject", err, twirp.InvalidArgument, "subjects_too_long")
	_, err = s.as(t, "writer").CreatePiiRecord(t.Context(), createRequest(longest[:129]))
	wantFailure(t, "a create", err, twirp.InvalidArgument, "modified_value_too_long")
}
