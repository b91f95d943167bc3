package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/cmd/internal/cli"
	"github.com/piinguin/piinguin/cmd/internal/printable"
	"github.com/piinguin/piinguin/cmd/internal/settings"
	"github.com/piinguin/piinguin/relay"
)

// serveLambda handles invocations until SIGTERM, which Lambda sends before it ends the
// process. The settings come from the environment, and the log goes to stdout, where
// CloudWatch takes it from.
func serveLambda(ctx context.Context, env func(string) string, environ []string, stdout io.Writer) int {
	log := zerolog.New(printable.JSONWriter{W: stdout}).With().Timestamp().Logger()
	for _, name := range cli.UnknownVariables(environ, settings.Variables()) {
		log.Warn().Str("setting", name).Msg("passed over: no setting has this name")
	}
	f, err := newFunction(ctx, env, log)
	if err != nil {
		log.Error().Str("failure", err.Error()).Msg("wrong settings")
		reportInitError(ctx, env("AWS_LAMBDA_RUNTIME_API"), err)
		return exitFailure
	}
	// The base context does not end: what is in flight when SIGTERM comes is answered.
	go lambda.StartWithOptions(f.invoke, lambda.WithContext(context.WithoutCancel(ctx)), lambda.WithEnableSIGTERM())
	<-ctx.Done()
	f.answering.Lock()
	log.Info().Msg("relay ends")
	return exitDone
}

// reportInitError tells Lambda why there will be no invocation, for its log and its
// caller. That it may fail changes nothing: the process ends.
func reportInitError(ctx context.Context, api string, failure error) {
	text, err := json.Marshal(map[string]string{"errorType": "Relay.WrongSettings", "errorMessage": failure.Error()})
	if err != nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+"/2018-06-01/runtime/init/error", bytes.NewReader(text))
	if err != nil {
		return
	}
	r.Header.Set("Lambda-Runtime-Function-Error-Type", "Relay.WrongSettings")
	if answer, err := http.DefaultClient.Do(r); err == nil {
		_ = answer.Body.Close()
	}
}

// function is the Lambda function.
type function struct {
	handler   *relay.Handler
	ending    context.Context // ends when no more may be begun
	answering sync.Mutex      // held from the beginning of an invocation until it is answered
}

// newFunction reads the settings once, when the function starts, so that a wrong one is an init error
// and not a batch that comes again and again.
func newFunction(ctx context.Context, env func(string) string, log zerolog.Logger) (*function, error) {
	server := settings.Client{OnRetry: relay.CountRetry}
	var bad quarantineFlags
	flags := pflag.NewFlagSet("lambda", pflag.ContinueOnError)
	server.AddTo(flags)
	bad.addTo(flags)
	if err := settings.FromEnvironment(flags, env, func(note string) { log.Warn().Msg(note) }); err != nil {
		return nil, err
	}
	if env(settings.EnvName("host")) == "" || !server.HasCredential() {
		return nil, errNoServer
	}
	c, err := server.Open(ctx)
	if err != nil {
		return nil, err
	}
	to, err := bad.open(ctx)
	if err != nil {
		return nil, err
	}
	build := cli.ReadBuild()
	log.Info().Str("version", build.Version).Str("commit", build.Commit).Str("server", c.Address()).Msg("relay starts")
	return &function{ending: ctx, handler: relay.NewHandler(relay.HandlerConfig{
		Relay: relay.New(c), Log: log, Quarantine: to, CallTimeout: time.Duration(server.TimeoutSec) * time.Second,
	})}, nil
}

// errNoServer: the defaults, a server beside the relay that is called without a credential,
// would make each batch come again until it is too old.
var errNoServer = errors.New("PIINGUIN_HOST is required, and one of PIINGUIN_TOKEN, PIINGUIN_AUTH=iam and PIINGUIN_TLS_CERT")

// invoke handles one invocation. Its errors have fixed texts, because Lambda logs them,
// and so would it log what a panic says.
func (f *function) invoke(ctx context.Context, payload json.RawMessage) (_ *answer, err error) {
	f.answering.Lock()
	defer func() {
		if recover() != nil {
			err = errors.New("the relay failed on this batch")
		}
		if err != nil {
			f.answering.Unlock()
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.ending, cancel)()
	batch, err := parseBatch(payload)
	if err != nil {
		return nil, err
	}
	if ctx, err = traced(ctx); err != nil {
		return nil, errors.New("the trace cannot be passed on")
	}
	response, err := f.handler.Handle(ctx, batch)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(response)
	if err != nil {
		return nil, errors.New("the answer cannot be written")
	}
	return &answer{text: bytes.NewReader(text), done: f.answering.Unlock}, nil
}

var errNotKinesis = errors.New("the event is not one of a Kinesis stream: the function's trigger has to be the stream of PII transformation events")

// parseBatch takes an event of Kinesis only: the records of another source would look
// empty, and an acknowledged record is not seen again.
func parseBatch(payload []byte) (events.KinesisEvent, error) {
	var batch events.KinesisEvent
	if json.Unmarshal(payload, &batch) != nil || len(batch.Records) == 0 {
		return batch, errNotKinesis
	}
	for _, r := range batch.Records {
		if r.EventSource != "aws:kinesis" {
			return batch, errNotKinesis
		}
	}
	return batch, nil
}

// answer is what is sent to Lambda; aws-lambda-go closes it once Lambda has it. A field
// that JSON shows would make aws-lambda-go send the JSON of this struct instead.
type answer struct {
	text io.Reader
	done func()
}

// Read implements io.Reader.
func (a *answer) Read(p []byte) (int, error) { return a.text.Read(p) }

// ContentType is known to aws-lambda-go.
func (a *answer) ContentType() string { return "application/json" }

// Close implements io.Closer.
func (a *answer) Close() error { //nolint:unparam // io.Closer
	a.done()
	return nil
}
