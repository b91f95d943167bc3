package dynamolog_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit/dynamolog"
)

// endless has no row, and says of each answer that more follow, until it was asked five times.
type endless struct {
	dynamolog.API
	limits []int32
}

func (e *endless) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	e.limits = append(e.limits, *in.Limit)
	if len(e.limits) == 5 {
		return &dynamodb.QueryOutput{}, nil
	}
	return &dynamodb.QueryOutput{LastEvaluatedKey: map[string]types.AttributeValue{"partition": &types.AttributeValueMemberS{Value: "1"}}}, nil
}

// TestFewRowsFirst: whoever searches wants one page, and a page may have 100 KB. A hundred at once would cost
// memory and read capacity for nothing; few each time would be many calls for a whole log.
func TestFewRowsFirst(t *testing.T) {
	e := &endless{}
	for _, err := range dynamolog.New(e, "piinguin-audit").Pages(t.Context(), 1, 0) {
		t.Fatalf("a page, or an error: %v", err)
	}
	if d := cmp.Diff([]int32{1, 4, 16, 64, 100}, e.limits); d != "" {
		t.Errorf("rows that each call asks for (-want +got):\n%s", d)
	}
}
