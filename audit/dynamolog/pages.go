package dynamolog

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// Commit implements audit.Log with one conditional PutItem.
func (s *Store) Commit(ctx context.Context, p audit.Page) error {
	// The SDK must not retry: the ledger's writer has the deadline, and reads back what became of
	// a commit.
	return s.putNew(ctx, "commit", pageItem(p), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
}

func pageItem(p audit.Page) item {
	it := key(p.Log.String(), p.Number)
	it["first"] = number(p.First)
	it["time"] = text(audit.FormatTime(p.Time))
	it["edge"] = blob(join(p.Edge))
	it["root"] = blob(p.Root[:])
	it["checkpoint"] = text(string(p.Checkpoint))
	if p.Stub {
		it["leaves"] = blob(join(p.Leaves))
		return it
	}
	lines := make([]types.AttributeValue, len(p.Lines))
	for i, line := range p.Lines {
		lines[i] = text(string(line))
	}
	it["lines"] = &types.AttributeValueMemberL{Value: lines}
	return it
}

// pageAttributes is how many attributes a page's row has. A row with another one was changed by
// somebody.
const pageAttributes = 8

// parsePage reads a page's row. The error is an *audit.RowError.
func parsePage(log audit.LogID, it item) (audit.Page, error) {
	n, okNumber := numberOf(it, "number")
	p := audit.Page{Log: log, Number: n}
	row := audit.PageRow(log, n)
	if !okNumber {
		row = rowName(log.String(), decimalOf(it))
	}
	bad := func(problem string) (audit.Page, error) { return p, &audit.RowError{Row: row, Problem: problem} }
	first, okFirst := numberOf(it, "first")
	at, okTime := textOf(it, "time")
	checkpoint, okCheckpoint := textOf(it, "checkpoint")
	if !okNumber || !okFirst || !okTime || !okCheckpoint || len(it) != pageAttributes {
		return bad("its attributes are not those of a page")
	}
	var err error
	if p.Time, err = audit.ParseTime(at); err != nil {
		return bad("its time is not one that a page has")
	}
	p.First, p.Checkpoint = first, []byte(checkpoint)
	var root []tlog.Hash
	var okEdge, okRoot bool
	p.Edge, okEdge = hashesOf(it, "edge")
	root, okRoot = hashesOf(it, "root")
	if !okEdge || !okRoot || len(root) != 1 {
		return bad("its hashes are not whole")
	}
	p.Root = root[0]
	if list, ok := it["lines"].(*types.AttributeValueMemberL); ok {
		for _, v := range list.Value {
			line, ok := v.(*types.AttributeValueMemberS)
			if !ok {
				return bad("its lines are not a list of texts")
			}
			p.Lines = append(p.Lines, []byte(line.Value))
		}
		return p, nil
	}
	if p.Leaves, p.Stub = hashesOf(it, "leaves"); !p.Stub {
		return bad("it has neither lines nor, as a stub, leaf hashes")
	}
	return p, nil
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

func hashesOf(it item, name string) (hashes []tlog.Hash, ok bool) {
	b, ok := binaryOf(it, name)
	for ; len(b) >= tlog.HashSize; b = b[tlog.HashSize:] {
		hashes = append(hashes, tlog.Hash(b[:tlog.HashSize]))
	}
	return hashes, ok && len(b) == 0
}

// Last implements audit.PageReader.
func (s rows) Last(ctx context.Context, log audit.LogID) (audit.Page, error) {
	for it, err := range s.each(ctx, log.String(), nil) {
		if err != nil {
			return audit.Page{}, err
		}
		return parsePage(log, it)
	}
	return audit.Page{}, audit.ErrNotFound
}

// Pages implements audit.PageReader.
func (s rows) Pages(ctx context.Context, log audit.LogID, from int64) iter.Seq2[audit.Page, error] {
	return func(yield func(audit.Page, error) bool) {
		for it, err := range s.each(ctx, log.String(), &from) {
			var p audit.Page
			if err == nil {
				p, err = parsePage(log, it)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// maxQuery is how many rows one Query fetches at most; DynamoDB ends it at 1 MB before that.
const maxQuery = 100

// each yields the rows of a partition from a number on, or without one from the last row down.
func (s rows) each(ctx context.Context, partition string, from *int64) iter.Seq2[item, error] {
	in := dynamodb.QueryInput{
		TableName:                 &s.table,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("#p = :p"),
		ExpressionAttributeNames:  map[string]string{"#p": "partition"},
		ExpressionAttributeValues: item{":p": text(partition)},
		ScanIndexForward:          aws.Bool(from != nil),
	}
	if from != nil {
		in.KeyConditionExpression = aws.String("#p = :p AND #n >= :n")
		in.ExpressionAttributeNames["#n"], in.ExpressionAttributeValues[":n"] = "number", number(*from)
	}
	return func(yield func(item, error) bool) {
		in := in
		for limit := int32(1); ; limit = min(4*limit, maxQuery) { // whoever searches wants only the first
			in.Limit = &limit
			out, err := s.query(ctx, &in)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, it := range out.Items {
				if !yield(it, nil) {
					return
				}
			}
			if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
				return
			}
		}
	}
}

func (s rows) query(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := s.api.Query(ctx, in)
	return out, failure(ctx, "query", err)
}
