package dynamolog

import (
	"context"
	"iter"
	"math"
	"strconv"

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
	once := func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
	if err := s.putNew(ctx, "commit", pageItem(p), once); err != nil {
		return err
	}
	s.committed(p)
	return nil
}

func pageItem(p audit.Page) item {
	it := key(p.Log, strconv.FormatInt(p.Number, 10))
	lines := make([]types.AttributeValue, len(p.Lines))
	for i, line := range p.Lines {
		lines[i] = text(string(line))
		if line == nil {
			lines[i] = &types.AttributeValueMemberNULL{Value: true}
		}
	}
	if p.Pruned {
		it["leaves"] = blob(join(p.Leaves))
	}
	it["first"] = number(p.First)
	it["entries"] = &types.AttributeValueMemberL{Value: lines}
	it["edge"] = blob(join(p.Edge))
	it["root"] = blob(p.Root[:])
	it["checkpoint"] = text(string(p.Checkpoint))
	return it
}

// pageAttributes is how many attributes a page's row has; the row of a pruned page also has its
// leaves. A row with any other attribute was changed by somebody.
const pageAttributes = 7

// parsePage reads a page's row. The error is an *audit.RowError.
func parsePage(log string, it item) (audit.Page, error) {
	n, ok := numberOf(it, "number")
	p := audit.Page{Log: log, Number: n}
	bad := func(problem string) (audit.Page, error) {
		return p, &audit.RowError{Row: audit.PageRow(log, n), Problem: problem}
	}
	first, okFirst := numberOf(it, "first")
	checkpoint, okCheckpoint := textOf(it, "checkpoint")
	want := pageAttributes
	if p.Leaves, p.Pruned = hashesOf(it, "leaves"); p.Pruned {
		want++
	}
	if !ok || !okFirst || !okCheckpoint || len(it) != want {
		return bad("its attributes are not those of a page")
	}
	p.First, p.Checkpoint = first, []byte(checkpoint)
	list, ok := it["entries"].(*types.AttributeValueMemberL)
	if !ok {
		return bad("its entries are not a list")
	}
	for _, v := range list.Value {
		switch line := v.(type) {
		case *types.AttributeValueMemberS:
			p.Lines = append(p.Lines, []byte(line.Value))
		case *types.AttributeValueMemberNULL:
			p.Lines = append(p.Lines, nil)
		default:
			return bad("its entries are not a list of texts")
		}
	}
	edge, okEdge := hashesOf(it, "edge")
	root, okRoot := hashesOf(it, "root")
	if !okEdge || !okRoot || len(root) != 1 {
		return bad("its hashes are not whole")
	}
	p.Edge, p.Root = edge, root[0]
	return p, nil
}

func join(hashes []tlog.Hash) []byte {
	var b []byte
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
func (s *Store) Last(ctx context.Context, log string) (audit.Page, error) {
	for p, err := range s.pages(ctx, log, math.MaxInt64, false) {
		return p, err
	}
	return audit.Page{}, audit.ErrNotFound
}

// Pages implements audit.PageReader.
func (s *Store) Pages(ctx context.Context, log string, from int64) iter.Seq2[audit.Page, error] {
	if from == 0 {
		from = math.MinInt64 // a page below 0 is a change that must be seen
	}
	return s.pages(ctx, log, from, true)
}

// pages yields the pages of a log from a number on, upwards or downwards.
func (s *Store) pages(ctx context.Context, log string, from int64, up bool) iter.Seq2[audit.Page, error] {
	bound := strconv.FormatInt(from, 10)
	return func(yield func(audit.Page, error) bool) {
		for it, err := range s.rows(ctx, log, bound, up) {
			if err != nil {
				yield(audit.Page{}, err)
				return
			}
			p, err := parsePage(log, it)
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// rows yields the rows of a partition from a number on, upwards or downwards. It asks for few rows
// first, and for more each time: a row may have 100 KB, and most callers want the first ones.
func (s *Store) rows(ctx context.Context, partition, from string, up bool) iter.Seq2[item, error] {
	condition, limit := "#p = :p AND #n >= :n", aws.Int32(4)
	if !up {
		condition, limit = "#p = :p AND #n <= :n", aws.Int32(1) // most often only the last one
	}
	return func(yield func(item, error) bool) {
		var start item
		for {
			out, err := s.api.Query(ctx, &dynamodb.QueryInput{
				TableName:                &s.table,
				ConsistentRead:           aws.Bool(true),
				KeyConditionExpression:   &condition,
				ExpressionAttributeNames: map[string]string{"#p": "partition", "#n": "number"},
				ExpressionAttributeValues: item{
					":p": text(partition), ":n": &types.AttributeValueMemberN{Value: from},
				},
				ScanIndexForward:  &up,
				Limit:             limit,
				ExclusiveStartKey: start,
			})
			if err != nil {
				yield(nil, failure(ctx, "query", err))
				return
			}
			for _, it := range out.Items {
				if !yield(it, nil) {
					return
				}
			}
			if start = out.LastEvaluatedKey; start == nil {
				return
			}
			limit = aws.Int32(min(100, *limit*4))
		}
	}
}

// page returns one page, or audit.ErrNotFound.
func (s *Store) page(ctx context.Context, log string, n int64) (audit.Page, error) {
	it, err := s.get(ctx, "read page", key(log, strconv.FormatInt(n, 10)))
	if err != nil {
		return audit.Page{}, err
	}
	return parsePage(log, it)
}
