package main

import (
	"context"
	"net/http"
	"regexp"

	"github.com/twitchtv/twirp"
)

// xray is a tracing header of AWS X-Ray with its parts that W3C Trace Context has too. Lambda
// may add a Lineage, and the order is fixed.
var xray = regexp.MustCompile(`^Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=([01])(;[A-Za-z]+=[A-Za-z0-9:|_-]*)*$`)

// traced passes Lambda's trace on with each call to the server, as X-Amzn-Trace-Id and as
// traceparent (W3C Trace Context, level 1), which OpenTelemetry reads. What does not look
// like a trace is dropped.
func traced(ctx context.Context) (context.Context, error) {
	given, _ := ctx.Value("x-amzn-trace-id").(string) // the key of aws-lambda-go
	part := xray.FindStringSubmatch(given)
	if part == nil {
		return ctx, nil
	}
	h := http.Header{}
	h.Set("X-Amzn-Trace-Id", given)
	h.Set("Traceparent", "00-"+part[1]+part[2]+"-"+part[3]+"-0"+part[4])
	return twirp.WithHTTPRequestHeaders(ctx, h)
}
