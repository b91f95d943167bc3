package relaytest

import (
	"crypto/md5" //nolint:gosec // the format's checksum
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Aggregate packs lines into one record, as Amazon's Kinesis Producer Library (KPL) does.
func Aggregate(lines ...string) []byte {
	message := protowire.AppendTag(nil, 1, protowire.BytesType)
	message = protowire.AppendString(message, "partition key")
	for _, line := range lines {
		record := protowire.AppendTag(nil, 1, protowire.VarintType)
		record = protowire.AppendVarint(record, 0)
		record = protowire.AppendTag(record, 3, protowire.BytesType)
		record = protowire.AppendString(record, line)
		message = protowire.AppendTag(message, 3, protowire.BytesType)
		message = protowire.AppendBytes(message, record)
	}
	return Seal(message)
}

// Seal makes a record of a message: magic number, message, checksum.
func Seal(message []byte) []byte {
	sum := md5.Sum(message) //nolint:gosec // as above
	return slices.Concat([]byte{0xf3, 0x89, 0x9a, 0xc2}, message, sum[:])
}
