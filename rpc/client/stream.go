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
//
// why is the request without its pii_records: the reference that holds for every record, or nil.
// It is copied. If it holds records, the one thing that is yielded is an error with the code
// invalid_argument.
func (c *Client) CreateStream(
	ctx context.Context, why *piinguinv1.CreatePiiRecordsRequest, records iter.Seq2[*piinguinv1.PiiRecord, error],
) iter.Seq2[*piinguinv1.CreatePiiRecordResult, error] {
	if len(why.GetPiiRecords()) > 0 {
		return itemsInTemplate[*piinguinv1.CreatePiiRecordResult]("pii_records")
	}
	template := &piinguinv1.CreatePiiRecordsRequest{}
	proto.Merge(template, why)
	call := func(ctx context.Context, records []*piinguinv1.PiiRecord) ([]*piinguinv1.CreatePiiRecordResult, error) {
		request := &piinguinv1.CreatePiiRecordsRequest{PiiRecords: records, Reference: template.GetReference()}
		answer, err := c.CreatePiiRecords(ctx, request)
		return answer.GetResults(), err
	}
	return stream(ctx, kind[*piinguinv1.PiiRecord, *piinguinv1.CreatePiiRecordResult]{
		call: call, size: sizeOfRecord, base: proto.Size(template), key: (*piinguinv1.PiiRecord).GetModifiedValue,
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
		return itemsInTemplate[*piinguinv1.ReadPiiRecordResult]("modified_values")
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
//
// why is the request without its modified_values: the purpose and the reference that hold for
// every erasure, or nil. It is copied, and refused with items as in ReadStream.
func (c *Client) DeleteStream(
	ctx context.Context, why *piinguinv1.DeletePiiRecordsRequest, values iter.Seq2[string, error],
) iter.Seq2[*piinguinv1.DeletePiiRecordResult, error] {
	if len(why.GetModifiedValues()) > 0 {
		return itemsInTemplate[*piinguinv1.DeletePiiRecordResult]("modified_values")
	}
	template := &piinguinv1.DeletePiiRecordsRequest{}
	proto.Merge(template, why)
	call := func(ctx context.Context, values []string) ([]*piinguinv1.DeletePiiRecordResult, error) {
		request := &piinguinv1.DeletePiiRecordsRequest{ModifiedValues: values}
		proto.Merge(request, template)
		answer, err := c.DeletePiiRecords(ctx, request)
		return answer.GetResults(), err
	}
	return stream(ctx, kind[string, *piinguinv1.DeletePiiRecordResult]{
		call: call, size: sizeOfValue, base: proto.Size(template), key: func(value string) string { return value },
	}, values)
}

// itemsInTemplate yields the refusal of a template that holds items.
func itemsInTemplate[R any](field string) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		yield(none, twirp.InvalidArgumentError(field, "of a stream come from its input"))
	}
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
