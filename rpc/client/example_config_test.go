package client_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twitchtv/twirp"

	"github.com/piinguin/piinguin/rpc/client"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// A server that was away for a moment. RetryReads sends reads again as well; each that
// reaches the server is an entry in the ledger.
func ExampleConfig_retries() {
	v, url, end := newVault()
	defer end()
	var calls atomic.Int32
	v.onCall = func(string, []string) error {
		if calls.Add(1)%2 == 1 {
			return twirp.Unavailable.Error("store is unavailable")
		}
		return nil
	}

	c, err := client.New(client.Config{
		Host:       url,
		Attempts:   5,
		Timeout:    time.Minute, // of one attempt
		RetryReads: true,
		OnRetry:    func(_ context.Context, method string, code twirp.ErrorCode) { fmt.Println(method, "again after", code) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background() // or one with a deadline, for all attempts
	_, err = c.CreatePiiRecord(ctx, &piinguinv1.CreatePiiRecordRequest{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: "a"}})
	fmt.Println(err)
	_, err = c.ReadPiiRecord(ctx, &piinguinv1.ReadPiiRecordRequest{
		ModifiedValue: "a", ProcessingBasis: piinguinv1.LawfulBasisForProcessing_CONSENT,
	})
	fmt.Println(err)
	// Output:
	// CreatePiiRecord again after unavailable
	// <nil>
	// ReadPiiRecord again after unavailable
	// <nil>
}

// A bearer token, from the environment.
func ExampleConfig_token() {
	c, err := client.New(client.Config{
		Host:  "https://vault.internal",
		Token: client.Token(os.Getenv("PIINGUIN_TOKEN")),
	})
	fmt.Println(c, err)
	// Output: piinguin client of https://vault.internal <nil>
}

// Tokens that end come from a function. It is asked before each request, by many callers
// at once; this one reads what another program keeps fresh.
func ExampleConfig_tokenSource() {
	c, err := client.New(client.Config{
		Host: "https://vault.internal",
		TokenSource: func(context.Context) (client.Token, error) {
			text, err := os.ReadFile("/run/secrets/piinguin-token")
			return client.Token(strings.TrimSpace(string(text))), err
		},
	})
	fmt.Println(c, err)
	// Output: piinguin client of https://vault.internal <nil>
}

// A certificate proves who calls, and a file says who vouches for the server.
func ExampleConfig_mutualTLS() {
	c, err := client.New(client.Config{
		Host:     "https://vault.internal",
		CAFile:   "/etc/piinguin/ca.pem",
		CertFile: "/etc/piinguin/me.pem",
		KeyFile:  "/etc/piinguin/me-key.pem",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
}
