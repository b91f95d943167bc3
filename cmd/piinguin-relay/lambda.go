package main

import (
	"context"
	"io"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/cmd/internal/settings"
	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/rpc/client"
)

// serveLambda handles invocations until Lambda ends the process; it returns only
// if the settings are wrong. They come from the environment, and the log goes to
// stdout, where CloudWatch takes it from.
func serveLambda(ctx context.Context, env func(string) string, stdout io.Writer) int {
	log := zerolog.New(stdout).With().Timestamp().Logger()
	c, err := lambdaClient(ctx, env)
	if err != nil {
		log.Error().Str("failure", err.Error()).Msg("wrong settings")
		return exitFailure
	}
	log.Info().Str("server", c.Address()).Msg("relay starts")
	handler := relay.NewHandler(relay.New(c), log)
	lambda.StartWithOptions(handler.Handle, lambda.WithContext(ctx),
		lambda.WithEnableSIGTERM(func() { log.Info().Msg("relay ends") }))
	return exitDone
}

func lambdaClient(ctx context.Context, env func(string) string) (*client.Client, error) {
	var s settings.Client
	flags := pflag.NewFlagSet("lambda", pflag.ContinueOnError)
	s.AddTo(flags)
	if err := settings.FromEnvironment(flags, env); err != nil {
		return nil, err
	}
	return s.Open(ctx)
}
