package audittest_test

import (
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestMemConforms(t *testing.T) {
	audittest.Run(t, audittest.Driver{Open: func(*testing.T) audit.Store { return audit.NewMem() }, Leases: true})
}
