// Command piinguin-relay stores the pairs of Snowplow's PII transformation events in a Piinguin
// server. In AWS Lambda it is the handler of a Kinesis stream; elsewhere it reads files or a stream:
//
//	piinguin-relay replay enriched.tsv
//	piinguin-relay tail --stream pii-events --checkpoint pii-events.state
//
// This package reads flags, files and streams. What happens to an event is decided in package relay.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	"github.com/piinguin/piinguin/relay"
)

// The exit codes.
const (
	exitDone    = 0
	exitFinding = 1 // a line was quarantined, or an input could not be read
	exitFailure = 2 // wrong usage, or something could not be done
)

func main() {
	if err := cli.ForbidCoreDumps(); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "piinguin-relay: %v\n", err)
		os.Exit(exitFailure)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program; env is os.Getenv, and environ os.Environ().
func run(ctx context.Context, args []string, env func(string) string, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if env("AWS_LAMBDA_RUNTIME_API") != "" {
		return serveLambda(ctx, env, environ, stdout)
	}
	stdout, stderr = printable.NewWriter(stdout), printable.NewWriter(stderr)
	p := &program{server: settings.Client{OnRetry: relay.CountRetry}, env: env, environ: environ, stdin: stdin, stdout: stdout, stderr: stderr}
	cmd := p.command()
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cli.Execute(ctx, cmd, args); err != nil {
		_, _ = fmt.Fprintf(stderr, "piinguin-relay: %s\n", printable.Error(err))
		return exitFailure
	}
	return p.exit
}
