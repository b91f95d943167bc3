package client

import (
	"fmt"
	"slices"
	"strings"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// An answer of the Audit service has to be about what was asked for. It may come through a proxy or a
// cache that mixed it up, and a proof of another entry proves that other entry only.

const (
	otherEntry      = "it has no entry, or another one than was asked for"
	otherCheckpoint = "it has no checkpoint, or one of another log or size than it says"
	otherProof      = "it has no proof, or one of another entry than was asked for"
)

// incompleteReview is incomplete for the methods of the Audit service.
func incompleteReview(request, answer any) string {
	switch out := answer.(type) {
	case *piinguinv1.ListEntriesResponse:
		for _, e := range out.GetEntries() {
			if e.GetLine() == "" {
				return otherEntry
			}
		}
		return incompleteResult(out)
	case *piinguinv1.SummarizeResponse:
		return incompleteResult(out)
	case *piinguinv1.GetEntryResponse:
		in, _ := request.(*piinguinv1.GetEntryRequest)
		if e := out.GetEntry(); e.GetLine() == "" || e.GetLog() != in.GetLog() || e.GetIndex() != in.GetIndex() {
			return otherEntry
		}
	case *piinguinv1.GetCheckpointResponse:
		in, _ := request.(*piinguinv1.GetCheckpointRequest)
		return incompleteCheckpoints(in.GetLog(), out.GetCheckpoints())
	case *piinguinv1.ProveEntryResponse:
		in, _ := request.(*piinguinv1.ProveEntryRequest)
		if !isProofOf(out.GetProof(), in.GetLog(), in.GetIndex()) {
			return otherProof
		}
	case *piinguinv1.ProveConsistencyResponse:
		in, _ := request.(*piinguinv1.ProveConsistencyRequest)
		if !isCheckpointOf(out.GetCheckpoint(), in.GetLog(), out.GetNewSize()) {
			return otherCheckpoint
		}
		if out.GetOldSize() != in.GetOldSize() || out.GetNewSize() < out.GetOldSize() {
			return otherProof
		}
	}
	return ""
}

// incompleteCheckpoints looks at the checkpoints of a log, or with "" at those of all logs.
func incompleteCheckpoints(log string, all []*piinguinv1.Checkpoint) string {
	if len(all) == 0 || log != "" && len(all) != 1 {
		return otherCheckpoint
	}
	for _, c := range all {
		if log != "" && c.GetLog() != log || !isCheckpointOf(c.GetCheckpoint(), c.GetLog(), c.GetSize()) {
			return otherCheckpoint
		}
	}
	return ""
}

// isCheckpointOf reports whether a checkpoint names this log and size. Signature and root are left to who
// has the key.
func isCheckpointOf(checkpoint, log string, size int64) bool {
	origin, rest, _ := strings.Cut(checkpoint, "\n")
	return isOriginOf(origin, log) && strings.HasPrefix(rest, fmt.Sprintf("%d\n", size))
}

// isOriginOf reports whether an origin can be that of a log: the ledger's name, and its number behind it if
// the log is not the spine. A ledger's name does not end with a number.
func isOriginOf(origin, log string) bool {
	last := origin[strings.LastIndexByte(origin, '/')+1:]
	if log != piinguinv1.Spine {
		return log != "" && last == log && last != origin
	}
	return strings.Trim(last, "0123456789") != ""
}

// isProofOf reports whether a tlog-proof names this index, and the checkpoint in it this log. That the path
// leads there can be seen with the entry's line.
func isProofOf(proof, log string, index int64) bool {
	head, checkpoint, _ := strings.Cut(proof, "\n\n")
	lines := strings.Split(head, "\n")
	named := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "index ") })
	origin, _, _ := strings.Cut(checkpoint, "\n")
	return lines[0] == "c2sp.org/tlog-proof@v1" && named > 0 && lines[named] == fmt.Sprintf("index %d", index) && isOriginOf(origin, log)
}
