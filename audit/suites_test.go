package audit_test

import (
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

func TestMemTampered(t *testing.T) {
	audittest.Tamper(t, func(*testing.T) audittest.Tamperable { return &tamperedMem{audit.NewMem()} })
}

func TestMemTilesTampered(t *testing.T) {
	audittest.TamperTiles(t, 1900, func(*testing.T) audittest.Tamperable { return &tamperedMem{audit.NewMem()} }, tileTamperings)
}
