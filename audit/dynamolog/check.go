package dynamolog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/piinguin/piinguin/audit"
)

// Audit implements audit.Evidence. It scans the whole table once for the logs that
// have pages and for the derived rows, and reads the pages once for the rows that should be
// there. Both sides are summed up, so memory does not grow with the table; only
// when the sums differ is it looked for the row, with a read for each.
func (s *Store) Audit(ctx context.Context, found func(*audit.RowError)) ([]string, error) {
	registered, err := s.Logs(ctx)
	if err != nil {
		return nil, err
	}
	c := check{
		store: s, found: found, logs: slices.Clone(registered),
		marks: map[string]int64{}, tops: map[string]int64{}, strays: map[string]item{},
	}
	for _, log := range registered {
		if err := c.mark(ctx, log); err != nil {
			return nil, err
		}
	}
	for it, err := range s.scan(ctx) {
		if err == nil {
			err = c.row(ctx, it)
		}
		if err != nil {
			return nil, err
		}
	}
	for log, it := range c.strays {
		if !slices.Contains(c.logs, log) {
			found(badRow(it))
		}
	}
	slices.Sort(c.logs)
	want := sum{}
	for it, err := range s.wanted(ctx, c.marks) {
		if err != nil {
			return nil, err
		}
		want.add(it)
	}
	if c.have != want {
		err = s.compare(ctx, c.marks, found)
	}
	return c.logs, errors.Join(err, c.tails(ctx))
}

// check is one look through the table.
type check struct {
	store  *Store
	found  func(*audit.RowError)
	logs   []string
	marks  map[string]int64 // watermarks
	tops   map[string]int64 // the number after the last page that a derived row names
	strays map[string]item  // a derived row of each log that is not registered
	have   sum
}

func (c *check) mark(ctx context.Context, log string) (err error) {
	c.marks[log], err = c.store.watermark(ctx, log)
	return asFinding(err, c.found)
}

func (c *check) row(ctx context.Context, it item) error {
	partition, _ := textOf(it, "partition")
	switch {
	case !strings.Contains(partition, "/"):
		if !slices.Contains(c.logs, partition) {
			c.logs = append(c.logs, partition)
			c.found(&audit.RowError{Row: audit.LogRow(partition), Problem: "not registered"})
		}
	case isDerived(partition):
		log, _ := textOf(it, "log")
		if _, known := c.marks[log]; !known {
			c.strays[log] = it
			if err := c.mark(ctx, log); err != nil {
				return err
			}
		}
		if n, ok := numberOf(it, "page"); ok {
			c.tops[log] = max(c.tops[log], n+1)
		}
		if !ahead(it, c.marks) {
			c.have.add(it)
		}
	case partition == logsPartition && !isOwn(it):
		log, _ := textOf(it, "log")
		c.found(&audit.RowError{Row: audit.LogRow(log), Problem: "registered under another number than its own"})
	case !isOwn(it):
		c.found(badRow(it))
	}
	return nil
}

// maxLevel is the highest level of a tile that a log of less than 2^63 entries has.
const maxLevel = 6

func isDerived(partition string) bool {
	first, rest, _ := strings.Cut(partition, "/")
	return first == "subject" || first == "caller" || strings.HasPrefix(rest, "tile/")
}

// isOwn reports whether a row that is neither page nor derived is one of ours. A
// watermark may come before its log's pages, and alone does no harm.
func isOwn(it item) bool {
	partition, _ := textOf(it, "partition")
	n, _ := decimalOf(it, "number")
	switch {
	case partition == keyPartition, isLease(partition):
		return n == "0"
	case partition == logsPartition:
		log, _ := textOf(it, "log")
		want, _ := decimalOf(logItem(log), "number")
		return n == want
	}
	return strings.HasSuffix(partition, "/watermark") && n == "0"
}

// ahead reports whether a derived row names a page that its log's watermark does
// not cover: one that is being derived now.
func ahead(it item, marks map[string]int64) bool {
	log, _ := textOf(it, "log")
	n, ok := numberOf(it, "page")
	mark, known := marks[log]
	return ok && known && n >= mark
}

// scan yields the keys and the small attributes of every row.
func (s *Store) scan(ctx context.Context) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		var start item
		for {
			out, err := s.api.Scan(ctx, &dynamodb.ScanInput{
				TableName: &s.table, ConsistentRead: aws.Bool(true), ExclusiveStartKey: start,
				ProjectionExpression: aws.String("#p, #n, #l, #g, #h"),
				ExpressionAttributeNames: map[string]string{
					"#p": "partition", "#n": "number", "#l": "log", "#g": "page", "#h": "hashes",
				},
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

// tails finds pages that are missing at the end of a log: what is derived speaks
// of them still.
func (c *check) tails(ctx context.Context) error {
	for log, mark := range c.marks {
		last, err := c.store.Last(ctx, log)
		next := last.Number + 1
		switch {
		case errors.Is(err, audit.ErrNotFound):
			next = 0
		case isRowError(err):
			continue // the log's own verification names it
		case err != nil:
			return err
		}
		if c.tops[log] > next {
			c.found(&audit.RowError{Row: audit.PageRow(log, next), Problem: "missing, though a derived row names it or a later one"})
		} else if mark > next {
			c.found(&audit.RowError{Row: rowName(watermarkPartition(log), "0"), Problem: "it is past the last page"})
		}
	}
	return nil
}

// wanted yields the derived rows that the pages below the watermarks should
// have. A page that is not whole ends its log: the log's own verification names it.
func (s *Store) wanted(ctx context.Context, marks map[string]int64) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for log, mark := range marks {
			d := &derivation{log: log, tiler: &audit.Tiler{}}
			for p, err := range s.Pages(ctx, log, 0) {
				var items []item
				if err == nil && (p.Number >= mark || p.Number != d.next) {
					break
				}
				if err == nil {
					items, err = d.add(p)
				}
				if isRowError(err) {
					break
				}
				if err != nil {
					yield(nil, err)
					return
				}
				for _, it := range items {
					if !yield(it, nil) {
						return
					}
				}
			}
		}
	}
}

// compare names the derived rows that are missing, changed or too many.
func (s *Store) compare(ctx context.Context, marks map[string]int64, found func(*audit.RowError)) error {
	for want, err := range s.wanted(ctx, marks) {
		if err != nil {
			return err
		}
		have, err := s.get(ctx, "read derived row", item{"partition": want["partition"], "number": want["number"]})
		if errors.Is(err, audit.ErrNotFound) {
			have, err = item{}, nil
		}
		if err != nil {
			return err
		}
		if digest(have) != digest(want) {
			found(badRow(want))
		}
	}
	for have, err := range s.scan(ctx) {
		if err != nil {
			return err
		}
		partition, _ := textOf(have, "partition")
		if !isDerived(partition) || ahead(have, marks) {
			continue
		}
		if ok, err := s.belongs(ctx, have, marks); err != nil {
			return err
		} else if !ok {
			found(badRow(have))
		}
	}
	return nil
}

// belongs reports whether the page that a derived row names has that row; of a
// tile, whether the log has one at that place, as what it holds was compared before.
func (s *Store) belongs(ctx context.Context, it item, marks map[string]int64) (bool, error) {
	partition, _ := textOf(it, "partition")
	log, _ := textOf(it, "log")
	n, _ := numberOf(it, "page")
	level, isTile := strings.CutPrefix(partition, log+"/tile/")
	if isTile {
		n = marks[log] - 1
	}
	if log == "" || n < 0 {
		return false, nil
	}
	p, err := s.page(ctx, log, n)
	if errors.Is(err, audit.ErrNotFound) || isRowError(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if isTile {
		tile, _ := numberOf(it, "number")
		l, err := strconv.Atoi(level)
		return err == nil && l >= 0 && l <= maxLevel && tile >= 0 && tile < p.Size()>>(8*(l+1)), nil
	}
	items, err := derived(p)
	if err != nil {
		return false, nil //nolint:nilerr // the page's own verification names it
	}
	return slices.ContainsFunc(items, func(own item) bool { return digest(own) == digest(it) }), nil
}

// sum adds up digests of rows, whatever their order.
type sum [4]uint64

func (s *sum) add(it item) {
	d := digest(it)
	for i := range s {
		s[i] += binary.BigEndian.Uint64(d[8*i:])
	}
}

func digest(it item) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range []string{"partition", "number", "log", "page", "hashes"} {
		switch v := it[name].(type) {
		case *types.AttributeValueMemberS:
			_, _ = h.Write([]byte("S" + v.Value + "\x00"))
		case *types.AttributeValueMemberN:
			_, _ = h.Write([]byte("N" + v.Value + "\x00"))
		case *types.AttributeValueMemberB:
			_, _ = h.Write([]byte("B" + string(v.Value) + "\x00"))
		default:
			_, _ = h.Write([]byte("-\x00"))
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func isRowError(err error) bool {
	var row *audit.RowError
	return errors.As(err, &row)
}

// asFinding reports a row's fault and returns every other error.
func asFinding(err error, found func(*audit.RowError)) error {
	var row *audit.RowError
	if errors.As(err, &row) {
		found(row)
		return nil
	}
	return err
}
