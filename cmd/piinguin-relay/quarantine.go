package main

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/pflag"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/relay"
	"github.com/piinguin/piinguin/relay/quarantine"
)

// quarantineFlags say where the records of a stream go that can never be stored.
type quarantineFlags struct{ place, key string }

func (q *quarantineFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&q.place, "quarantine", "", "`place` for records that can never be stored: the https:// URL of an SQS queue, which gets\ntheir position and the reason; or s3://BUCKET/PREFIX, which gets the records themselves.\nWithout it they are only logged, by position and reason")
	flags.StringVar(&q.key, "quarantine-kms-key", "", "KMS `key` (ID, ARN or alias) that encrypts records in an s3:// quarantine")
}

// open returns nil without --quarantine. The AWS settings are those of awsx.Config.
func (q *quarantineFlags) open(ctx context.Context) (relay.Quarantine, error) {
	inS3, isURL := strings.HasPrefix(q.place, s3Scheme), strings.HasPrefix(q.place, "https://") || strings.HasPrefix(q.place, "http://")
	switch {
	case q.place == "" && q.key == "":
		return nil, nil
	case inS3 == (q.key == ""):
		return nil, errors.New("--quarantine-kms-key is for, and required by, a --quarantine that begins with s3://")
	case !inS3 && !isURL:
		return nil, errors.New("--quarantine is neither the URL of an SQS queue nor s3://BUCKET/PREFIX")
	}
	cfg, err := awsx.Config(ctx)
	if err != nil {
		return nil, err
	}
	var to relay.Quarantine
	if inS3 {
		bucket, prefix, _ := strings.Cut(strings.TrimPrefix(q.place, s3Scheme), "/")
		to, err = quarantine.NewS3(awsx.NewS3(cfg), bucket, prefix, q.key)
	} else {
		to, err = quarantine.NewSQS(sqs.NewFromConfig(cfg), q.place)
	}
	if err != nil {
		return nil, errors.New("--quarantine names no bucket, or a FIFO queue")
	}
	return to, nil
}
