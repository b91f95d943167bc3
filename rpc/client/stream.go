package client

import (
	"context"
	"iter"
	"unicode/utf8"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// CreateStream stores records in batches; see "Streams". What is yielded says of the
// nth record that was taken what became of it.
//
// Records of one modified value take effect in the order given. That a record is
// superseded is a result and not an error.
func (c *Client) CreateStream(
	ctx context.Context, records iter.Seq2[*piinguinv1.PiiRecord, error],
) iter.Seq2[*piinguinv1.CreatePiiRecordResult, error] {
	call := func(ctx context.Context, records []*piinguinv1.PiiRecord) ([]*piinguinv1.CreatePiiRecordResult, error) {
		answer, err := c.CreatePiiRecords(ctx, &piinguinv1.CreatePiiRecordsRequest{PiiRecords: records})
		return answer.GetResults(), err
	}
	return stream(ctx, kind[*piinguinv1.PiiRecord, *piinguinv1.CreatePiiRecordResult]{
		call: call, size: sizeOfRecord, key: (*piinguinv1.PiiRecord).GetModifiedValue,
	}, records)
}

// ReadStream reads the records of modified values in batches; see "Streams". What is
// yielded says of the nth value that was taken what became of it. Each value that is
// sent is an audit entry.
//
// why is the request without its modified_values: the basis, the purpose and what else
// holds for every read. It is copied. If it holds modified values, the one thing that
// is yielded is an error with the code invalid_argument.
func (c *Client) ReadStream(
	ctx context.Context, why *piinguinv1.ReadPiiRecordsRequest, values iter.Seq2[string, error],
) iter.Seq2[*piinguinv1.ReadPiiRecordResult, error] {
	if len(why.GetModifiedValues()) > 0 {
		return func(yield func(*piinguinv1.ReadPiiRecordResult, error) bool) {
			yield(nil, twirp.InvalidArgumentError("modified_values", "of a stream come from its input"))
		}
	}
	template := &piinguinv1.ReadPiiRecordsRequest{}
	proto.Merge(template, why)
	call := func(ctx context.Context, values []string) ([]*piinguinv1.ReadPiiRecordResult, error) {
		request := &piinguinv1.ReadPiiRecordsRequest{ModifiedValues: values}
		proto.Merge(request, template)
		answer, err := c.ReadPiiRecords(ctx, request)
		return answer.GetResults(), err
	}
	return stream(ctx, kind[string, *piinguinv1.ReadPiiRecordResult]{
		call: call, size: sizeOfValue, base: proto.Size(template),
	}, values)
}

// DeleteStream erases the records of modified values in batches; see "Streams". What
// is yielded says of the nth value that was taken what became of it. Each value is an
// audit entry.
func (c *Client) DeleteStream(
	ctx context.Context, values iter.Seq2[string, error],
) iter.Seq2[*piinguinv1.DeletePiiRecordResult, error] {
	call := func(ctx context.Context, values []string) ([]*piinguinv1.DeletePiiRecordResult, error) {
		answer, err := c.DeletePiiRecords(ctx, &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: values})
		return answer.GetResults(), err
	}
	return stream(ctx, kind[string, *piinguinv1.DeletePiiRecordResult]{
		call: call, size: sizeOfValue, key: func(value string) string { return value },
	}, values)
}

// sizeOfRecord encodes the record, which is the way to learn whether it can be.
func sizeOfRecord(r *piinguinv1.PiiRecord) (int, error) {
	text, err := proto.Marshal(r)
	if err != nil {
		return 0, errNotUTF8("pii_record")
	}
	return sizeOfField(len(text)), nil
}

func sizeOfValue(value string) (int, error) {
	if !utf8.ValidString(value) {
		return 0, errNotUTF8("modified_value")
	}
	return sizeOfField(len(value)), nil
}

// sizeOfField is one byte of tag, a length, and what it is the length of.
func sizeOfField(n int) int { return 1 + protowire.SizeBytes(n) }

// errNotUTF8 is what the server says of such text that comes as JSON.
func errNotUTF8(argument string) twirp.Error {
	return twirp.InvalidArgumentError(argument, "must be UTF-8").WithMeta(piinguinv1.MetaReason, argument+"_not_utf8")
}
