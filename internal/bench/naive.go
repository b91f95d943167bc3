package main

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/internal/awsx"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// naive is what somebody would write in an hour: a Twirp server that makes a bare SDK call for
// each step. A read is a GetItem and then a PutItem of a 300-byte audit item, a create two
// PutItems. A batch of creates is parallel PutItems without any audit. Its client is made as
// Piinguin's is.
type naive struct {
	piinguinv1.Piinguin
	db             *dynamodb.Client
	records, audit string
	batches        chan struct{} // PutItems of batches under way
}

// batchPuts is how many PutItems all batches of naive have under way: more are no faster on two
// cores.
const batchPuts = 128

func newNaive(ctx context.Context, records, audit string) (naive, error) {
	cfg, err := awsx.Config(ctx)
	return naive{db: dynamodb.NewFromConfig(cfg), records: records, audit: audit, batches: make(chan struct{}, batchPuts)}, err
}

func (n naive) ReadPiiRecord(ctx context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	out, err := n.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &n.records, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"modifiedValue": text(req.GetModifiedValue())},
	})
	if err != nil {
		return nil, err
	}
	value, ok := out.Item["originalValue"].(*types.AttributeValueMemberS)
	if !ok {
		return nil, errors.New("the record is not there")
	}
	if err := n.putAudit(ctx); err != nil {
		return nil, err
	}
	return answerTo(req.GetModifiedValue(), value.Value), nil
}

func (n naive) CreatePiiRecord(ctx context.Context, req *piinguinv1.CreatePiiRecordRequest) (*piinguinv1.CreatePiiRecordResponse, error) {
	if err := n.putAudit(ctx); err != nil {
		return nil, err
	}
	return &piinguinv1.CreatePiiRecordResponse{}, n.putRecord(ctx, req.GetPiiRecord())
}

func (n naive) CreatePiiRecords(ctx context.Context, req *piinguinv1.CreatePiiRecordsRequest) (*piinguinv1.CreatePiiRecordsResponse, error) {
	res := &piinguinv1.CreatePiiRecordsResponse{}
	var puts errgroup.Group
	for _, r := range req.GetPiiRecords() {
		res.Results = append(res.Results, &piinguinv1.CreatePiiRecordResult{})
		n.batches <- struct{}{}
		puts.Go(func() error {
			defer func() { <-n.batches }()
			return n.putRecord(ctx, r)
		})
	}
	return res, puts.Wait()
}

func (n naive) putAudit(ctx context.Context) error {
	_, err := n.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &n.audit, Item: map[string]types.AttributeValue{
		"partition": text(rand.Text()), "number": &types.AttributeValueMemberN{Value: "0"}, "entry": text(usualEntry),
	}})
	return err
}

func (n naive) putRecord(ctx context.Context, r *piinguinv1.PiiRecord) error {
	_, err := n.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &n.records, Item: map[string]types.AttributeValue{
		"modifiedValue": text(r.GetModifiedValue()), "originalValue": text(r.GetOriginalValue()), "fieldName": text(r.GetSource().GetFieldName()),
		"hashFunction": text(r.GetSource().GetHashFunction()), "observedAt": text("2026-01-31T12:00:00.000000Z"),
	}})
	return err
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
