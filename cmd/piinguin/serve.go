package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	"github.com/piinguin/piinguin/internal/durable"
	"github.com/piinguin/piinguin/server"
)

const (
	devFolder = "piinguin-dev"

	// drain is how long open requests may take to finish when the server stops. closeLedger is how
	// long the entries that wait may then take to become durable.
	drain       = 20 * time.Second
	closeLedger = 5 * time.Second

	// readRequest is how long a caller may take to send a request, head and body. Until then a body
	// keeps its part of the memory for all bodies. 4 MiB arrive in time at 3.4 Mbit/s.
	readRequest = 10 * time.Second
)

// serveFlags are the flags of serve.
type serveFlags struct {
	store         storeFlags
	access        accessFlags
	policy        policyFlags
	anchor        anchorFlags
	ledger        nameFlags
	original      originalFlags
	auditKey      string
	appendTimeout time.Duration
	unknown       []string // variables that look like settings and are none
}

func serveCommand(env func(string) string, environ []string) *cobra.Command {
	var o serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server. It serves Twirp over HTTP under /twirp, in JSON and protobuf, and
/healthz, /readyz and /metrics.

To try it:       piinguin serve --dev
On one machine:  piinguin token create --name relay --role writer --tokens tokens.txt
                 piinguin serve --tokens tokens.txt
On AWS:          piinguin tables create && piinguin serve --store dynamodb --tokens tokens.txt
With TLS:        piinguin serve --listen :8080 --server-cert cert.pem --server-key key.pem --tokens tokens.txt
For clients of the original Piinguin, beside the API:
                 piinguin serve --tokens tokens.txt --original-grpc 127.0.0.1:8081 --original-caller old-relay

--dev keeps its data in ./` + devFolder + `, listens on this machine only and knows four
tokens, one for each role: dev-writer, dev-reader, dev-eraser and dev-auditor.

With --client-ca a caller may use a certificate instead of a token. Its name is the
certificate's one URI (SPIFFE ID), else its DNS name, else its e-mail address. A line
of --callers gives it roles, such as: mtls spiffe://acme.com/relay writer

The server reads the files of tokens, callers, certificates and authorities again
within a second after they change. If a changed file is broken, the server keeps
what it read before and logs an error.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.applyDev(cmd.Flags().Changed)
			o.access.listen.findClientSettings(cmd.Flags().Changed, env)
			o.unknown = cli.UnknownVariables(environ, settings.Variables())
			return o.serve(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	o.access.addTo(flags)
	flags.StringVar(&o.store.engine, "store", defaultStore, "where records and ledger are stored: sqlite:`PATH` or dynamodb")
	o.store.addTables(flags)
	addAuditKey(flags, &o.auditKey, "; made on the first run, mode 0600")
	flags.DurationVar(&o.appendTimeout, "append-timeout", audit.DefaultAppendTimeout,
		"how long an entry may take to become durable; after that the read fails")
	o.policy.addTo(flags)
	o.anchor.addTo(flags)
	o.ledger.addTo(flags)
	o.original.addTo(flags)
	return cmd
}

// applyDev sets the defaults of --dev for flags that were not given.
func (o *serveFlags) applyDev(given func(string) bool) {
	if !o.access.dev {
		return
	}
	if !given("store") {
		o.store.engine = sqlitePrefix + filepath.Join(devFolder, "piinguin.db")
	}
	if !given("audit-key") {
		o.auditKey = filepath.Join(devFolder, "audit.key")
	}
}

// check refuses flags that contradict each other or have no meaning, before anything is opened or made.
func (o *serveFlags) check() error {
	if _, _, err := o.store.sqlite(); err != nil {
		return err
	}
	if o.appendTimeout <= 0 {
		return errors.New("--append-timeout must be more than 0")
	}
	original := func() error { return o.original.check(&o.access) }
	for _, check := range []func() error{o.access.check, o.policy.check, o.anchor.check, original} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// serve opens each part before the one that needs it, and closes them in the opposite order: requests
// end first, then the ledger writes what waits, then its last checkpoints are anchored, and the
// engine is closed last. Nothing listens until everything is open, so a wrong setting never becomes
// a server that refuses each request.
func (o *serveFlags) serve(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	log := zerolog.New(printable.JSONWriter{W: printable.Raw(stderr)}).With().Timestamp().Logger()
	o.access.listen.tell(log)
	for _, name := range o.unknown {
		log.Warn().Str("setting", name).Msg("passed over: no setting has this name")
	}
	callers, conf, err := o.access.open(ctx, log, o.original.caller)
	if err != nil {
		return err
	}
	rules, err := o.policy.open(log)
	if err != nil {
		return err
	}
	anchors, err := o.anchor.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, anchors.close()) }()
	if o.access.dev {
		if err := durable.MkdirAll(devFolder, 0o700); err != nil {
			return fmt.Errorf("make %s: %w", devFolder, err)
		}
	}
	engine, err := o.store.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	o.warnOfOpenFiles(log)
	name, key, err := o.ledger.identify(ctx, engine.Ledger, o.auditKey)
	if err != nil {
		return err
	}
	if err := o.ledger.restart(ctx, engine.Ledger, key, anchors, log); err != nil {
		return err
	}
	ledger, err := audit.Open(ctx, audit.Config{
		Store: engine.Ledger, Key: key, Name: name, Logs: engine.Logs, Leases: engine.Leases, AppendTimeout: o.appendTimeout, Period: o.anchor.every, Report: func(err error) { reportSpine(log, anchors, err) },
	})
	if err != nil {
		return err
	}
	stopAnchors, err := anchors.start(ctx, ledger, log)
	if err != nil {
		return errors.Join(err, ledger.Close(ctx))
	}
	defer stopAnchors() // after the ledger's end, so that its last entries are covered
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLedger)
		defer cancel()
		err = errors.Join(err, ledger.Close(ctx))
	}()
	s, err := server.New(server.Config{
		Ledger: ledger, Store: engine.Records, Callers: callers, Policy: rules, Limits: o.policy.limits,
		RequirePurpose: o.policy.purpose, RequireReference: o.policy.reference, Log: log, Ready: anchors.ready, Metrics: append(engine.Metrics, anchors.failures, newBuildMetric()),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.access.listen.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	door, err := o.original.open(ctx, s, &o.access, conf, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	scheme := "http"
	if conf != nil {
		scheme, listener = "https", tls.NewListener(listener, conf)
	}
	o.logStart(log, scheme, listener.Addr().String())
	if o.access.dev {
		o.greet(stdout, scheme+"://"+listener.Addr().String())
	}
	ports, ctx := errgroup.WithContext(ctx)
	ports.Go(func() error { return listen(ctx, listener, s.Handler(), log) })
	ports.Go(func() error { return door.serve(ctx) })
	return ports.Wait()
}

// listen serves until ctx is done, and then lets open requests finish.
func listen(ctx context.Context, listener net.Listener, handler http.Handler, log zerolog.Logger) error {
	// Without TLS too: a client that speaks nothing but HTTP/2, such as gRPC, would hang otherwise.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	h := &http.Server{
		Handler:           handler,
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       readRequest,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(connectionLog{log}, "", 0),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- h.Serve(listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info().Msg("stopping: open requests may finish")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		return errors.Join(errors.New("some requests did not finish in time"), h.Close())
	}
	log.Info().Msg("stopped")
	return nil
}

// logStart logs which build serves what to whom. Whoever starts a server and waits for it reads this line.
func (o *serveFlags) logStart(log zerolog.Logger, scheme, address string) {
	kind, _, _ := strings.Cut(o.store.engine, ":")
	log.Info().Str("version", cli.ReadBuild().Version).Str("store", kind).Str("address", address).
		Bool("tls", scheme == "https").Strs("authentication", o.access.kinds()).Msg("started")
}

// greet prints where a server with --dev listens, and how to call it.
func (o *serveFlags) greet(w io.Writer, address string) {
	_, _ = fmt.Fprintf(w, `piinguin listens on %[1]s and keeps its data in %[2]s

Try it in another terminal. Store a value:
  curl -s -H 'Authorization: Bearer dev-writer' -H 'Content-Type: application/json' \
    -d '{"pii_record":{"modified_value":"123","original_value":"456"}}' \
    %[1]s/twirp/piinguin.v1.Piinguin/CreatePiiRecord
Read it, with a lawful basis:
  curl -s -H 'Authorization: Bearer dev-reader' -H 'Content-Type: application/json' \
    -d '{"modified_value":"123","processing_basis":"CONSENT","purpose":"support"}' \
    %[1]s/twirp/piinguin.v1.Piinguin/ReadPiiRecord
See who read what, and verify the ledger:
  curl -s -H 'Authorization: Bearer dev-auditor' -H 'Content-Type: application/json' \
    -d '{}' %[1]s/twirp/piinguin.v1.Audit/ListEntries
  go run ./cmd/piinguin audit verify --store %[2]s

Stop it with Ctrl-C.
`, address, o.store.engine)
}
