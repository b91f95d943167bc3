package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// waiting gives its text, says that more is asked for, and waits for ever.
type waiting struct {
	text  io.Reader
	asked func()
}

func (w waiting) Read(p []byte) (int, error) {
	if n, err := w.text.Read(p); err == nil {
		return n, nil
	}
	w.asked()
	select {}
}

func TestInterruptible(t *testing.T) {
	if got, err := io.ReadAll(Interruptible(t.Context(), strings.NewReader("text"))); err != nil || string(got) != "text" {
		t.Errorf("read %q: %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, err := io.ReadAll(Interruptible(ctx, waiting{bytes.NewReader([]byte("text")), cancel}))
	if !errors.Is(err, context.Canceled) || string(got) != "text" {
		t.Errorf("an interrupted read has %q and ends with %v", got, err)
	}
	unread := strings.NewReader("text")
	if Interruptible(t.Context(), unread); unread.Len() != 4 {
		t.Error("it is read before anybody asks")
	}
}

// A named pipe without a writer.
func TestOpenEndsWithItsContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := Open(ctx, pipe); !errors.Is(err, context.Canceled) || f != nil {
		t.Errorf("opened %v, %v", f, err)
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}
