package server

import (
	"context"
	"time"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/originalgrpc"
	"github.com/piinguin/piinguin/server/store"
	"github.com/piinguin/piinguin/server/vault"
)

// create stores the records without a time, because the protocol tells none. So they replace
// nothing that has a time, and never bring an erased value back.
func (o original) create(ctx context.Context, requests []originalgrpc.Request, results []originalResult) {
	var records []store.Record
	var place []int
	for i, r := range requests {
		record, f := recordOf(&piinguinv1.PiiRecord{ModifiedValue: r.ModifiedValue, OriginalValue: r.OriginalValue}, o.now())
		if f != nil {
			results[i].failure = f
			continue
		}
		record.ObservedAt = time.Time{}
		records, place = append(records, record), append(place, i)
	}
	if len(records) == 0 {
		return
	}
	puts, _, err := o.vault.Create(ctx, o.originalCall(ctx), vault.Statement{}, records)
	for k, i := range place {
		switch {
		case err != nil:
			results[i].failure = failureOf(err)
		case puts[k].Err != nil:
			results[i].failure = failureOf(puts[k].Err)
		case puts[k].Outcome == store.Superseded:
			results[i].answer = originalgrpc.Answer{Success: true, Message: supersededText}
		default:
			results[i].answer = originalgrpc.Answer{Success: true, Message: okText} // never the value that was replaced
		}
	}
}

// erase answers OK also where nothing was, as the original does.
func (o original) erase(ctx context.Context, requests []originalgrpc.Request, results []originalResult) {
	keys, place := originalKeys(requests, results)
	erasures, err := o.vault.Erase(ctx, o.originalCall(ctx), vault.Statement{}, keys)
	for k, i := range place {
		switch {
		case err != nil:
			results[i].failure = failureOf(err)
		case erasures[k].Err != nil:
			results[i].failure = failureOf(erasures[k].Err)
		default:
			results[i].answer = originalgrpc.Answer{Success: true, Message: okText}
		}
	}
}

// originalKeys returns the valid keys of the requests and where each of them stands. The others are
// refused.
func originalKeys(requests []originalgrpc.Request, results []originalResult) (keys []string, place []int) {
	values := make([]string, len(requests))
	for i, r := range requests {
		values[i] = r.ModifiedValue
	}
	return validKeys(values, func(i int, f *failure) { results[i].failure = f })
}
