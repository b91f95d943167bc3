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
	f.Add(int64(0), int64(0), "note", hash, hash, hash, "line", byte(0), "")
	f.Add(int64(1), int64(9), "", []byte{}, hash[1:], []byte{}, "", byte(1), "leaves")
	f.Add(int64(0), int64(0), "note", hash, hash, hash, "line", byte(0), "other")
	f.Add(int64(-1), int64(-9), "", hash, hash, hash, "", byte(2), "other")
	f.Add(int64(1), int64(9), "", hash, hash, hash, "", byte(3), "entries")
	f.Fuzz(func(t *testing.T, number, first int64, checkpoint string, edge, root, leaves []byte, line string, kind byte, more string) {
		values := []types.AttributeValue{
			text(line), &types.AttributeValueMemberNULL{Value: true}, &types.AttributeValueMemberN{Value: line}, blob(leaves),
		}
		value := values[int(kind)%len(values)]
		it := key("piinguin-1", strconv.FormatInt(number, 10))
		it["first"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(first, 10)}
		it["entries"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{text(line), value}}
		it["edge"], it["root"], it["checkpoint"] = blob(edge), blob(root), text(checkpoint)
		if more != "" {
			it[more] = value
		}
		p, err := parsePage("piinguin-1", it)
		if err != nil {
			var row *audit.RowError
			if !errors.As(err, &row) {
				t.Errorf("refused with %T", err)
			}
			return
		}
		if diff := cmp.Diff(it, pageItem(p), cmpopts.IgnoreUnexported(
			types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberB{}, types.AttributeValueMemberL{}, types.AttributeValueMemberNULL{}),
			cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("stored again (-want +got):\n%s", diff)
		}
	})
}
