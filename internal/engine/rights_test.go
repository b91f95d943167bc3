package engine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/internal/awsx"
	"github.com/piinguin/piinguin/server/store"
)

// TestReadyKnowsTheRights: a policy that changes under a running server shows within a minute, and so
// does that it is right again.
func TestReadyKnowsTheRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer error
		log := &bytes.Buffer{}
		w := &watched{Store: store.NewMem(), log: zerolog.New(log), rights: map[string][]awsx.Right{"piinguin": {
			{Action: "dynamodb:GetItem", Try: func(context.Context) error { return nil }},
			{Action: "dynamodb:BatchGetItem", Try: func(context.Context) error { return answer }},
		}}}
		ready := func(want string) {
			t.Helper()
			err := w.Ready(t.Context())
			if want == "" && err != nil || want != "" && (!errors.Is(err, store.ErrUnavailable) || !strings.HasSuffix(err.Error(), want)) {
				t.Errorf("Ready = %v, want %q", err, want)
			}
		}
		ready("")
		answer = &smithy.GenericAPIError{Code: "ProvisionedThroughputExceededException"}
		time.Sleep(time.Minute)
		ready("")
		answer = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "CANARY"}
		time.Sleep(time.Minute)
		const missing = "DynamoDB table piinguin: IAM does not allow this server dynamodb:BatchGetItem"
		ready(missing)
		ready(missing)
		if !strings.Contains(log.String(), missing) || strings.Contains(log.String(), "CANARY") {
			t.Errorf("the log says %s", log)
		}
		answer = nil
		ready("")
	})
}

// TestASpareRightIsToldOnce: the server is ready without it.
func TestASpareRightIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer error = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "CANARY"}
		log := &bytes.Buffer{}
		w := &watched{Store: store.NewMem(), log: zerolog.New(log), rights: map[string][]awsx.Right{"piinguin": {
			{Action: "dynamodb:PartiQLInsert", Try: func(context.Context) error { return answer }, Spare: true},
		}}}
		ready := func(answered error, lines int) {
			t.Helper()
			answer = answered
			time.Sleep(time.Minute)
			if err := w.Ready(t.Context()); err != nil {
				t.Errorf("Ready = %v", err)
			}
			const told = "DynamoDB table piinguin: IAM does not allow this server dynamodb:PartiQLInsert"
			if strings.Count(log.String(), told) != lines || strings.Contains(log.String(), "CANARY") {
				t.Errorf("the log says %s, want %d lines", log, lines)
			}
		}
		denied := answer
		ready(denied, 1)
		ready(denied, 1)
		ready(nil, 1)
		ready(denied, 2)
	})
}
