package dynamolog

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
)

const (
	maxStrays = 50   // rows that belong to nothing, which a survey names
	maxKinds  = 2048 // of blobs of all logs, which a survey lists; a ledger has fewer
)

// survey is what a scan of the table has found so far.
type survey struct {
	logs   map[audit.LogID]bool
	kinds  map[audit.BlobKind]bool
	leases []string // partitions
	strays int
	stray  func(*audit.RowError)
}

// Survey implements audit.Evidence with one scan of the table's keys.
func (s *Store) Survey(ctx context.Context, stray func(*audit.RowError)) (audit.Survey, error) {
	v := &survey{logs: map[audit.LogID]bool{}, kinds: map[audit.BlobKind]bool{}, stray: stray}
	for it, err := range s.scan(ctx) {
		if err != nil {
			return audit.Survey{}, err
		}
		v.add(it)
	}
	for _, partition := range v.leases {
		it, err := s.get(ctx, "read lease", key(partition, 0))
		if err != nil && !errors.Is(err, audit.ErrNotFound) {
			return audit.Survey{}, err
		}
		if err == nil && !isLease(it) {
			v.found(it, "its attributes are not those of a lease")
		}
	}
	return audit.Survey{
		Logs: slices.Sorted(maps.Keys(v.logs)),
		Blobs: slices.SortedFunc(maps.Keys(v.kinds), func(a, b audit.BlobKind) int {
			return cmp.Or(cmp.Compare(a.Log, b.Log), cmp.Compare(a.Kind, b.Kind))
		}),
	}, nil
}

// add takes the key of a row.
func (v *survey) add(it item) {
	partition, _ := textOf(it, "partition")
	n, whole := numberOf(it, "number")
	page, notPage := audit.ParseLogID(partition)
	log, kind, isBlob := blobOf(partition)
	switch {
	case whole && n >= 0 && notPage == nil:
		v.logs[page] = true
	case whole && n >= 0 && isBlob:
		if len(v.kinds) < maxKinds {
			v.kinds[audit.BlobKind{Log: log, Kind: kind}] = true
		}
	case whole && n == 0 && partition == ledgerPartition:
	case whole && n == 0 && isLeasePartition(partition):
		v.leases = append(v.leases, partition)
	default:
		v.found(it, "it belongs to nothing")
	}
}

func (v *survey) found(it item, problem string) {
	if v.strays++; v.strays <= maxStrays {
		partition, _ := textOf(it, "partition")
		v.stray(&audit.RowError{Row: rowName(partition, decimalOf(it)), Problem: problem})
	}
}

func decimalOf(it item) string {
	v, ok := it["number"].(*types.AttributeValueMemberN)
	if !ok {
		return ""
	}
	return v.Value
}

// blobOf reads blobPartition.
func blobOf(partition string) (audit.LogID, string, bool) {
	rest, found := strings.CutPrefix(partition, "~")
	name, kind, cut := strings.Cut(rest, "/")
	log, err := audit.ParseLogID(name)
	return log, kind, found && cut && err == nil && audit.ValidKind(kind)
}

func isLeasePartition(partition string) bool {
	name, found := strings.CutPrefix(partition, leasePrefix)
	_, err := audit.ParseLogID(name)
	return found && err == nil
}

func isLease(it item) bool {
	_, okHolder := textOf(it, "holder")
	_, okUntil := numberOf(it, "until")
	return okHolder && okUntil && len(it) == 4
}

// scan yields the keys of every row.
func (s rows) scan(ctx context.Context) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		var start item
		for {
			out, err := s.api.Scan(ctx, &dynamodb.ScanInput{
				TableName: &s.table, ConsistentRead: aws.Bool(true), ExclusiveStartKey: start,
				ProjectionExpression:     aws.String("#p, #n"),
				ExpressionAttributeNames: map[string]string{"#p": "partition", "#n": "number"},
			})
			if err != nil {
				yield(nil, failure(ctx, "scan", err))
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
		}
	}
}
