package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/identity"
)

const (
	devFolder = "piinguin-dev"

	// drain is how long open requests get at the end, closeLedger what waits for
	// the ledger then.
	drain       = 20 * time.Second
	closeLedger = 5 * time.Second
)

// serveOptions are the flags of serve.
type serveOptions struct {
	where          where
	vouchers       vouchers
	dev            bool
	host           string
	port           int
	tokens         string
	auditKey       string
	appendTimeout  time.Duration
	allowPlaintext bool
}

func serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: Twirp on HTTP, in JSON and protobuf, under /twirp; and /healthz,
/readyz and /metrics.

To try it:       piinguin serve --dev
On one machine:  piinguin serve --tokens tokens.txt
On AWS:          piinguin tables create && piinguin serve --store dynamodb --tokens tokens.txt

--dev keeps its data in ./` + devFolder + `, answers on this machine only and knows four
tokens, one a role: dev-writer, dev-reader, dev-eraser and dev-auditor.

A token file has a line for each token: name, roles, SHA-256 of the token. Make
one for a caller named relay:
  token=$(openssl rand -hex 32)
  echo "relay writer $(printf %s "$token" | sha256sum | cut -d' ' -f1)" >> tokens.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.applyDev(cmd.Flags().Changed)
			return o.serve(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.dev, "dev", false, "try it out: four known tokens, this machine only")
	flags.StringVar(&o.where.store, "store", defaultStore, "where records and ledger are kept: sqlite:`PATH` or dynamodb")
	o.where.addTables(flags)
	flags.StringVar(&o.host, "host", "127.0.0.1", "`address` to listen on")
	flags.IntVar(&o.port, "port", 8080, "port to listen on; 0 takes a free one")
	flags.StringVar(&o.tokens, "tokens", "", "token `file`: a line for each token with name, roles and SHA-256 hash")
	o.vouchers.addTo(flags)
	addAuditKey(flags, &o.auditKey)
	flags.DurationVar(&o.appendTimeout, "append-timeout", audit.DefaultAppendTimeout,
		"how long an entry may take to be durable; a read fails past it")
	flags.BoolVar(&o.allowPlaintext, "allow-plaintext", false,
		"listen beyond this machine without TLS: only behind a proxy that has it")
	return cmd
}

// applyDev sets what --dev means where nothing else was said.
func (o *serveOptions) applyDev(given func(string) bool) {
	if !o.dev {
		return
	}
	if !given("store") {
		o.where.store = sqlitePrefix + filepath.Join(devFolder, "piinguin.db")
	}
	if !given("audit-key") {
		o.auditKey = filepath.Join(devFolder, "audit.key")
	}
}

// callers returns who knows callers.
func (o *serveOptions) callers(ctx context.Context, log zerolog.Logger) (identity.Authenticator, error) {
	if err := o.vouchers.check(); err != nil {
		return nil, err
	}
	switch {
	case o.dev && (o.tokens != "" || o.vouchers.any()):
		return nil, errors.New("--dev has its own tokens; leave --tokens, --oidc-issuer and --iam-audience out")
	case o.dev:
		return identity.DevTokens(), nil
	case o.tokens == "" && !o.vouchers.any():
		return nil, errors.New("--tokens is required, or --oidc-issuer, or --iam-audience: there is no default credential; or try --dev")
	}
	var callers []identity.Authenticator
	if o.tokens != "" {
		tokens, err := o.readTokens()
		if err != nil {
			return nil, err
		}
		callers = append(callers, tokens)
	}
	vouched, err := o.vouchers.open(ctx, log)
	if err != nil {
		return nil, err
	}
	return limited(append(callers, vouched...), o.allowPlaintext), nil
}

func (o *serveOptions) readTokens() (*identity.Tokens, error) {
	f, err := os.Open(o.tokens)
	if err != nil {
		return nil, fmt.Errorf("--tokens: %w", err)
	}
	defer func() { _ = f.Close() }()
	return identity.ParseTokens(f)
}

// checkHost refuses an open port without TLS.
func (o *serveOptions) checkHost() error {
	addr, err := netip.ParseAddr(o.host)
	loopback := o.host == "localhost" || err == nil && addr.IsLoopback()
	switch {
	case loopback:
		return nil
	case o.dev:
		return errors.New("--dev listens on this machine only: --host must be a loopback address")
	case !o.allowPlaintext:
		return errors.New("--host is open to other machines, and the server speaks plain HTTP: put a proxy with TLS before it and say --allow-plaintext")
	}
	return nil
}

func (o *serveOptions) serve(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if err := o.checkHost(); err != nil {
		return err
	}
	log := zerolog.New(stderr).With().Timestamp().Logger()
	callers, err := o.callers(ctx, log)
	if err != nil {
		return err
	}
	if o.dev {
		if err := os.MkdirAll(devFolder, 0o700); err != nil {
			return fmt.Errorf("make %s: %w", devFolder, err)
		}
	}
	engine, err := o.where.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.close()) }()
	key, err := openKey(ctx, o.auditKey, engine.ledger)
	if err != nil {
		return err
	}
	ledger, err := audit.Open(ctx, audit.Config{
		Store: engine.ledger, Key: key, Logs: engine.logs, Leases: engine.leases, AppendTimeout: o.appendTimeout,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLedger)
		defer cancel()
		err = errors.Join(err, ledger.Close(ctx))
	}()
	s, err := server.New(server.Config{Ledger: ledger, Store: engine.records, Callers: callers, Log: log})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(o.host, strconv.Itoa(o.port)))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	o.greet(stdout, listener.Addr().String())
	return listen(ctx, listener, s.Handler(), log)
}

// listen serves until ctx is done, and then lets open requests finish.
func listen(ctx context.Context, listener net.Listener, handler http.Handler, log zerolog.Logger) error {
	h := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(silent{log}, "", 0),
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

// silent notes that net/http had something to say, but not what: it may quote a
// request.
type silent struct{ log zerolog.Logger }

func (s silent) Write(p []byte) (int, error) {
	s.log.Warn().Msg("a connection failed")
	return len(p), nil
}

// greet says where the server is, and for --dev how to call it.
func (o *serveOptions) greet(w io.Writer, address string) {
	_, _ = fmt.Fprintf(w, "piinguin listens on http://%s and keeps its data in %s\n", address, o.where.store)
	if !o.dev {
		return
	}
	_, _ = fmt.Fprintf(w, `
Try it in another terminal. Store a value:
  curl -s -H 'Authorization: Bearer dev-writer' -H 'Content-Type: application/json' \
    -d '{"pii_record":{"modified_value":"123","original_value":"456"}}' \
    http://%[1]s/twirp/piinguin.v1.Piinguin/CreatePiiRecord
Read it, with a lawful basis:
  curl -s -H 'Authorization: Bearer dev-reader' -H 'Content-Type: application/json' \
    -d '{"modified_value":"123","processing_basis":"CONSENT","purpose":"support"}' \
    http://%[1]s/twirp/piinguin.v1.Piinguin/ReadPiiRecord
See who read what, and verify that nothing was changed:
  curl -s -H 'Authorization: Bearer dev-auditor' -H 'Content-Type: application/json' \
    -d '{}' http://%[1]s/twirp/piinguin.v1.Audit/ListEntries
  go run ./cmd/piinguin audit verify --store %[2]s

Stop it with Ctrl-C.
`, address, o.where.store)
}
