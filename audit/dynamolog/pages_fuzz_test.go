package dynamolog

import (
	"errors"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// FuzzParsePage: whatever a row holds, it is refused, or a page that is stored as this very row.
func FuzzParsePage(f *testing.F) {
	hash := make([]byte, 32)
	const at = "2026-10-01T12:00:00.000000Z"
	f.Add("0", "0", at, "note", hash, hash, hash, "line", byte(0), "")
	f.Add("1", "9", at, "", []byte{}, hash[1:], []byte{}, "", byte(1), "leaves")
	f.Add("0", "0", at, "note", hash, hash, hash, "line", byte(0), "other")
	f.Add("-1", "-9", "2026-10-01T12:00:00Z", "", hash, hash, hash, "", byte(2), "other")
	f.Add("0.5", "+9", at, "", hash, hash, hash, "", byte(3), "lines")
	f.Add("9223372036854775808", "1e3", at, "", hash, hash, hash, "", byte(3), "leaves")
	f.Fuzz(func(t *testing.T, number, first, at, checkpoint string, edge, root, leaves []byte, line string, kind byte, more string) {
		values := []types.AttributeValue{
			text(line), &types.AttributeValueMemberNULL{Value: true}, &types.AttributeValueMemberN{Value: line}, blob(leaves),
		}
		value := values[int(kind)%len(values)]
		it := key("1", 0)
		it["number"], it["first"] = &types.AttributeValueMemberN{Value: number}, &types.AttributeValueMemberN{Value: first}
		it["time"], it["edge"], it["root"], it["checkpoint"] = text(at), blob(edge), blob(root), text(checkpoint)
		it["lines"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{text(line), value}}
		switch {
		case more == "leaves":
			delete(it, "lines")
			it[more] = value
		case more != "":
			it[more] = value
		}
		p, err := parsePage(1, it)
		if err != nil {
			mustName(t, err, number)
			return
		}
		if diff := cmp.Diff(it, pageItem(p), cmpopts.IgnoreUnexported(
			types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberL{}, types.AttributeValueMemberNULL{}),
			cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("stored again (-want +got):\n%s", diff)
		}
	})
}

// mustName checks that an error names the row of log 1 with the number that is stored, whatever it is.
func mustName(t *testing.T, err error, stored string) {
	t.Helper()
	want := rowName("1", stored)
	if n, err := strconv.ParseInt(stored, 10, 64); err == nil && strconv.FormatInt(n, 10) == stored {
		want = audit.PageRow(1, n)
	}
	var row *audit.RowError
	if !errors.As(err, &row) || row.Row != want {
		t.Errorf("refused with %v, want %s named", err, want)
	}
}
