package dynamolog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/internal/awsx"
)

const (
	maxFresh     = 64                      // pages of a log kept in memory until they are derived
	derivePages  = 64                      // pages derived before the watermark moves
	maxPartition = 2048                    // DynamoDB's limit of a HASH key in bytes
	batchWrite   = 25                      // DynamoDB's limit of a BatchWriteItem
	batchWriters = 4                       // BatchWriteItem calls side by side
	firstRetry   = time.Second             // after a failure
	lastRetry    = 10 * time.Second        // after many in a row
	dayLayout    = "2006-01-02"            // UTC
	orderTail    = "999999999999999999999" // the largest log and page of orderOf: 21 digits
)

// committed keeps a page in memory for Derive, which then need not read it.
func (s *Store) committed(p audit.Page) {
	s.mu.Lock()
	if len(s.fresh[p.Log]) < maxFresh {
		s.fresh[p.Log] = append(s.fresh[p.Log], p)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the pages from number next on that this process committed, up to the first gap.
// behind says that there are later pages, which Derive has to read from the table.
func (s *Store) take(log string, next int64) (pages []audit.Page, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.fresh[log]
	for len(fresh) > 0 && fresh[0].Number < next {
		fresh = fresh[1:]
	}
	for len(fresh) > 0 && fresh[0].Number == next+int64(len(pages)) {
		pages, fresh = append(pages, fresh[0]), fresh[1:]
	}
	// When the queue was full, later pages were not kept.
	behind = len(fresh) > 0 || len(s.fresh[log]) == maxFresh
	s.fresh[log] = fresh
	return pages, behind
}

// Derive writes the rows of subjects, callers and tiles for every page that has none yet, and for
// those committed from now on, until ctx is done. A server runs it beside its Ledger. When DynamoDB
// fails, Derive waits and tries again without end; meanwhile queries read the pages themselves.
func (s *Store) Derive(ctx context.Context) {
	next := map[string]*derivation{}
	for ctx.Err() == nil {
		// A commit does not cut the wait short: a table that throttles needs the pause.
		_, _ = backoff.Retry(ctx, func() (struct{}, error) {
			return struct{}{}, s.deriveAll(ctx, next)
		}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: firstRetry, Multiplier: 2, MaxInterval: lastRetry, RandomizationFactor: 0.5,
		})) // only the end of ctx is left as an error
		select {
		case <-ctx.Done():
		case <-s.wake:
		}
	}
}

// deriveAll brings every registered log up to date. next holds the watermarks that are known.
func (s *Store) deriveAll(ctx context.Context, next map[string]*derivation) error {
	logs, err := s.freshLogs(ctx, len(next) == 0)
	if err != nil {
		return err
	}
	for _, log := range logs {
		d, known := next[log]
		if !known {
			if d, err = s.resume(ctx, log); err != nil {
				return err
			}
			next[log] = d
		}
		for read := !known; ; {
			pages, behind := s.take(log, d.next)
			if len(pages) == 0 && (read || behind) {
				if pages, err = s.some(ctx, log, d.next); err != nil {
					return err
				}
			}
			if len(pages) == 0 {
				break
			}
			if err := s.derivePages(ctx, d, pages); err != nil {
				delete(next, log) // read again: the pages are no longer in memory
				return err
			}
		}
	}
	return nil
}

// freshLogs returns the logs that may have something to derive.
func (s *Store) freshLogs(ctx context.Context, all bool) ([]string, error) {
	if all {
		return s.Logs(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var logs []string
	for log := range s.fresh {
		logs = append(logs, log)
	}
	return logs, nil
}

// some reads pages from a number on, up to the first gap: the watermark must not pass a page that
// is not derived.
func (s *Store) some(ctx context.Context, log string, from int64) ([]audit.Page, error) {
	var pages []audit.Page
	for p, err := range s.pages(ctx, log, from, true) {
		if err != nil {
			return nil, err
		}
		if p.Number != from+int64(len(pages)) || len(pages) == derivePages {
			break
		}
		pages = append(pages, p)
	}
	return pages, nil
}

// derivePages writes the rows of the pages and then moves the watermark past them.
func (s *Store) derivePages(ctx context.Context, d *derivation, pages []audit.Page) error {
	var rows []types.WriteRequest
	for _, p := range pages {
		items, err := d.add(p)
		if err != nil {
			return err
		}
		for _, it := range items {
			rows = append(rows, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(batchWriters)
	for len(rows) > 0 {
		n := min(batchWrite, len(rows))
		batch := rows[:n]
		rows = rows[n:]
		g.Go(func() error { return s.writeBatch(gctx, batch) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.moveWatermark(ctx, d.log, d.next)
}

func (s *Store) writeBatch(ctx context.Context, batch []types.WriteRequest) error {
	err := awsx.Drain(ctx, "derive", func() (left bool, err error) {
		out, err := s.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{s.table: batch},
		})
		if err != nil {
			return false, err
		}
		batch = out.UnprocessedItems[s.table]
		return len(batch) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("dynamolog: %w", err)
	}
	return nil
}

// derivation says how far a log is derived.
type derivation struct {
	log   string
	next  int64 // page
	tiler *audit.Tiler
}

// resume returns the derivation of a log at its watermark.
func (s *Store) resume(ctx context.Context, log string) (*derivation, error) {
	next, err := s.watermark(ctx, log)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	if next > 0 {
		p, err := s.page(ctx, log, next-1)
		if err != nil {
			return nil, err
		}
		size = p.Size()
	}
	tiler, err := audit.ResumeTiler(ctx, s, log, size)
	return &derivation{log, next, tiler}, err
}

// add returns the rows that follow from the next page: those of its subjects and callers, and the
// tiles that it fills.
func (d *derivation) add(p audit.Page) ([]item, error) {
	items, err := derived(p)
	if err != nil {
		return nil, err
	}
	for _, leaf := range p.LeafHashes() {
		for _, t := range d.tiler.Add(leaf) {
			it := key(tilePartition(d.log, t.Level), strconv.FormatInt(t.Number, 10))
			it["hashes"] = blob(join(t.Hashes))
			it["log"], it["page"] = text(p.Log), number(p.Number)
			items = append(items, it)
		}
	}
	d.next = p.Number + 1
	return items, nil
}

// derived returns the rows of subjects and callers that name a page.
func derived(p audit.Page) ([]item, error) {
	entries, err := p.Entries()
	if err != nil {
		return nil, err
	}
	var items []item
	seen := map[string]bool{"": true}
	for _, e := range entries {
		for _, partition := range []string{subjectPartition(e.ModifiedValue), callerPartition(e.Caller, e.Time)} {
			if seen[partition] {
				continue
			}
			seen[partition] = true
			it := key(partition, orderOf(e.Time, p.Log, p.Number))
			it["log"], it["page"] = text(p.Log), number(p.Number)
			items = append(items, it)
		}
	}
	return items, nil
}

const subjectPrefix = "subject/"

// subjectPartition names the rows of a pseudonym. One that is too long for a key is named by its
// hash. A query reads the pages that the rows name and compares the entries, so two pseudonyms
// may share a partition.
func subjectPartition(modifiedValue string) string {
	if modifiedValue == "" {
		return ""
	}
	if len(subjectPrefix+modifiedValue) > maxPartition {
		return fmt.Sprintf("%ssha256:%x", subjectPrefix, sha256.Sum256([]byte(modifiedValue)))
	}
	return subjectPrefix + modifiedValue
}

func callerPartition(caller string, at time.Time) string {
	if caller == "" {
		return ""
	}
	return "caller/" + caller + "/" + at.UTC().Format(dayLayout)
}

// orderOf is the number of a derived row: microseconds since 1970, ten digits for the log and
// eleven for the page. It sorts by time, differs for each page, and fits the 38 digits of a number
// in DynamoDB.
func orderOf(at time.Time, log string, page int64) string {
	micros := max(at.UnixMicro(), 1)
	return fmt.Sprintf("%d%010d%011d", micros, crc32.ChecksumIEEE([]byte(log)), page)
}

// upTo is an upper bound for every orderOf of the time, and is below those of later times. For the
// zero time it is an upper bound of all.
func upTo(at time.Time) string {
	if at.IsZero() {
		return strings.Repeat("9", 38)
	}
	return fmt.Sprintf("%d%s", max(at.UnixMicro(), 1), orderTail)
}

func tilePartition(log string, level int) string { return fmt.Sprintf("%s/tile/%d", log, level) }

func watermarkPartition(log string) string { return log + "/watermark" }

// watermark returns the number of the first page that may not be derived.
func (s *Store) watermark(ctx context.Context, log string) (int64, error) {
	it, err := s.get(ctx, "read watermark", key(watermarkPartition(log), "0"))
	if errors.Is(err, audit.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, ok := numberOf(it, "next")
	if !ok || n < 0 {
		return 0, &audit.RowError{Row: rowName(watermarkPartition(log), "0"), Problem: "its next is not a page number"}
	}
	return n, nil
}

// moveWatermark never moves the watermark back: another server may have moved it further.
func (s *Store) moveWatermark(ctx context.Context, log string, next int64) error {
	it := key(watermarkPartition(log), "0")
	it["next"] = number(next)
	_, err := s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 &s.table,
		Item:                      it,
		ConditionExpression:       aws.String("attribute_not_exists(#p) OR #next < :next"),
		ExpressionAttributeNames:  map[string]string{"#p": "partition", "#next": "next"},
		ExpressionAttributeValues: item{":next": number(next)},
	})
	var further *types.ConditionalCheckFailedException
	if errors.As(err, &further) {
		return nil
	}
	return failure(ctx, "move watermark", err)
}

func rowName(partition, number string) string { return "row " + partition + "/" + number }
