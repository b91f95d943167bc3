package main_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/piinguin/piinguin/internal/originaltest"
)

// TestOriginalRefused: what is not a message that the server takes ends its own call, with a text and a log
// line, and nothing else.
func TestOriginalRefused(t *testing.T) {
	onSQLite(t, func(t *testing.T, in *install) {
		p := in.startDoor(t)
		c := originaltest.NewClient(t, in.door(t), insecure.NewCredentials())
		for _, call := range []struct {
			method  string
			message []byte
			want    error
			reason  string
		}{
			{"CreatePiiRecord", originaltest.Create("CANARY-key", string(make([]byte, 5<<20))), status.Error(codes.ResourceExhausted, ""), "body_too_large"},
			{"CreatePiiRecord", []byte("\x0aCANARY"), status.Error(codes.InvalidArgument, ""), "not_protobuf"},
			{"CANARY", originaltest.Create("k", "v"), status.Error(codes.Unimplemented, ""), "bad_route"},
		} {
			for _, stream := range []bool{false, true} {
				var err error
				if stream {
					_, err = c.Exchange(t.Context(), call.method+"s", [][]byte{call.message})
				} else {
					_, err = c.Call(t.Context(), call.method, call.message)
				}
				if status.Code(err) != status.Code(call.want) {
					t.Errorf("%s: %v, want %v", call.method, err, call.want)
				}
			}
			eventually(t, "a log line with "+call.reason, func() bool {
				return hasLine(in.log(), []string{`"reason":"` + call.reason + `"`, `"address":"127.0.0.1"`})
			})
		}
		if a, err := c.Call(t.Context(), "CreatePiiRecord", originaltest.Create("k", canary)); err != nil || !a.Success {
			t.Errorf("the server does not go on: %v, %v", a, err)
		}
		metrics := p.metrics(t)
		p.stop(t)
		for _, want := range []string{
			`piinguin_requests_total{code="ok",method="original.CreatePiiRecord"} 1`, `piinguin_failed_requests_total{reason="body_too_large"} 2`,
		} {
			if !hasLine(metrics, []string{want}) {
				t.Errorf("the metrics have no line %s", want)
			}
		}
		wantNoCanary(t, in)
	})
}

func wantNoCanary(t *testing.T, in *install) {
	t.Helper()
	if hasLine(in.log(), []string{"CANARY"}) {
		t.Errorf("the log holds what a client sent:\n%s", in.log())
	}
}
