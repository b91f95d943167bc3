package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/s3anchor"
	"github.com/piinguin/piinguin/internal/awsx"
)

// anchorPatience is how long the end of a server waits for its anchors: the last
// round, and a little more for a place that does not return when it is told to.
const anchorPatience = anchor.LastTimeout + 2*time.Second

// anchorFlags are the flags that say where checkpoints are kept.
type anchorFlags struct {
	place     string
	every     time.Duration
	retention time.Duration
	witnesses string
}

func (o *anchorFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&o.place, "anchor", "", "`DIR` or s3://BUCKET/PREFIX (a bucket with Object Lock) to keep a small file in\nthat binds the whole ledger, so that nobody can rewrite or cut it unseen")
	flags.DurationVar(&o.every, "anchor-every", anchor.DefaultEvery, "how often the spine lists the logs anew and, with --anchor, a file is kept")
	flags.DurationVar(&o.retention, "anchor-retention", s3anchor.DefaultRetention, "how long Object Lock prevents deletion of a kept file in S3")
	flags.StringVar(&o.witnesses, "witnesses", "", "`file` of the witnesses (C2SP tlog-policy) that cosign the checkpoints\nof --anchor")
}

// anchors is what the flags ask for, opened. Without --anchor it has no place.
type anchors struct {
	place     anchor.Place
	kind      string // what log lines call the place
	witnesses []anchor.Witness
	passed    []string // witnesses whose keys are not Ed25519
	every     time.Duration
	keeper    *anchor.Anchors // nil before start
	failures  *prometheus.CounterVec
	close     func() error
}

func (o *anchorFlags) check() error {
	switch {
	case o.witnesses != "" && o.place == "":
		return errors.New("--witnesses needs --anchor, which says where cosigned checkpoints are kept")
	case o.every <= 0:
		return errors.New("--anchor-every must be more than 0")
	case o.retention <= 0:
		return errors.New("--anchor-retention must be more than 0")
	}
	return nil
}

// open opens the place, so that a server which could keep nothing does not start.
func (o *anchorFlags) open(ctx context.Context) (*anchors, error) {
	a := &anchors{every: o.every, failures: newAnchorFailures(), close: func() error { return nil }}
	if o.place == "" {
		return a, nil
	}
	var err error
	if a.witnesses, a.passed, err = o.readWitnesses(); err != nil {
		return nil, err
	}
	if strings.Contains(o.place, "://") {
		a.kind = "s3"
		a.place, err = o.openS3(ctx)
	} else if dir, openErr := anchor.OpenDir(o.place); openErr != nil {
		err = openErr
	} else {
		a.kind, a.place, a.close = "directory", dir, dir.Close
	}
	if err != nil {
		return nil, fmt.Errorf("--anchor: %w", err)
	}
	return a, nil
}

// readWitnesses reads --witnesses once, at start: a witness that is added takes a restart.
func (o *anchorFlags) readWitnesses() (witnesses []anchor.Witness, passed []string, err error) {
	if o.witnesses == "" {
		return nil, nil, nil
	}
	text, err := os.ReadFile(o.witnesses)
	if err != nil {
		return nil, nil, fmt.Errorf("--witnesses: %w", err)
	}
	witnesses, passed, err = anchor.ParseWitnesses(text)
	if err != nil {
		return nil, nil, fmt.Errorf("--witnesses %s: %w", o.witnesses, err)
	}
	return witnesses, passed, nil
}

// openS3 refuses a bucket without Object Lock: whoever can delete a checkpoint can hide a cut ledger.
func (o *anchorFlags) openS3(ctx context.Context) (anchor.Place, error) {
	bucket, prefix, err := s3anchor.ParseURL(o.place)
	if err != nil {
		return nil, err
	}
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return nil, err
	}
	return s3anchor.New(ctx, s3anchor.Config{Client: awsx.NewS3(cfg), Bucket: bucket, Prefix: prefix, Retention: o.retention})
}

// start keeps the ledger's checkpoints until stop is called, which keeps the last ones.
func (a *anchors) start(ctx context.Context, ledger *audit.Ledger, log zerolog.Logger) (stop func(), err error) {
	if a.place == nil {
		return func() {}, nil
	}
	for _, name := range a.passed {
		log.Warn().Str("witness", name).Msg("its key is not Ed25519: the witness is not asked")
	}
	var keeper *anchor.Anchors
	keeper, err = anchor.New(anchor.Config{
		Ledger: ledger, Place: a.place, Witnesses: a.witnesses, Every: a.every,
		Report: func(f anchor.Failure) {
			a.failures.WithLabelValues(string(f.Reason)).Inc()
			log.Error().Str("place", a.kind).Str("reason", string(f.Reason)).Str("witness", f.Witness).
				Str("error", f.Err.Error()).Msg("the ledger is not anchored as it should be")
			if err := keeper.Agrees(); err != nil {
				ledger.Halt(err) // its next checkpoint would contradict one that was signed before
			}
		},
	})
	if err != nil {
		return nil, err
	}
	a.keeper = keeper
	first, end := context.WithTimeout(ctx, anchor.DefaultTimeout) // before any entry is taken
	keeper.Once(first)
	end()
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { keeper.Run(running); close(done) }()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(anchorPatience):
			log.Error().Str("place", a.kind).Msg("the place did not answer: the last checkpoints may not be kept")
		}
	}, nil
}

// ready fails while the ledger disagrees with what is kept of it.
func (a *anchors) ready(context.Context) error {
	if a.keeper == nil {
		return nil
	}
	return a.keeper.Agrees()
}

// newest returns the newest kept file of a ledger's name; nil if there is none, or no place.
func (a *anchors) newest(ctx context.Context, ledger string) (*audit.KeptFile, error) {
	if a.place == nil {
		return nil, nil
	}
	var names []string
	for name, err := range a.place.List(ctx, ledger+"/", "") {
		if err != nil {
			return nil, fmt.Errorf("--anchor: %w", err)
		}
		names = append(names, name)
	}
	for _, name := range slices.Backward(names) {
		data, err := a.place.Read(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("--anchor: %w", err)
		}
		f := audit.KeptFile{Name: name, Data: data}
		if _, _, err := audit.KeptPlace(f); err == nil {
			return &f, nil
		}
	}
	return nil, nil
}

// reportSpine logs and counts a CHECKPOINT that could not be written: what came since the last one is not
// covered by what is kept.
func reportSpine(log zerolog.Logger, a *anchors, err error) {
	a.failures.WithLabelValues(string(anchor.LedgerFailed)).Inc()
	log.Error().Str("error", err.Error()).Msg("the ledger's spine could not be continued")
}

// newAnchorFailures is the metric of what --anchor could not keep. Every reason is there
// from the start, so that an alert sees the first one rise.
func newAnchorFailures() *prometheus.CounterVec {
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "piinguin_anchor_failures_total",
		Help: "Checkpoints that were not kept outside the table, or not with each witness's cosignature, by reason.",
	}, []string{"reason"})
	for _, r := range anchor.Reasons {
		failures.WithLabelValues(string(r))
	}
	return failures
}
