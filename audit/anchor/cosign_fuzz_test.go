package anchor

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// FuzzCosignature: whatever a witness answers, what is kept of it is one line of that witness over the very
// checkpoint that was sent.
func FuzzCosignature(f *testing.F) {
	const tree = "\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	text := "vault.example.com/pii" + tree
	signed := []byte(text + "\n— vault.example.com/pii AAAAAAAA\n")
	mine, other := newTestWitness(f, 1), newTestWitness(f, 2)
	for _, line := range [][]byte{lineOf(f, mine, text), lineOf(f, other, text), lineOf(f, mine, "x"+tree)} {
		f.Add(line)
		f.Add(append(line, line...))
		f.Add(append([]byte("\n"), line...))
		f.Add(bytes.TrimSpace(line))
	}
	f.Add([]byte("— w.example/1 AAAAAAAA\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		line, err := cosignature(signed, answer, mine.Verifier())
		if err != nil {
			return
		}
		n, err := note.Open(append(bytes.Clone(signed), line...), note.VerifierList(mine.Verifier()))
		if err != nil || n.Text != text || len(n.Sigs) != 1 || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%q is kept: %v", line, err)
		}
	})
}

// FuzzParseSize: a size that is taken is the whole answer, in its one spelling.
func FuzzParseSize(f *testing.F) {
	for _, body := range []string{"0\n", "7", "01\n", "-1\n", "+1\n", "9223372036854775808\n", "7\n\n", ""} {
		f.Add("text/x.tlog.size", []byte(body))
	}
	f.Add("text/plain", []byte("7\n"))
	f.Add("TEXT/X.tlog.size; charset", []byte("7\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		size, ok := parseSize(contentType, body)
		if ok && (size < 0 || fmt.Sprint(size) != string(bytes.TrimSuffix(body, []byte("\n")))) {
			t.Errorf("%q is %d", body, size)
		}
	})
}

func newTestWitness(tb testing.TB, seed byte) *torchwood.CosignatureSigner {
	tb.Helper()
	s, err := torchwood.NewCosignatureSigner("w.example/1", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// lineOf is a witness's line over a text.
func lineOf(tb testing.TB, s *torchwood.CosignatureSigner, text string) []byte {
	tb.Helper()
	n, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		tb.Fatal(err)
	}
	_, line, _ := bytes.Cut(n, []byte("\n\n"))
	return line
}
