package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Store a value, read it for a reason, erase it.
func Example() {
	_, url, end := newVault() // a server in memory
	defer end()

	c, err := client.New(client.Config{Host: url, Token: client.Token(os.Getenv("PIINGUIN_TOKEN"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if _, err := c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{
		ModifiedValue: "7d8a4beae5bc9d31", OriginalValue: "jane@example.com",
	}}); err != nil {
		fmt.Println(err)
		return
	}
	answer, err := c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue:   "7d8a4beae5bc9d31",
		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
		Purpose:         "send the invoice",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("send it to", answer.GetPiiRecord().GetOriginalValue())
	erased, err := c.DeletePiiRecord(ctx, &piinguinv1.DeletePiiRecordRequest{ModifiedValue: "7d8a4beae5bc9d31"})
	fmt.Println("erased:", erased.GetErased(), err)
	// Output:
	// send it to jane@example.com
	// erased: true <nil>
}

// A whole URL is used as it is, and a token never prints.
func ExampleNew() {
	cfg := client.Config{Host: "https://vault.internal", Token: "secret", Timeout: 2 * time.Second}
	c, err := client.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
	fmt.Println(cfg.Token)
	// Output:
	// piinguin client of https://vault.internal
	// [redacted]
}

// Say when the value was seen, so that a late event never overwrites a newer one.
func ExampleClient_create() {
	c, end := exampleClient()
	defer end()

	record := &piinguinv1.PiiRecord{
		ModifiedValue: "7d8a4beae5bc9d31",
		OriginalValue: "jane@example.com",
		ObservedAt:    timestamppb.New(time.Date(2024, 3, 1, 10, 0, 0, 0, time.UTC)),
		Source:        &piinguinv1.Source{FieldName: "user_id"},
	}
	for range 2 {
		answer, err := c.CreatePiiRecord(context.Background(), &piinguinv1.CreatePiiRecordRequest{PiiRecord: record})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("replaced:", answer.GetReplaced(), "superseded:", answer.GetSuperseded())
	}
	// Output:
	// replaced: false superseded: false
	// replaced: true superseded: false
}

// The basis is required, and the purpose is what a reviewer will see beside it. The
// receipt says where the entry stands that justifies the read.
func ExampleClient_read() {
	c, end := exampleClient("7d8a4beae5bc9d31")
	defer end()

	answer, err := c.ReadPiiRecord(context.Background(), &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue:   "7d8a4beae5bc9d31",
		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_LEGAL_OBLIGATION,
		Purpose:         "answer the data subject's request",
		Reference:       "TICKET-42",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, by entry %d\n", answer.GetPiiRecord().GetOriginalValue(), answer.GetReceipt().GetIndex())
	// Output: original of 7d8a4beae5bc9d31, by entry 1
}

// To erase what is not there is no error.
func ExampleClient_erase() {
	c, end := exampleClient("7d8a4beae5bc9d31")
	defer end()

	for range 2 {
		answer, err := c.DeletePiiRecord(context.Background(), &piinguinv1.DeletePiiRecordRequest{ModifiedValue: "7d8a4beae5bc9d31"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("erased:", answer.GetErased())
	}
	// Output:
	// erased: true
	// erased: false
}

// Each record of a batch succeeds or fails by itself.
func ExampleClient_batch() {
	c, end := exampleClient()
	defer end()

	answer, err := c.CreatePiiRecords(context.Background(), &piinguinv1.CreatePiiRecordsRequest{PiiRecords: []*piinguinv1.PiiRecord{
		{ModifiedValue: "7d8a4beae5bc9d31", OriginalValue: "jane@example.com"},
		{OriginalValue: "whose is this?"},
	}})
	if err != nil { // the whole call
		fmt.Println(err)
		return
	}
	for i, result := range answer.GetResults() {
		if e := result.GetError(); e != nil {
			fmt.Println(i, e.GetCode(), e.GetReason())
			continue
		}
		fmt.Println(i, "stored")
	}
	// Output:
	// 0 stored
	// 1 invalid_argument modified_value_required
}

// The code says what kind of failure it is, the reason which one.
func ExampleClient_failures() {
	c, end := exampleClient("7d8a4beae5bc9d31")
	defer end()

	for _, request := range []*piinguinv1.ReadPiiRecordRequest{
		{ModifiedValue: "7d8a4beae5bc9d31"},
		{ModifiedValue: "another", ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONSENT},
	} {
		_, err := c.ReadPiiRecord(context.Background(), request)
		var failure twirp.Error
		switch {
		case err == nil:
			fmt.Println("read")
		case errors.As(err, &failure) && failure.Code() == twirp.NotFound:
			fmt.Println("nobody has stored it, or it was erased")
		case errors.As(err, &failure):
			fmt.Println("failed:", failure.Code(), failure.Meta("reason"))
		}
	}
	// Output:
	// failed: invalid_argument processing_basis_required
	// nobody has stored it, or it was erased
}

// exampleClient is a client of a server in memory that holds these modified values.
func exampleClient(values ...string) (c *client.Client, end func()) {
	v, url, end := newVault()
	for _, value := range values {
		v.create(&piinguinv1.PiiRecord{ModifiedValue: value, OriginalValue: "original of " + value})
	}
	c, err := client.New(client.Config{Host: url, Token: "dev"})
	if err != nil {
		panic(err)
	}
	return c, end
}
