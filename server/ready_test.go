package server_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/server"
	"github.com/piinguin/piinguin/server/store"
)

// probed counts how often it is asked whether it is ready.
type probed struct {
	*store.Mem
	looks atomic.Int64
	hang  atomic.Bool
}

func (p *probed) Ready(ctx context.Context) error {
	p.looks.Add(1)
	if p.hang.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// TestManyProbesAreOneLook: whoever has no credential may ask /readyz, and must not make the engines
// work. A store that hangs makes the server not ready, and keeps no probe waiting.
func TestManyProbesAreOneLook(t *testing.T) {
	p := &probed{Mem: store.NewMem()}
	v, _ := newTestServer(t, p, audit.Config{Store: audit.NewMem()})
	start := time.Now()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			for range 5 {
				if status, body := v.get(t, "/readyz"); status != http.StatusOK {
					t.Errorf("/readyz: %d %q", status, body)
				}
			}
		})
	}
	all.Wait()
	if looks, most := p.looks.Load(), int64(time.Since(start)/time.Second)+1; looks < 1 || looks > most {
		t.Errorf("the store was asked %d times, want at most once a second: %d", looks, most)
	}
	p.hang.Store(true)
	eventually(t, "/readyz is 503", func() bool {
		status, _ := v.get(t, "/readyz")
		return status == http.StatusServiceUnavailable
	})
}

// TestNotReadyWhileTheLedgerDisagrees: a ledger that does not extend what was kept of it makes the server not
// ready, and the answer says why and no more.
func TestNotReadyWhileTheLedgerDisagrees(t *testing.T) {
	var disagrees atomic.Bool
	v := newMemServer(t, nil, func(c *server.Config) {
		c.Ready = func(context.Context) error {
			if disagrees.Load() {
				return errEngine
			}
			return nil
		}
	})
	for _, want := range []struct {
		disagrees bool
		status    int
		body      string
	}{{false, http.StatusOK, "ok\n"}, {true, http.StatusServiceUnavailable, "ledger_not_whole\n"}, {false, http.StatusOK, "ok\n"}} {
		disagrees.Store(want.disagrees)
		var body string
		eventually(t, fmt.Sprintf("%d %q", want.status, want.body), func() bool {
			var status int
			status, body = v.get(t, "/readyz")
			return status == want.status
		})
		if body != want.body {
			t.Errorf("/readyz answers %d %q, want %q", want.status, body, want.body)
		}
	}
}
