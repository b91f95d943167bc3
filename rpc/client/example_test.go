package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Read one original value. The basis is required, and the purpose is what a
// reviewer will see beside it.
func Example() {
	c, err := client.New(client.Config{Host: "127.0.0.1", Token: "dev-reader"})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := c.ReadPiiRecord(context.Background(), &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue:   "7d8a4beae5bc9d31",
		ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONTRACT,
		Purpose:         "send the invoice",
		Reference:       "TICKET-42",
	})
	var failure twirp.Error
	switch {
	case err == nil:
		fmt.Println("entry", answer.GetReceipt().GetIndex(), "justifies this read")
	case errors.As(err, &failure) && failure.Code() == twirp.NotFound:
		fmt.Println("nobody has stored it, or it was erased")
	case errors.As(err, &failure):
		fmt.Println("failed:", failure.Code(), failure.Meta("reason"))
	}
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
