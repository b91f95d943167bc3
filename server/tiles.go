package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/vault"
)

// serveLog serves the logs to auditors as C2SP tlog-tiles. For each log:
//
//	/log/<log>/checkpoint
//	/log/<log>/tile/<level>/<number>[.p/<width>]
//	/log/<log>/tile/entries/<number>[.p/<width>]
//
// Reading a bundle of entries is a reading of the ledger, and so an entry. Checkpoints and
// hashes tell nothing of entries: monitors may poll them.
func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) {
	accessOf(r.Context()).method = string(policy.ReadTiles)
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, piinguinv1.LogPath), "/")
	log, f := checkLog("log", name)
	if f == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		f = failBadRoute
	}
	if f != nil {
		writeError(w, r, f)
		return
	}
	data, contentType, f := s.readLog(r.Context(), log, path)
	if f != nil {
		writeError(w, r, f)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data) //nolint:gosec // no browser takes it for a page; the caller may be gone
}

func (s *Server) readLog(ctx context.Context, log audit.LogID, path string) (data []byte, contentType string, f *failure) {
	inquiry := vault.Inquiry{Reference: "tile of " + log.String(), Hashes: true}
	contentType = "text/plain; charset=utf-8"
	fetch := func() (err error) {
		data, _, err = s.ledger.Checkpoint(ctx, log)
		return err
	}
	if path != "checkpoint" {
		t, err := audit.ParseTilePath(path)
		if err != nil {
			return nil, "", failBadRoute
		}
		if t.L < 0 {
			inquiry = vault.Inquiry{Reference: describeBundle(log, t)}
		}
		contentType = "application/octet-stream"
		fetch = func() (err error) {
			data, err = s.ledger.Tile(ctx, log, t)
			return err
		}
	}
	if _, err := s.vault.Review(ctx, s.call(ctx, policy.ReadTiles), inquiry, fetch); err != nil {
		return nil, "", failureOf(err)
	}
	return data, contentType, nil
}

// describeBundle says in words which entries a bundle holds.
func describeBundle(log audit.LogID, t tlog.Tile) string {
	first := t.N * audit.BundleWidth
	return fmt.Sprintf("entries %s/%d to %d", log, first, first+int64(t.W)-1)
}
