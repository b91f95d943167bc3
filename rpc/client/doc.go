// Package client calls a Piinguin server from Go.
//
// A Client is the two services of the contract (see package piinguinv1) with
// the caller's token on every request, or with a certificate in its place:
//
//	c, err := client.New(client.Config{
//		Host:  "https://vault.internal",
//		Token: client.Token(os.Getenv("PIINGUIN_TOKEN")),
//	})
//	if err != nil {
//		return err
//	}
//	answer, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
//		ModifiedValue:   "7d8a4beae5bc9d31",
//		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
//		Purpose:         "send the invoice",
//	})
//
// Errors are those of Twirp: errors.As to a twirp.Error gives the code, and
// Meta("reason") the stable reason of a server's error. A request that did not
// reach a server is an error with the code internal that wraps the cause, so
// errors.Is and errors.As find, say, syscall.ECONNREFUSED.
//
// # Failures and retries
//
// Creates and deletes that failed in a way that may pass are sent again, after a
// random wait: they may be repeated, because the value seen last wins and to erase
// what is gone succeeds. Reads are not, unless Config.RetryReads says so: a read that
// is sent twice is two entries in the ledger, so whether to ask again is the caller's
// decision. A redirect is an error, so that a token never goes to another host than the
// one that was named.
package client
