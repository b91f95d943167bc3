package server

import (
	"context"
	"errors"
	"net/netip"

	"github.com/piinguin/piinguin/server/originalgrpc"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// originalMethod begins the methods of the original's protocol in log lines and metrics.
const originalMethod = "original."

// originalProtocol is the reason of a read's entry: its basis may be what a client sends that
// states none.
const originalProtocol = "original_protocol"

// What clients of the original are told beside failures. okText is the original's own.
const (
	okText         = "OK"
	supersededText = "not stored: the value was erased, or a newer one is there"
	notAllowedText = "clients of the original may not do this; see serve --original-allow"
)

// original does what clients of the original's protocol ask, all of them as one caller.
type original struct {
	*Server
	caller policy.Caller
}

// Original returns the handler of the original's protocol. It takes every client for the caller,
// whose Authentication is policy.Original.
func (s *Server) Original(caller policy.Caller) originalgrpc.Handler { return original{s, caller} }

// Handle implements originalgrpc.Handler. Each group of a stream's requests is one request in the
// log, the metrics and the ledger, as a batch call is.
func (o original) Handle(ctx context.Context, m originalgrpc.Method, from netip.Addr, requests []originalgrpc.Request) (answers []originalgrpc.Answer, done func()) {
	start := o.now()
	a := o.access(m, from)
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, accessKey{}, a), requestTimeout)
	defer cancel()
	results := make([]originalResult, len(requests))
	defer func() {
		if p := recover(); p != nil {
			o.log.Error().Str("request_id", a.requestID).Str("method", a.method).Msg("panic")
			refuseAll(results, failInternal)
			done = a.answer.close
		}
		answers = a.conclude(m, results)
		o.finish(a, o.now().Sub(start))
	}()
	if f := o.limitRequest(ctx); f != nil {
		refuseAll(results, f)
		return nil, a.answer.close
	}
	switch m.Kind {
	case originalgrpc.Create:
		o.create(ctx, requests, results)
	case originalgrpc.Read:
		o.read(ctx, requests, results)
	case originalgrpc.Delete:
		o.erase(ctx, requests, results)
	}
	return nil, a.answer.close
}

// Refused implements originalgrpc.Handler.
func (o original) Refused(m originalgrpc.Method, from netip.Addr, err error) {
	a := o.access(m, from)
	f := failInternal
	for refusal, known := range map[error]*failure{
		originalgrpc.ErrMalformed: failNotProtobuf, originalgrpc.ErrTooLarge: failBody, originalgrpc.ErrBusy: failBusy,
		originalgrpc.ErrSlowAnswer: failSlowAnswer, originalgrpc.ErrSlowMessage: failSlowBody, originalgrpc.ErrDistrusted: failUnauthenticated,
		originalgrpc.ErrStopping: failStopping, originalgrpc.ErrNoMethod: failBadRoute,
	} {
		if errors.Is(err, refusal) {
			f = known
		}
	}
	a.code, a.reason = string(f.code), f.reason
	o.finish(a, 0)
}

func (o original) access(m originalgrpc.Method, from netip.Addr) *access {
	a := &access{requestID: newRequestID(), network: from, answer: &outgoing{}}
	a.identified(o.caller)
	if m.Name != "" {
		a.method = originalMethod + m.Name
	}
	return a
}

// originalResult is the result of one request: an answer, or a failure. The zero one is an answer
// of no success.
type originalResult struct {
	answer  originalgrpc.Answer
	failure *failure
}

func refuseAll(results []originalResult, f *failure) {
	for i := range results {
		results[i] = originalResult{failure: f}
	}
}

// conclude makes answers of results, and notes for the log and the metrics what failed: of a stream
// only if everything failed, as with a batch.
func (a *access) conclude(m originalgrpc.Method, results []originalResult) []originalgrpc.Answer {
	answers := make([]originalgrpc.Answer, len(results))
	failed := 0
	for i, r := range results {
		if answers[i] = r.answer; r.failure != nil {
			answers[i] = originalgrpc.Answer{Message: messageOf(r.failure)}
			failed++
		}
	}
	if m.Stream {
		a.items = len(results)
	}
	if f := results[0].failure; failed == len(results) {
		a.code, a.reason = string(f.code), f.reason
		if m.Stream {
			a.code = itemsFailed
		}
	}
	return answers
}

// messageOf is what a client is told of a failure: the stable reason, and a text.
func messageOf(f *failure) string {
	text := f.text
	switch {
	case f == failRole:
		text = notAllowedText
	case f.retry != "":
		text = "the caller's limit is reached; try again after " + f.retry + " seconds"
	}
	return f.reason + ": " + text
}

// originalCall says who asks the vault. The actions have the names of the original's methods.
func (o original) originalCall(ctx context.Context) vault.Call {
	return o.call(ctx, policy.Action(accessOf(ctx).method[len(originalMethod):]))
}
