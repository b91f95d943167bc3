package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// serve is the process of one of the servers that Piinguin's is compared with. It ends when its
// standard input does: whoever started it is gone then.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	handler, err := handlerOf(ctx, args)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "listens on http://%s\n", listener.Addr()); err != nil {
		return err
	}
	h := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = h.Close()
	}()
	if err := h.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handlerOf returns the server of a kind; what follows the kind is its own.
func handlerOf(ctx context.Context, args []string) (http.Handler, error) {
	if len(args) == 0 {
		return nil, errors.New("serve wants a kind of server")
	}
	var s piinguinv1.Piinguin
	var err error
	switch kind, rest := args[0], args[1:]; {
	case kind == "echo" && len(rest) == 0:
		s = echo{}
	case kind == "synced" && len(rest) == 1:
		s, err = newSynced(rest[0])
	case kind == "group" && len(rest) == 1:
		s, err = newGroup(ctx, rest[0])
	case kind == "naive" && len(rest) == 2:
		s, err = newNaive(ctx, rest[0], rest[1])
	case kind == "memory" && len(rest) == 2:
		return newMemory(rest[0], rest[1])
	default:
		return nil, fmt.Errorf("no server is started by %q", args)
	}
	return piinguinv1.NewPiinguinServer(s), err
}

// echo is the least that a Twirp server can do.
type echo struct{ piinguinv1.Piinguin }

func (echo) ReadPiiRecord(_ context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	return answerTo(req.GetModifiedValue(), original), nil
}

func answerTo(key, value string) *piinguinv1.ReadPiiRecordResponse {
	return &piinguinv1.ReadPiiRecordResponse{PiiRecord: &piinguinv1.PiiRecord{ModifiedValue: key, OriginalValue: value}}
}

// usualEntry has as many bytes as a usual entry of the ledger.
var usualEntry = fmt.Sprintf("%0300d", 0)

// synced is an echo that waits for the disk in each request: it overwrites 300 bytes of a file,
// as SQLite overwrites its write-ahead log.
type synced struct {
	echo
	file *os.File
}

// syncedSize is the size of the file. Its blocks are there before the measurement, so that no
// request has to wait for new ones.
const syncedSize = 4 << 20

func newSynced(path string) (synced, error) {
	if err := os.Truncate(path, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return synced{}, err
	}
	// O_DSYNC has each write wait as fdatasync does.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|syscall.O_DSYNC, 0o600) //nolint:gosec // in the bench's own folder
	if err != nil {
		return synced{}, err
	}
	_, err = f.Write(make([]byte, syncedSize))
	return synced{file: f}, err
}

func (s synced) ReadPiiRecord(ctx context.Context, req *piinguinv1.ReadPiiRecordRequest) (*piinguinv1.ReadPiiRecordResponse, error) {
	if _, err := s.file.WriteAt([]byte(usualEntry), time.Now().UnixNano()%(syncedSize-4096)); err != nil {
		return nil, err
	}
	return s.echo.ReadPiiRecord(ctx, req)
}
