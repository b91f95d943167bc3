package dynamolog_test

import (
	"context"
	"sync"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
	"github.com/piinguin/piinguin/audit/dynamolog"
	"github.com/piinguin/piinguin/internal/dynamotest"
)

func newTable(t *testing.T) table {
	t.Helper()
	client := dynamotest.Client(t)
	name := dynamotest.Table(t, "audit")
	if _, err := client.CreateTable(t.Context(), dynamolog.Schema(name)); err != nil {
		t.Fatal(err)
	}
	s := dynamolog.New(strict{client, t}, name)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() { s.Derive(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
	return table{s, client, name}
}

func TestConformance(t *testing.T) {
	audittest.Run(t, audittest.Driver{Open: func(t *testing.T) audit.Store { return newTable(t).Store }, Leases: true})
}
