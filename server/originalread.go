package server

import (
	"context"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/originalgrpc"
	"github.com/piinguin/piinguin/server/vault"
)

// read reads in the order of the requests. Those that follow each other with one basis are one
// reading of the vault. As with the API, memory for the values is taken before any is fetched.
func (o original) read(ctx context.Context, requests []originalgrpc.Request, results []originalResult) {
	if f := o.limitRecords(ctx, len(requests)); f != nil {
		refuseAll(results, f)
		return
	}
	values := o.hold(ctx, len(requests)*maxReading)
	if values == nil {
		refuseAll(results, failBusy)
		return
	}
	size := int64(0)
	for from := 0; from < len(requests); {
		to := from + 1
		for to < len(requests) && requests[to].Basis == requests[from].Basis {
			to++
		}
		size += o.readOnBasis(ctx, requests[from:to], results[from:to])
		from = to
	}
	values.shrink(size)
}

// readOnBasis reads the records of requests that all state the basis of the first. It returns what
// their values take in an answer, in bytes.
func (o original) readOnBasis(ctx context.Context, requests []originalgrpc.Request, results []originalResult) (size int64) {
	s := originalStatement(requests[0].Basis)
	if f := o.checkStatement(s); f != nil {
		refuseAll(results, f)
		return 0
	}
	statement := statementOf(s)
	statement.Reason = originalProtocol
	keys, place := originalKeys(requests, results)
	readings, err := o.vault.Read(ctx, o.originalCall(ctx), statement, keys)
	for k, i := range place {
		if err != nil {
			results[i].failure = failureOf(err)
			continue
		}
		results[i] = originalReading(readings[k])
	}
	return sizeOf(readings)
}

// originalStatement is what a read of the original states: a basis and nothing else. The original
// numbers the bases from 0, and the API from 1; a number that is not one of its six is none of the
// API's either.
func originalStatement(basis int32) *piinguinv1.ReadPiiRecordRequest {
	return &piinguinv1.ReadPiiRecordRequest{ProcessingBasis: piinguinv1.LawfulBasisForProcessing(basis + 1)}
}

// originalReading is the result of one key, as wireReading is.
func originalReading(r vault.Reading) originalResult {
	value, ok := r.Value()
	if !ok {
		return originalResult{failure: failureOf(r.Err())}
	}
	return originalResult{answer: originalgrpc.Answer{
		Success: true, Message: okText, ModifiedValue: value.Record().ModifiedValue, OriginalValue: value.Text(),
	}}
}
