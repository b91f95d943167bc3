package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// describeMachine says what the numbers were measured on, a line each.
func describeMachine(ctx context.Context, b *bench) []string {
	version, err := b.program(ctx, "piinguin", "version").Output()
	if err != nil {
		version = []byte("unknown")
	}
	return []string{
		fmt.Sprintf("%d cores of %s", runtime.NumCPU(), lineOf("/proc/cpuinfo", "model name")),
		"Linux " + firstLine("/proc/sys/kernel/osrelease") + ", " + runtime.Version() + ", GOMAXPROCS as Go sets it",
		"memory " + lineOf("/proc/meminfo", "MemTotal") + ", load average at the start " + firstLine("/proc/loadavg"),
		"a write of 300 bytes and its fdatasync: " + syncTime(filepath.Join(b.folder, "machine")),
		strings.SplitN(strings.TrimSpace(string(version)), "\n", 2)[0] + ", " + b.started.UTC().Format(time.DateOnly),
	}
}

// lineOf returns what stands behind a name in a file of /proc.
func lineOf(file, name string) string {
	text, err := os.ReadFile(file) //nolint:gosec // a file of /proc
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(file string) string {
	text, err := os.ReadFile(file) //nolint:gosec // a file of /proc
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// syncTime returns the median time of a write that waits for the disk.
func syncTime(path string) string {
	s, err := newSynced(path)
	if err != nil {
		return "unknown"
	}
	defer func() { _ = s.file.Close() }()
	var took []time.Duration
	for n := range int64(200) {
		begun := time.Now()
		if _, err := s.file.WriteAt([]byte(usualEntry), 4096*n); err != nil {
			return "unknown"
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2].Round(time.Microsecond).String()
}
