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

// FuzzOpensCheckpoint: what is opened by hand is what the libraries open, with the same tree.
func FuzzOpensCheckpoint(f *testing.F) {
	origin, tree := Origin("vault.example.com/pii", 1), tlog.Tree{N: 1234, Hash: LeafHash(nil)}
	var keys []Key
	var public []VerifierKey
	for _, seed := range []byte{1, 2} {
		key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
		if err != nil {
			f.Fatal(err)
		}
		keys, public = append(keys, key), append(public, key.Verifier())
	}
	one, both := signCheckpoint(origin, tree, keys[0]), signCheckpoint(origin, tree, keys...)
	for _, b := range [][]byte{
		one, both, signCheckpoint(origin, tree, keys[1], keys[0]), signCheckpoint(origin, tlog.Tree{N: 1235, Hash: tree.Hash}, keys...),
		signCheckpoint(Origin("vault.example.com/pii", 2), tree, keys...), append(bytes.Clone(one), both...), append(bytes.Clone(one), '\n'),
		one[:len(one)-1], bytes.Replace(one, []byte("=\n"), []byte("\n"), 2), bytes.Replace(one, []byte("\n\n"), []byte("\nmore\n\n"), 1),
		bytes.Replace(one, []byte("=\n"), []byte("=\r"), 2), bytes.Replace(one, []byte("— "), []byte("- "), 1), {},
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, checkpoint []byte) {
		p := Page{Log: 1, First: tree.N, Root: tree.Hash, Checkpoint: checkpoint}
		for n := 1; n <= 2; n++ {
			got := opensCheckpoint(checkpoint, origin, tree, public[:n]...)
			want, err := p.open(origin, public[:n])
			if got != (err == nil && want == tree) {
				t.Errorf("by %d keys %t, and the libraries say %v, %v", n, got, want, err)
			}
		}
	})
}
