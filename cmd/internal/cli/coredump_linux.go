package cli

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ForbidCoreDumps keeps the kernel from writing this process's memory, and the values in it, to a file
// or to a crash collector, and other processes of the same user from reading it. Call it before any
// value is in memory.
func ForbidCoreDumps() error {
	// A collector that core_pattern names gets the core whatever the limit is, unless the process
	// is not dumpable.
	if unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) != nil || unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) != nil {
		return errors.New("core dumps of this process cannot be forbidden")
	}
	return nil
}
