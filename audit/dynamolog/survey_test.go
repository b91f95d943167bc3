package dynamolog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/dynamolog"
)

// flooded has 80,000 rows that no ledger has: of each kind, and of each log, one.
type flooded struct {
	dynamolog.API
	calls int
}

func (f *flooded) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	out := &dynamodb.ScanOutput{LastEvaluatedKey: item{"partition": text("1"), "number": decimal("0")}}
	if f.calls++; f.calls == 80 {
		out.LastEvaluatedKey = nil
	}
	for i := range 500 {
		n := 500*f.calls + i
		out.Items = append(out.Items,
			item{"partition": text(fmt.Sprintf("~1/tile/%d", n)), "number": decimal("0")},
			item{"partition": text(fmt.Sprintf("piinguin-%d", n)), "number": decimal("0")})
	}
	return out, nil
}

// TestSurveyIsBounded: what a survey keeps and names does not grow with the rows that somebody added.
func TestSurveyIsBounded(t *testing.T) {
	strays := 0
	got, err := dynamolog.New(&flooded{}, "piinguin-audit").Survey(t.Context(), func(*audit.RowError) { strays++ })
	if err != nil || strays != 50 || len(got.Blobs) != 2048 || len(got.Logs) != 0 {
		t.Errorf("Survey: %d logs, %d kinds of blobs, %d rows named, %v; want 0, 2048, 50", len(got.Logs), len(got.Blobs), strays, err)
	}
}
