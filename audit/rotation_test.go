package audit

import "testing"

// FuzzParseCommitment: a commitment that is taken is written again as the same text.
func FuzzParseCommitment(f *testing.F) {
	const root = " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for _, text := range []string{
		"piinguin-1 3" + root, "piinguin-1 0" + root, "piinguin-1 03" + root, "piinguin-1-2026-12 9007199254740992" + root, "A 1" + root, "piinguin-1 1 AAAA", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCommitment(text)
		if err == nil && (c.String() != text || c.tree.N < 1 || c.log == "") || err != nil && c != (commitment{}) {
			t.Errorf("%q is %v, %v", text, c, err)
		}
	})
}
