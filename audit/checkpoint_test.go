package audit

import (
	"bytes"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// TestSignCheckpoint holds a page's checkpoint to what the libraries write.
func TestSignCheckpoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		origin := Origin("vault.example.com/pii", LogID(rapid.IntRange(0, MaxLogs).Draw(t, "log")))
		tree := tlog.Tree{N: rapid.Int64Range(1, maxIndex+1).Draw(t, "size"), Hash: LeafHash(rapid.SliceOf(rapid.Byte()).Draw(t, "root"))}
		var keys []Key
		var signers []note.Signer
		for _, seed := range rapid.SliceOfNDistinct(rapid.Byte(), 1, 2, rapid.ID).Draw(t, "keys") {
			key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
			if err != nil {
				t.Fatal(err)
			}
			signer, err := note.NewSigner(key.Text(origin))
			if err != nil {
				t.Fatal(err)
			}
			keys, signers = append(keys, key), append(signers, signer)
		}
		want, err := note.Sign(&note.Note{Text: torchwood.Checkpoint{Origin: origin, Tree: tree}.String()}, signers...)
		if got := signCheckpoint(origin, tree, keys...); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("checkpoint:\n%s%v, want\n%s", got, err, want)
		}
	})
}
