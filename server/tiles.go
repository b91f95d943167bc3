package server

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/piinguin/piinguin/audit"
)

// serveLog serves the logs as C2SP tlog-tiles, to auditors: for each log
//
//	/log/<name>/checkpoint
//	/log/<name>/tile/<level>/<number>[.p/<width>]
//	/log/<name>/tile/entries/<number>[.p/<width>]
//
// Reading an entry bundle is a reading of the ledger, and so an entry. Checkpoints
// and hashes tell nothing of entries: a monitor may poll them.
func (s *Server) serveLog(w http.ResponseWriter, r *http.Request) {
	accessOf(r.Context()).method = "ReadTiles"
	log, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/log/"), "/")
	f := checkLog(log)
	if f == nil && r.Method != http.MethodGet {
		f = failBadRoute
	}
	if f != nil {
		writeError(w, r, f)
		return
	}
	data, contentType, f := s.readLog(r, log, path)
	if f != nil {
		writeError(w, r, f)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data) //nolint:gosec // no browser takes it for a page; the caller may be gone
}

func (s *Server) readLog(r *http.Request, log, path string) (data []byte, contentType string, f *failure) {
	ctx := r.Context()
	e := entry(ctx, audit.Review, audit.Granted)
	e.Reference = "tile of " + log
	if path == "checkpoint" {
		if f := s.authorise(ctx, "ReadTiles", &e); f != nil {
			return nil, "", f
		}
		signed, _, err := s.ledger.Checkpoint(ctx, log)
		if err != nil {
			return nil, "", reviewFailure(err)
		}
		return signed, "text/plain; charset=utf-8", nil
	}
	t, err := audit.ParseTilePath(path)
	if err != nil {
		return nil, "", failBadRoute
	}
	fetch := func() (err error) {
		data, err = s.ledger.Tile(ctx, log, t)
		return err
	}
	if t.L < 0 {
		e.Reference = fmt.Sprintf("entries %s/%d to %d", log, t.N*audit.BundleWidth, t.N*audit.BundleWidth+int64(t.W)-1)
		f := s.review(ctx, "ReadTiles", e, fetch)
		return data, "application/octet-stream", f
	}
	if f := s.authorise(ctx, "ReadTiles", &e); f != nil {
		return nil, "", f
	}
	if err := fetch(); err != nil {
		return nil, "", reviewFailure(err)
	}
	return data, "application/octet-stream", nil
}
