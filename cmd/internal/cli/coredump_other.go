//go:build !linux

package cli

// ForbidCoreDumps does nothing on this system.
func ForbidCoreDumps() error { return nil }
