// Command bench measures Piinguin beside what it could be at best: a server that audits
// nothing, a loop of bare SDK calls, an engine's bare group commit. `make bench` builds the
// programs, starts DynamoDB Local and writes docs/benchmarks.md.
//
//	.ci/dynamodb-local go run ./internal/bench -rounds 2 -length 1s -rows 'echo|SQLite'
//
// Server and load generator are two processes, as they are in a real installation: in one
// process they would share a garbage collector and a scheduler. Piinguin's server is the built
// binary. Rounds go through all rows in turn, so that a change of the machine's speed meets
// every row. What counts are medians, and ratios within a round. It prints what it finds and
// judges nothing. It needs Linux: the CPU time of a server is read from /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the whole program. Its first argument is the part of a process that the program has
// started itself: serve or load.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(ctx, args[1:], stdin, stdout)
		case "load":
			return load(ctx, args[1:], stdout)
		}
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	return measure(ctx, o, stdout, stderr)
}

// options are the flags.
type options struct {
	rounds      int
	length      time.Duration
	rows        *regexp.Regexp
	connections []int
	long        bool
	size        int
	programs    string
	out         string
}

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.String("rows", "", "measure only the rows whose name matches this regular expression")
	connections := flags.String("connections", "1,32,128", "connections of the load generator, one or several numbers")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds; the median of them counts")
	flags.DurationVar(&o.length, "length", 2*time.Second, "how long a row is measured in a round")
	flags.BoolVar(&o.long, "long", false, "also what takes an hour: growth, and queries of a large ledger")
	flags.IntVar(&o.size, "size", 10_000_000, "with -long: how many records and entries a store grows to")
	flags.StringVar(&o.programs, "programs", "bin", "folder of the built programs")
	flags.StringVar(&o.out, "out", "", "file to write the report to, as Markdown; without one it is printed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.rows, err = regexp.Compile(*rows); err != nil {
		return o, fmt.Errorf("-rows: %w", err)
	}
	for _, text := range strings.Split(*connections, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-connections: %q is no number of connections", text)
		}
		o.connections = append(o.connections, n)
	}
	return o, nil
}
