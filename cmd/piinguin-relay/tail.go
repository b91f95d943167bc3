package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/relay"
)

const (
	// pollEvery is the pause after a read that found no new records. Kinesis allows five reads a
	// second of a shard, for all its consumers together.
	pollEvery = time.Second
	// listEvery is how often the stream's shards are listed, to see new ones.
	listEvery = 10 * time.Second
	// The wait after a failure doubles from firstWait to lastWait. Each one is between half and one
	// and a half of that: shards that failed together do not come back together.
	firstWait = 200 * time.Millisecond
	lastWait  = 10 * time.Second
)

const tailHelp = `Relay a Kinesis stream without Lambda. Tail reads all shards of the stream from their
oldest record on and stores the pairs, until you stop it.

The file of --checkpoint holds how far each shard is done, and the next run continues
from there. The file belongs to this stream: a stream that was deleted and made anew needs
another file. Run only one tail for a stream: a second one would do the same work again. A
record that can never be stored is logged by its position and reason, and goes to
--quarantine. After a failure that may pass, the shard waits and continues from the
lowest record that is not stored.

The AWS SDK's usual settings apply (AWS_REGION, roles, profiles). The log goes to
standard error.`

func (p *program) tailCommand() *cobra.Command {
	var stream string
	cmd := &cobra.Command{
		Use:     "tail --stream NAME --checkpoint FILE",
		Short:   "Relay a Kinesis stream, for places without Lambda",
		Long:    tailHelp,
		Example: `  piinguin-relay tail --stream pii-events --checkpoint pii-events.state --host https://vault.internal`,
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.fromEnvironment(cmd); err != nil {
				return err
			}
			if stream == "" || p.state == "" {
				return errors.New("tail: --stream and --checkpoint are required")
			}
			return p.tail(cmd.Context(), stream, p.stderr)
		},
	}
	p.server.AddTo(cmd.Flags())
	p.bad.addTo(cmd.Flags())
	cmd.Flags().StringVar(&stream, "stream", "", "`name` of the stream")
	cmd.Flags().StringVar(&p.state, "checkpoint", "", "`file` that keeps the progress of each shard")
	return cmd
}

func (p *program) tail(ctx context.Context, stream string, log io.Writer) error {
	c, err := p.server.Open(ctx)
	if err != nil {
		return err
	}
	to, err := p.bad.open(ctx)
	if err != nil {
		return err
	}
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return err
	}
	api := kinesis.NewFromConfig(cfg)
	id, err := identify(ctx, api, stream)
	if err != nil {
		return err
	}
	state, err := openShards(p.state, id)
	if err != nil {
		return err
	}
	logger := zerolog.New(log).With().Timestamp().Logger()
	t := &tailer{
		api: api, stream: stream, state: state, log: logger,
		handler: relay.NewHandler(relay.HandlerConfig{Relay: relay.New(c), Log: logger, Quarantine: to}), running: map[string]bool{},
	}
	build := cli.ReadBuild()
	logger.Info().Str("version", build.Version).Str("commit", build.Commit).Str("stream", stream).Str("server", c.Address()).Msg("tail starts")
	err = t.run(ctx)
	var kept *stateError
	if ctx.Err() != nil && !errors.As(err, &kept) { // it was stopped, and what was done is kept
		logger.Info().Msg("tail ends")
		err = nil
	}
	return err
}

// identify asks which stream has a name now.
func identify(ctx context.Context, api *kinesis.Client, stream string) (streamID, error) {
	out, err := api.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &stream})
	if err != nil {
		return streamID{}, fmt.Errorf("stream %s: %w", stream, awsx.Failure(ctx, "DescribeStreamSummary", err))
	}
	s := out.StreamDescriptionSummary
	if s == nil {
		return streamID{}, fmt.Errorf("stream %s: Kinesis does not describe it", stream)
	}
	return streamID{aws.ToString(s.StreamARN), aws.ToTime(s.StreamCreationTimestamp).UTC()}, nil
}

// tailer reads the shards of one stream and stores their pairs.
type tailer struct {
	api     *kinesis.Client
	stream  string
	state   *shards
	log     zerolog.Logger
	handler *relay.Handler
	running map[string]bool // shards being read; only run's goroutine uses it
}

// run reads every shard until ctx ends or the state cannot be kept.
func (t *tailer) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for first := true; ; first = false {
			all, err := t.list(ctx)
			if err != nil && first {
				return err
			}
			for _, s := range all {
				t.start(ctx, g, s, all)
			}
			if err := wait(ctx, listEvery); err != nil {
				return err
			}
		}
	})
	return g.Wait()
}

func (t *tailer) list(ctx context.Context) ([]types.Shard, error) {
	var all []types.Shard
	for in := (&kinesis.ListShardsInput{StreamName: &t.stream}); ; {
		page, err := t.api.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", t.stream, awsx.Failure(ctx, "ListShards", err))
		}
		all = append(all, page.Shards...)
		if page.NextToken == nil {
			return all, nil
		}
		in = &kinesis.ListShardsInput{NextToken: page.NextToken}
	}
}

// start begins to read a shard once its parents are read to their ends: their records are older.
func (t *tailer) start(ctx context.Context, g *errgroup.Group, s types.Shard, all []types.Shard) {
	id := aws.ToString(s.ShardId)
	if t.running[id] || t.state.of(id).Done {
		return
	}
	for _, parent := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
		for _, other := range all {
			if parent != nil && aws.ToString(other.ShardId) == *parent && !t.state.of(*parent).Done {
				return
			}
		}
	}
	t.running[id] = true
	g.Go(func() error { return t.shard(ctx, id) })
}

// shard reads a shard to its end. After a failure it waits, longer each time until something goes
// well, and reads on from the checkpoint.
func (t *tailer) shard(ctx context.Context, id string) error {
	waits := &backoff.ExponentialBackOff{InitialInterval: firstWait, Multiplier: 2, MaxInterval: lastWait, RandomizationFactor: 0.5}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := t.read(ctx, id, waits.Reset)
		var kept *stateError
		if err == nil || ctx.Err() != nil || errors.As(err, &kept) {
			return struct{}{}, backoff.Permanent(err)
		}
		t.log.Error().Str("shard", id).Str("failure", err.Error()).Msg("a shard waits")
		return struct{}{}, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(0))
	return err
}

// read reads on from the checkpoint until the shard has no more records and gets none, or
// something fails. It calls well after each answer whose records are stored.
func (t *tailer) read(ctx context.Context, id string, well func()) error {
	at := &kinesis.GetShardIteratorInput{StreamName: &t.stream, ShardId: &id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if n := t.state.of(id).SequenceNumber; n != "" {
		at.ShardIteratorType, at.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &n
	}
	out, err := t.api.GetShardIterator(ctx, at)
	if err != nil {
		return awsx.Failure(ctx, "GetShardIterator", err)
	}
	for next := out.ShardIterator; ; {
		got, err := t.api.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return awsx.Failure(ctx, "GetRecords", err)
		}
		if err := t.relay(ctx, id, got.Records); err != nil {
			return err
		}
		well()
		if next = got.NextShardIterator; next == nil {
			return t.state.done(id)
		}
		if len(got.Records) == 0 {
			if err := wait(ctx, pollEvery); err != nil {
				return err
			}
		}
	}
}

// relay stores the pairs of some records, by the Lambda's handler, and writes down how far the shard
// is done.
func (t *tailer) relay(ctx context.Context, id string, records []types.Record) error {
	if len(records) == 0 {
		return nil
	}
	var batch events.KinesisEvent
	for _, r := range records {
		record := events.KinesisEventRecord{
			EventSourceArn: t.stream, EventID: id + ":" + aws.ToString(r.SequenceNumber),
			Kinesis: events.KinesisRecord{Data: r.Data, SequenceNumber: aws.ToString(r.SequenceNumber)},
		}
		record.Kinesis.ApproximateArrivalTimestamp.Time = aws.ToTime(r.ApproximateArrivalTimestamp)
		batch.Records = append(batch.Records, record)
	}
	answer, err := t.handler.Handle(ctx, batch)
	if err != nil {
		return err
	}
	done := aws.ToString(records[len(records)-1].SequenceNumber)
	if len(answer.BatchItemFailures) == 0 {
		return t.state.reached(id, done)
	}
	done = ""
	for _, r := range records { // those before the lowest that has to come again are done
		if aws.ToString(r.SequenceNumber) == answer.BatchItemFailures[0].ItemIdentifier {
			break
		}
		done = aws.ToString(r.SequenceNumber)
	}
	err = errors.New("the server did not store all records")
	if done != "" {
		err = errors.Join(err, t.state.reached(id, done))
	}
	return err
}

// wait sleeps unless ctx ends first, and returns its error then.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
