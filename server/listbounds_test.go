package server_test

import (
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/piinguin/piinguin/audit"
	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
	"github.com/piinguin/piinguin/server"
)

// TestListsGoOn: one list reads a bounded part of a ledger. It then has a token, though it found fewer
// entries than were asked for, and with the token the next one goes on until all is read.
func TestListsGoOn(t *testing.T) {
	const pages = 2*2000 + 100 // twice what one list reads, and some
	v := newMemServer(t, nil, func(c *server.Config) {
		for i := range pages { // each append waits, so it is a page of its own
			e := audit.Entry{Operation: audit.Read, Outcome: audit.Granted, Caller: "somebody", RequestID: strconv.Itoa(i)}
			if _, err := c.Ledger.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	})
	// The index does not have ids of requests: the pages of the window are read.
	now := time.Now()
	req := &piinguinv1.ListEntriesRequest{
		RequestIds: []string{"0", strconv.Itoa(pages - 1)}, From: timestamppb.New(now.Add(-12 * time.Hour)), To: timestamppb.New(now.Add(12 * time.Hour)),
	}
	var found []string
	asked := 0
	for {
		out, err := v.as(t, "auditor").ListEntries(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.GetEntries() {
			found = append(found, e.GetRequestId())
		}
		asked++
		if req.PageToken = out.GetNextPageToken(); req.PageToken == "" {
			break
		}
		if asked > 3 {
			t.Fatalf("%d lists do not reach the end", asked)
		}
	}
	if asked != 3 || len(found) != 2 || found[0] != strconv.Itoa(pages-1) || found[1] != "0" {
		t.Errorf("%d lists find the entries %q, want 3 that find the last and the first", asked, found)
	}
}
