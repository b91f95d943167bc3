// Package client calls a Piinguin server from Go.
//
// # Connect
//
// A [Client] is the two services of the contract, see package piinguinv1, with who
// calls on every request. Make one and share it; the first call connects.
//
//	c, err := client.New(client.Config{
//		Host:  "https://vault.internal",
//		Token: client.Token(os.Getenv("PIINGUIN_TOKEN")),
//	})
//
// # Store
//
// A record is a modified value, which stands in the events, and the original value
// behind it. The one that was observed last wins, whatever the order of the calls:
//
//	_, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{
//		ModifiedValue: "7d8a4beae5bc9d31",
//		OriginalValue: "jane@example.com",
//		ObservedAt:    timestamppb.New(seen),
//	}})
//
// # Read
//
// A read states its lawful basis, and is an entry in the ledger before the value is
// answered. The receipt says where the entry stands:
//
//	answer, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
//		ModifiedValue:   "7d8a4beae5bc9d31",
//		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
//		Purpose:         "send the invoice",
//	})
//
// # Erase
//
// To erase what is not there succeeds. An event from before cannot bring it back:
//
//	_, err := c.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{ModifiedValue: "7d8a4beae5bc9d31"})
//
// # Many
//
// CreatePiiRecords, ReadPiiRecords and DeletePiiRecords take 1 to 500 items. An item
// that failed does not fail the call: look at the Error of each result. An empty
// result beside an Error is not an empty value.
//
// # Streams
//
// [Client.CreateStream], [Client.ReadStream] and [Client.DeleteStream] take any number
// of items from a sequence and yield what became of each:
//
//	for result, err := range c.CreateStream(ctx, records) {
//		if err != nil {
//			return err
//		}
//		stored(result)
//	}
//
// For each item that is taken there is exactly one result or error, in the order of
// the items:
//
//   - Of an item that the server refused it is a [twirp.Error] with the code and the
//     reason of the single call. The stream goes on.
//   - Of a call that failed as a whole, after its retries, it is that error for each of
//     its items: they may have been done or not. The stream goes on.
//   - An error of the input comes in its place, behind the answers to all items before
//     it, and ends the stream.
//   - When the context ends, no more is taken, what is unanswered has the context's
//     error (errors.Is finds it) or the one that its call had met before, and the stream
//     ends. Of a context that has ended before, the first item says so.
//
// To end a stream at its first error, leave the loop: calls in flight are cancelled,
// which may be too late for them not to be done, and waited for.
//
// Items travel in calls of at most 500 items and 3 MiB, four at a time. While four are
// sent and unread the input is left alone, so never more than five calls' items and
// answers are in memory. The input is ranged over by the goroutine of the loop. Creates,
// and erasures, of one modified value never travel in two calls at once, so they take
// effect in the order given. One whose answer was lost may take effect later than what
// follows it: where that matters, a record's ObservedAt decides.
//
// A call is sent when it is full or the input has ended, and its answers may be held back
// while the input goes on. A live source whose items must not wait ends its sequence
// when it has nothing at hand, and makes another stream of what comes later. A stream
// can be ranged over again if its input can; it sends everything again then.
//
// # Failures and retries
//
// Errors are those of Twirp: errors.As to a twirp.Error gives the code, and
// Meta("reason") the stable reason of a server's error. A request that did not
// reach a server is an error with the code internal that wraps the cause, so
// errors.Is and errors.As find, say, syscall.ECONNREFUSED.
//
// Creates and erasures may be repeated, so they are sent again, up to Config.Attempts
// times, after an error with the code unavailable, resource_exhausted,
// deadline_exceeded, aborted, unknown (which is a proxy's 500) or internal (which is
// also a lost connection and an attempt that took longer than Config.Timeout). Before the
// attempt n+1 there is a wait, random between nothing and 100 ms times 2^n, at most 5 s. A
// server that asks for more by meta.retry_after, because the caller is beyond a limit, is left
// alone that long; beyond 5 s the error is the caller's at once.
// An attempt whose answer was lost may have been done: a create that is repeated may answer
// Replaced because of itself, and a delete that nothing was Erased; each erasure that
// reaches the server is an entry.
//
// Not sent again is what another attempt cannot mend: every other code, a certificate
// that is not trusted, a token that could not be had, a redirect, a request that cannot
// be encoded. A redirect is an error, so that a token never goes to another host than the
// one that was named. When the caller's context ends, or would end during the wait,
// the error is the last attempt's.
//
// Reads, and the calls of the Audit service, are sent once: each time one reaches the
// server is an entry in the ledger, so whether to ask again is the caller's decision.
// Config.RetryReads makes it for all of them.
//
// # Credentials
//
// Who calls is said by one of:
//
//   - Config.Token, a bearer token of piinguin token create or of an OpenID Connect issuer.
//   - Config.TokenSource, for tokens that end: it is asked before each request. Package
//     iam has one that proves an AWS role, without a secret of its own.
//   - Config.CertFile and Config.KeyFile, a certificate, for mutual TLS. They are
//     read again for each new connection.
//
// A Token prints as [redacted], and a Client as its address. Over plain HTTP anyone on
// the way can read a token, and the values: use https beyond one machine.
package client
