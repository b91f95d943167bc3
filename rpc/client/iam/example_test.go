package iam_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/piinguin/piinguin/rpc/client"
	"github.com/piinguin/piinguin/rpc/client/iam"
)

// The role of a Lambda, a container or a machine proves who calls. The audience is
// the server's --iam-audience.
func ExampleTokenSource() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	source, err := iam.TokenSource(cfg, "vault.internal")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.New(client.Config{Host: "https://vault.internal", TokenSource: source})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c)
}
