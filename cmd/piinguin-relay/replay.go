package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/rpc/client"
)

const rootHelp = `piinguin-relay takes the pairs of pseudonym and original value out of Snowplow's PII
transformation events and stores them in a Piinguin server.

In AWS Lambda it handles a Kinesis stream, with its settings in the environment.
Elsewhere "replay" reads files and "tail" reads a stream. Where both find their server is
a flag or a variable: --timeout-sec is PIINGUIN_TIMEOUT_SEC.`

const replayHelp = `Store the pairs of PII transformation events from files.

FILE may be a folder, which stands for all files in it and below, in the order of their
names; s3://BUCKET/PREFIX, for all objects with that prefix, with the AWS SDK's usual
settings; or "-", standard input. Links to files in a folder are followed. Hidden files,
links to folders, pipes and devices in it are left out and named. A file holds one event a
line, as Snowplow's enriched TSV of 131 fields or as JSON, also mixed. Files compressed by
gzip are recognised by their content.

Events of other kinds are skipped. A line that cannot be read, or that the server
refuses, is quarantined: it is reported as FILE:LINE: REASON, never with its content,
and the others go on. An input that cannot be read to its end is reported, and the other
inputs are read. Replaying again is safe: the server keeps the value that was observed
last, so a second run changes nothing. --dry-run calls no server and only counts.

With --checkpoint FILE, the same command continues a run that was interrupted, however it
ended. An input may have grown. If the lines that are done have changed, in a file or an
S3 object, the run ends with exit code 2. A last line without a line end may still be written:
it is stored, and the next run reads it again.

The server can be set in the environment: PIINGUIN_HOST, PIINGUIN_PORT, PIINGUIN_TOKEN,
PIINGUIN_TIMEOUT_SEC and so on. --dry-run, --checkpoint and --json are flags only.
PIINGUIN_AUTH=iam uses the AWS role instead of a token, PIINGUIN_TLS_CERT and
PIINGUIN_TLS_KEY a certificate.

Exit codes: 0 everything is stored; 1 a line was quarantined, or an input could not be
read; 2 wrong usage, or the work could not be finished: a file is missing or is not that
of the checkpoint, the server cannot be reached or does not accept the credential, or the
run was interrupted. The summary says how far it got.`

const replayExamples = `  export PIINGUIN_TOKEN=dev-writer   # the token of piinguin serve --dev
  piinguin-relay replay enriched.tsv
  piinguin-relay replay --host https://vault.internal archive/*.gz
  piinguin-relay replay --host vault.internal --tls-ca ca.pem --tls-cert me.pem --tls-key me.key enriched.tsv
  piinguin-relay replay --checkpoint replay.state archive/
  piinguin-relay replay s3://bucket/enriched/2018/
  cat enriched.tsv | piinguin-relay replay --json -`

// program is one run of the command.
type program struct {
	env            func(string) string
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer

	server settings.Client
	bad    quarantineFlags // of tail
	json   bool
	dryRun bool
	state  string // file of the checkpoint
	exit   int
}

// fromEnvironment reads the variables, and tells which ones look like settings and are none.
func (p *program) fromEnvironment(cmd *cobra.Command) error {
	for _, name := range cli.UnknownVariables(p.environ, settings.Variables()) {
		p.note(name + " is passed over: no setting has this name")
	}
	return settings.FromEnvironment(cmd.Flags(), p.env, p.note)
}

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "piinguin-relay",
		Short:         "Store Snowplow's PII transformation events in Piinguin",
		Long:          rootHelp,
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
	}
	replay := &cobra.Command{
		Use:                   "replay [flags] FILE...|-",
		Short:                 "Store the pairs of PII transformation events from files",
		Long:                  replayHelp,
		Example:               replayExamples,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("FILE is missing: name a file, or - for standard input; see piinguin-relay replay --help")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.fromEnvironment(cmd); err != nil {
				return err
			}
			return p.replay(cmd.Context(), args)
		},
	}
	p.server.AddTo(replay.Flags())
	replay.Flags().BoolVar(&p.json, "json", false, "print the summary as a JSON object")
	replay.Flags().BoolVar(&p.dryRun, "dry-run", false, "call no server, only count")
	replay.Flags().StringVar(&p.state, "checkpoint", "", "`file` that keeps the progress, to continue after an interruption")
	root.AddCommand(replay, p.tailCommand())
	return root
}

// replay relays the named inputs. It prints the summary also after a failure, because it says what is done.
func (p *program) replay(ctx context.Context, names []string) error {
	if p.dryRun && p.state != "" {
		return errors.New("--dry-run and --checkpoint exclude each other: a dry run has no progress to keep")
	}
	c, err := p.server.Open(ctx)
	if err != nil {
		return err
	}
	state, err := openCheckpoint(p.state)
	if err != nil {
		return err
	}
	if before := state.Quarantined; before > 0 {
		_, _ = fmt.Fprintf(p.stderr, "--checkpoint: lines quarantined by the runs before this one: %d\n", before)
	}
	var sum relay.Summary
	found, err := openInputs(ctx, names, p.stdin)
	if err == nil {
		sum, err = p.relay(ctx, c, found, state)
	}
	if sum.Quarantined+state.Quarantined > 0 {
		p.exit = exitFinding
	}
	return errors.Join(err, p.printSummary(sum))
}

// relay reads the sources one after the other, so that the checkpoint can say where to continue. It stops
// at the first failure; what was read is sent all the same, because the summary must account for it.
func (p *program) relay(ctx context.Context, c *client.Client, found *inputs, state *checkpoint) (relay.Summary, error) {
	defer closeSources(found.sources)
	for _, s := range found.sources {
		if _, err := state.after(s); err != nil { // before anything is sent
			return relay.Summary{}, err
		}
	}
	if err := state.write(); err != nil {
		return relay.Summary{}, err
	}
	for _, left := range found.leftOut {
		_, _ = fmt.Fprintf(p.stderr, "left out: %s\n", printable.Text(left))
	}
	for _, fault := range found.faults {
		p.fault(fault)
	}
	to := relay.New(c)
	if p.dryRun {
		to = nil
	}
	var now *source // whose turn it is
	var kept error
	var r *relay.Replay
	bar := newProgress(p.stderr, found.sources, func() int { return r.Summary().Events })
	before := state.Quarantined
	r = relay.NewReplay(to, func(at relay.Position, reason relay.Reason) {
		bar.clear()
		_, _ = fmt.Fprintf(p.stderr, "%s:%d: %s\n", printable.Text(at.File), at.Line, reason)
	}, func(at relay.Progress) {
		if now != nil && at.File == now.name {
			kept = errors.Join(kept, state.done(now, at.Done, before+at.Quarantined))
		}
	})
	var err error
	for _, now = range found.sources {
		if err = errors.Join(p.readSource(ctx, r, now, bar, state), kept); err != nil {
			break
		}
	}
	if flushed := errors.Join(r.Flush(ctx), kept); err == nil {
		err = flushed
	}
	bar.clear()
	var failure *relay.Failure
	if errors.As(err, &failure) {
		err = explain(failure, c.Address())
	}
	return r.Summary(), err
}

// explain adds to a failure what can be done about it here.
func explain(f *relay.Failure, address string) error {
	switch f.Code {
	case twirp.Unauthenticated, twirp.PermissionDenied:
		return fmt.Errorf("%w; server %s, see %s or --token, --auth iam, or --tls-cert", f, address, settings.EnvName("token"))
	case twirp.Unavailable, twirp.BadRoute:
		return fmt.Errorf("%w; server %s, see --host and --port", f, address)
	default:
		return fmt.Errorf("%w; server %s", f, address)
	}
}
