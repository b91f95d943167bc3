package client_test

import (
	"strings"
	"testing"

	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// A proof or checkpoint of something else was true once, and is no answer.
func TestAnswersAreAboutWhatWasAsked(t *testing.T) {
	const checkpoint = "vault.test/1\n3\nroot\n\n— vault.test/1 signature\n"
	const proof = "c2sp.org/tlog-proof@v1\nindex 1\nhash\n\n" + checkpoint
	entry := func(proof string) proto.Message { return &piinguinv1.ProveEntryResponse{Proof: proof} }
	head := func(log string, size int64, note string) *piinguinv1.Checkpoint {
		return &piinguinv1.Checkpoint{Log: log, Size: size, Checkpoint: note}
	}
	heads := func(all ...*piinguinv1.Checkpoint) proto.Message {
		return &piinguinv1.GetCheckpointResponse{Checkpoints: all}
	}
	extends := func(from, to int64, note string) proto.Message {
		return &piinguinv1.ProveConsistencyResponse{OldSize: from, NewSize: to, Checkpoint: note}
	}
	for name, tc := range map[string]struct {
		method string
		answer proto.Message
		says   string // "": the answer is right
	}{
		"a proof":                 {"ProveEntry", entry(proof), ""},
		"a proof with more":       {"ProveEntry", entry(strings.Replace(proof, "index", "extra e30=\nindex", 1)), ""},
		"of another entry":        {"ProveEntry", entry(strings.Replace(proof, "index 1", "index 10", 1)), "another entry"},
		"of two entries":          {"ProveEntry", entry(strings.Replace(proof, "index 1", "index 2\nindex 1", 1)), "another entry"},
		"of another log":          {"ProveEntry", entry(strings.Replace(proof, "/1\n3", "/2\n3", 1)), "another entry"},
		"no proof":                {"ProveEntry", entry(checkpoint), "another entry"},
		"a checkpoint":            {"GetCheckpoint", heads(head("1", 3, checkpoint)), ""},
		"of another's":            {"GetCheckpoint", heads(head("2", 3, "vault.test/2\n3\n")), "another log"},
		"another's note":          {"GetCheckpoint", heads(head("1", 3, "vault.test/2\n3\n")), "another log"},
		"of another size":         {"GetCheckpoint", heads(head("1", 4, checkpoint)), "another log or size"},
		"the spine's for a log's": {"GetCheckpoint", heads(head("1", 3, "vault.test\n3\n")), "another log"},
		"a bare number":           {"GetCheckpoint", heads(head("1", 3, "1\n3\n")), "another log"},
		"two":                     {"GetCheckpoint", heads(head("1", 3, checkpoint), head("1", 3, checkpoint)), "another log"},
		"an extension":            {"ProveConsistency", extends(2, 3, checkpoint), ""},
		"of another beginning":    {"ProveConsistency", extends(1, 3, checkpoint), "another entry"},
		"to a smaller one":        {"ProveConsistency", extends(2, 1, "vault.test/1\n1\n"), "another entry"},
		"to another size":         {"ProveConsistency", extends(2, 4, checkpoint), "another log or size"},
		"of another log's growth": {"ProveConsistency", extends(2, 3, "vault.test/2\n3\n"), "another log"},
	} {
		err := everyCall[tc.method](t.Context(), answering(t, "application/protobuf", encode(t, tc.answer)))
		if tc.says == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if te := wantCode(t, err, twirp.Internal); !strings.Contains(te.Msg(), tc.says) {
			t.Errorf("%s: %v does not say %q", name, te, tc.says)
		}
	}
}
