package relay

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the format's checksum, which protects against damage only

	"google.golang.org/protobuf/encoding/protowire"
)

// aggregateMagic begins a record into which a producer packed several (Amazon's Kinesis
// Producer Library, KPL). It is not UTF-8, so no event begins so. A message and its MD5
// follow.
var aggregateMagic = []byte{0xf3, 0x89, 0x9a, 0xc2}

// The fields of the messages that are looked at. AggregatedRecord: the records; Record:
// its data.
const (
	aggregateRecords protowire.Number = 3
	aggregateData    protowire.Number = 3
)

// disaggregate returns the parts of an aggregated record, whose places are their
// sub-sequence numbers; parts is nil for any other record. ok is false if it is damaged or
// has no parts: nothing in it may be taken for an event then.
func disaggregate(record []byte) (parts [][]byte, ok bool) {
	message, aggregated := bytes.CutPrefix(record, aggregateMagic)
	if !aggregated {
		return nil, true
	}
	end := len(message) - md5.Size
	if end < 0 {
		return nil, false
	}
	if sum := md5.Sum(message[:end]); !bytes.Equal(sum[:], message[end:]) { //nolint:gosec // as above
		return nil, false
	}
	for _, r := range bytesFields(message[:end], aggregateRecords) {
		data := bytesFields(r, aggregateData)
		if len(data) != 1 {
			return nil, false
		}
		parts = append(parts, data[0])
	}
	return parts, len(parts) > 0
}

// bytesFields returns the values of one field of a message, which are bytes: none if the
// message is damaged.
func bytesFields(message []byte, wanted protowire.Number) (values [][]byte) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == wanted {
			if kind != protowire.BytesType {
				return nil
			}
			var value []byte
			value, n = protowire.ConsumeBytes(message)
			values = append(values, value)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return nil
		}
		message = message[n:]
	}
	return values
}
