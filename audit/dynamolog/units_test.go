package dynamolog_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit/dynamolog"
)

// metered is a client that adds up the write units that the engine charges, in thousandths.
type metered struct {
	*dynamodb.Client
	units *atomic.Int64
}

func (m metered) charge(c ...types.ConsumedCapacity) {
	for _, of := range c {
		m.units.Add(int64(1000 * *of.CapacityUnits))
	}
}

func (m metered) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.PutItem(ctx, in, o...)
	if err == nil {
		m.charge(*out.ConsumedCapacity)
	}
	return out, err
}

func (m metered) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.BatchWriteItem(ctx, in, o...)
	if err == nil {
		m.charge(out.ConsumedCapacity...)
	}
	return out, err
}

// TestWriteUnits: write units are what the ledger costs. An entry takes 500 bytes, and pages of 32 make
// every entry pay little for the edge, the checkpoint, and what is derived.
func TestWriteUnits(t *testing.T) {
	x := newTable(t)
	var units atomic.Int64
	l := newLedger(t, dynamolog.New(metered{x.client, &units}, x.name))
	const entries = 1280
	for i := range entries / 32 {
		mustAppend(t, l, 32*i, 32)
	}
	mustDerive(t, x.Store, entries/1024)
	each := float64(units.Load()) / 1000 / entries
	t.Logf("%.3f write units an entry", each)
	if each > 0.6 {
		t.Errorf("an entry takes %.3f write units, want at most 0.6", each)
	}
}
