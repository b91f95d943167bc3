package dynamostore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/server/store"
)

// FuzzParse: whatever another program has put into the table, an item is refused without a word of it, or is
// a tombstone, or a record with the very value that stands in it.
func FuzzParse(f *testing.F) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	f.Add("c4n4ry-value", store.FormatTime(now), "", "", byte(0))
	f.Add("c4n4ry-value", store.FormatTime(now), store.FormatTime(now), "1e3", byte(0))
	f.Add("", "c4n4ry", "2026", "-1", byte(1))
	f.Add("c4n4ry-value", "", "", "NaN", byte(2))
	f.Fuzz(func(t *testing.T, original, observed, erased, expires string, kinds byte) {
		it := keyOf("m-1")
		for i, attribute := range []struct{ name, value string }{{attrOriginalValue, original}, {attrObservedAt, observed}, {attrErasedAt, erased}, {attrExpiresAt, expires}} {
			switch {
			case attribute.value == "" && attribute.name != attrOriginalValue:
			case kinds&(1<<i) != 0:
				it[attribute.name] = &types.AttributeValueMemberB{Value: []byte(attribute.value)}
			case attribute.name == attrExpiresAt:
				it[attribute.name] = &types.AttributeValueMemberN{Value: attribute.value}
			default:
				it[attribute.name] = text(attribute.value)
			}
		}
		r, err := parse(it, now)
		if err != nil {
			if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if live := erased == ""; r.standing.Live != live || r.standing.Erased == live {
			t.Errorf("it stands as %+v", r.standing)
		}
		if r.standing.Live && !r.record.Original.Equal(store.NewOriginal(original)) {
			t.Error("the record has another value")
		}
	})
}
