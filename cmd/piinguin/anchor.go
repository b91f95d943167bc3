package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/s3anchor"
)

// anchorPatience is how long the end of a server waits for its anchors: the last
// round, and a little more for a place that does not return when it is told to.
const anchorPatience = anchor.LastTimeout + 2*time.Second

// anchorOptions are the flags that say where checkpoints are kept.
type anchorOptions struct {
	place     string
	every     time.Duration
	retention time.Duration
	witnesses string
}

func (o *anchorOptions) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.place, "anchor", "", "keep the ledger's checkpoints outside its table: `DIR` or s3://BUCKET/PREFIX\n(a bucket with Object Lock)")
	flags.DurationVar(&o.every, "anchor-every", anchor.DefaultEvery, "how often --anchor keeps the checkpoints of the logs that moved")
	flags.DurationVar(&o.retention, "anchor-retention", s3anchor.DefaultRetention, "how long S3 may not let anybody delete a kept checkpoint")
	flags.StringVar(&o.witnesses, "witnesses", "", "`file` of the witnesses (C2SP tlog-policy) that are asked to cosign\nwhat --anchor keeps")
}

// check finds what is wrong with the flags before anything is opened.
func (o *anchorOptions) check() ([]anchor.Witness, error) {
	switch {
	case o.witnesses != "" && o.place == "":
		return nil, errors.New("--witnesses needs --anchor, which says where cosigned checkpoints are kept")
	case o.every <= 0:
		return nil, errors.New("--anchor-every must be more than 0")
	case o.retention <= 0:
		return nil, errors.New("--anchor-retention must be more than 0")
	case o.witnesses == "":
		return nil, nil
	}
	text, err := os.ReadFile(o.witnesses)
	if err != nil {
		return nil, fmt.Errorf("--witnesses: %w", err)
	}
	witnesses, err := anchor.ParseWitnesses(text)
	if err != nil {
		return nil, fmt.Errorf("--witnesses %s: %w", o.witnesses, err)
	}
	return witnesses, nil
}

// open opens the place; kind is what log lines call it.
func (o *anchorOptions) open(ctx context.Context) (place anchor.Place, kind string, err error) {
	if !strings.Contains(o.place, "://") {
		place, err := anchor.OpenDir(o.place)
		if err != nil {
			return nil, "", fmt.Errorf("--anchor: %w", err)
		}
		return place, "directory", nil
	}
	bucket, prefix, err := s3anchor.ParseURL(o.place)
	if err != nil {
		return nil, "", fmt.Errorf("--anchor: %w", err)
	}
	cfg, err := awsSettings(ctx)
	if err != nil {
		return nil, "", err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// An endpoint of one's own has no name for each bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
	place, err = s3anchor.New(ctx, s3anchor.Config{Client: client, Bucket: bucket, Prefix: prefix, Retention: o.retention})
	if err != nil {
		return nil, "", fmt.Errorf("--anchor: %w", err)
	}
	return place, "s3", nil
}

// start keeps checkpoints until stop is called, which keeps the last ones. Without
// --anchor it does nothing.
func (o *anchorOptions) start(
	ctx context.Context, ledger *audit.Ledger, witnesses []anchor.Witness, log zerolog.Logger, failures *prometheus.CounterVec,
) (stop func(), err error) {
	if o.place == "" {
		return func() {}, nil
	}
	place, kind, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	config := anchor.Config{
		Ledger: ledger, Place: place, Witnesses: witnesses, Every: o.every,
		Report: func(f anchor.Failure) {
			failures.WithLabelValues(string(f.Reason)).Inc()
			log.Error().Str("place", kind).Str("reason", string(f.Reason)).Str("log", f.Log).Str("witness", f.Witness).
				Str("error", f.Err.Error()).Msg("a checkpoint was not anchored as it should be")
		},
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- anchor.Run(running, config) }()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(anchorPatience):
			log.Error().Str("place", kind).Msg("the place did not answer: the last checkpoints may not be kept")
		}
	}, nil
}

// anchorFailures is the metric of what --anchor could not keep. Every reason is there
// from the start, so that an alert sees the first one rise.
func anchorFailures() *prometheus.CounterVec {
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "piinguin_anchor_failures_total",
		Help: "Checkpoints that were not kept outside the table, or not with each witness's cosignature, by reason.",
	}, []string{"reason"})
	for _, r := range anchor.Reasons {
		failures.WithLabelValues(string(r))
	}
	return failures
}
