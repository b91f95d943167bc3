// Package client calls a Piinguin server from Go.
//
// It promises three things. It repeats nothing that must not happen twice: a read is sent once, unless
// Config.RetryReads allows more. It takes an answer for a success only if that holds the receipt of its
// audit entry. No token or private key is in an error, or in what a [Client] or a [Token] prints.
//
// It does not promise that a call which failed had no effect. An answer may be lost after the
// server has acted; see "Failures and retries".
//
// # Connect
//
// A [Client] is the two services of the contract (package piinguinv1), with the caller's
// credential on every request. Make one and share it. The first call connects.
//
//	c, err := client.New(client.Config{
//		Host:  "https://vault.internal",
//		Token: client.Token(os.Getenv("PIINGUIN_TOKEN")),
//	})
//
// # Store
//
// A record is a modified value, which stands in the events, and the original value behind it.
// The server keeps the one that was observed last, whatever the order of the calls:
//
//	_, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{
//		ModifiedValue: "7d8a4beae5bc9d31",
//		OriginalValue: "jane@example.com",
//		ObservedAt:    timestamppb.New(seen),
//	}})
//
// # Read
//
// A read states its lawful basis. The server records it in the ledger before it answers, and the
// answer's receipt names that entry:
//
//	answer, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
//		ModifiedValue:   "7d8a4beae5bc9d31",
//		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
//		Purpose:         "send the invoice",
//	})
//
// # Erase
//
// Erasing a value that is not there succeeds. An event from before the erasure cannot bring the
// value back:
//
//	_, err := c.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{
//		ModifiedValue: "7d8a4beae5bc9d31",
//		Reference:     "request 2026-17",
//	})
//
// # Batches
//
// CreatePiiRecords, ReadPiiRecords and DeletePiiRecords take 1 to 500 items. An item that failed
// does not fail the call: look at the Error of each result. A result with an Error has no value;
// do not take it for an empty one.
//
// # Streams
//
// [Client.CreateStream], [Client.ReadStream] and [Client.DeleteStream] take any number of items
// from a sequence and yield the result of each:
//
//	for result, err := range c.CreateStream(ctx, nil, records) {
//		if err != nil {
//			return err
//		}
//		stored(result)
//	}
//
// Each item that is taken yields exactly one result or error, in the order of the items:
//
//   - An item that the server refused yields a [twirp.Error] with the code and the reason that a
//     single call would have. The stream goes on.
//   - If a call failed as a whole, after its retries, each of its items yields that error. The
//     items may have been applied or not. The stream goes on.
//   - An error of the input comes after the results of all items before it, and ends the stream.
//   - When the context ends, the stream takes no more items. Each unanswered item yields the
//     context's error (errors.Is finds it) or the error that its call had met before; then the
//     stream ends. If the context had ended before the loop began, the first item yields that.
//
// To end a stream at its first error, leave the loop. That cancels the calls in flight and waits
// for them; they may have been applied all the same.
//
// Items travel in calls of at most 500 items and 3 MiB, four calls at a time. While four calls are
// unread the stream takes nothing from the input, so the items and results of at most five calls are
// in memory. The loop's own goroutine ranges over the input. Creates and erasures of one modified
// value never travel in two calls at once, so they take effect in the given order. One whose answer was lost may
// take effect after a later one; if that matters, set ObservedAt of the records, which decides.
//
// A call is sent when it is full or the input has ended, so results may be held back while the input
// waits. For a live source whose items must not wait, end the sequence when it has nothing at hand and
// make another stream of what comes later. A stream can be ranged over again if its input can; that sends
// everything again.
//
// # Failures and retries
//
// Errors are Twirp's: errors.As to a twirp.Error gives the code, and Meta("reason") the stable
// reason that the server gave. If a request did not reach a server, the error has the code internal
// and wraps the cause, so errors.Is and errors.As find, for example, syscall.ECONNREFUSED.
//
// Creates and erasures may be repeated safely. The client sends them up to Config.Attempts times,
// while the error has the code unavailable, resource_exhausted, deadline_exceeded, aborted, unknown
// (a proxy's 500) or internal (also a lost connection, and an attempt that took longer than
// Config.Timeout). Before attempt n+1 it waits a random time of at most 100 ms times 2^n, and at
// most 5 s. A server that limits the caller names a wait in meta.retry_after: the client waits
// that long, or returns the error at once if that is more than 5 s.
//
// An attempt whose answer was lost may have been applied. So a repeated create may report Replaced
// because of its own first attempt, and a repeated delete may report that nothing was Erased. Each
// erasure that reaches the server is an entry in the ledger.
//
// The client does not repeat what another attempt cannot mend: every other code, a certificate that
// is not trusted, a token that could not be obtained, a request that cannot be encoded, an answer that
// is not protobuf or is too long, https where the port takes plain HTTP or the reverse, a redirect.
// A redirect is an error so that a token never goes to a host that was not configured. If the caller's
// context ends, or would end during the wait, the error is that of the last attempt.
//
// Reads and the calls of the Audit service are sent once. Each one that reaches the server is an
// entry in the ledger, so the caller decides whether to ask again. Config.RetryReads decides it for
// all of them.
//
// # Answers and proxies
//
// What answers may be a proxy, a portal or another program. An error with the code internal says so
// if an answer is not protobuf, has no receipt, names another value than was asked for, has fewer or
// more results than items, or is longer than piinguinv1.MaxAnswer. Such a create or delete may have
// been applied or not. An empty list of entries is legal, and so is a summary without rows.
//
// The client uses no proxy and ignores HTTPS_PROXY, unless Config.Proxy names one. Over plain HTTP it
// never uses one.
//
// # Credentials
//
// One of these says who calls:
//
//   - Config.Token is a bearer token, made by piinguin token create or an OpenID Connect issuer.
//   - Config.TokenSource is for tokens that expire: the client asks it before each request. Package
//     iam has one that proves an AWS role without a stored secret.
//   - Config.CertFile and Config.KeyFile are a certificate for mutual TLS. The client reads them again
//     for each new connection.
//
// A Token prints as [redacted], and a Client as its address. Over plain HTTP everyone on the way
// can read the token and the values. Use https beyond one machine.
package client
