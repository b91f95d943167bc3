package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrKey says that a text is not a key.
var ErrKey = errors.New("audit: not a valid Ed25519 note key")

// algEd25519 is the signature type byte of C2SP signed-note.
const algEd25519 = 1

// Key is a ledger's signing key. It prints as [redacted].
//
// The key is inside a function, because fmt never looks into one. A Format method alone is not
// enough: fmt does not call it for an unexported field of another type, and prints what is there.
type Key struct{ private func() ed25519.PrivateKey }

func newKey(private ed25519.PrivateKey) Key {
	return Key{func() ed25519.PrivateKey { return private }}
}

// GenerateKey makes a key from random bytes, normally those of crypto/rand.Reader.
func GenerateKey(random io.Reader) (Key, error) {
	_, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return Key{}, fmt.Errorf("audit: generate key: %w", err)
	}
	return newKey(private), nil
}

// ParseKey reads the text of Key.Text: a signed-note signer key
// (golang.org/x/mod/sumdb/note) of type Ed25519 under any name. The error is
// ErrKey and never quotes the text.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if _, err := note.NewSigner(text); err != nil {
		return Key{}, ErrKey
	}
	parts := strings.SplitN(text, "+", 5) // base64 has a plus as well
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != algEd25519 {
		return Key{}, ErrKey
	}
	return newKey(ed25519.NewKeyFromSeed(raw[1:])), nil
}

// Text returns the secret key as a signed-note signer key under a name, normally the ledger's. It
// belongs into a file of mode 0600.
func (k Key) Text(name string) string {
	parts := strings.SplitN(k.Verifier().Text(name), "+", 3)
	secret := append([]byte{algEd25519}, k.private().Seed()...)
	return "PRIVATE+KEY+" + parts[0] + "+" + parts[1] + "+" + base64.StdEncoding.EncodeToString(secret)
}

// Format implements fmt.Formatter, so that no verb prints the key.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// Verifier returns the public half.
func (k Key) Verifier() VerifierKey {
	public, _ := k.private().Public().(ed25519.PublicKey)
	return VerifierKey{public}
}

// VerifierKey is the public half of a ledger's key.
type VerifierKey struct{ public ed25519.PublicKey }

// ParseVerifierKey reads a signed-note verifier key of type Ed25519 under any name, normally that of
// the ledger or of one of its logs. The error is ErrKey.
func ParseVerifierKey(text string) (VerifierKey, error) {
	text = strings.TrimSpace(text)
	if _, err := note.NewVerifier(text); err != nil {
		return VerifierKey{}, ErrKey
	}
	parts := strings.SplitN(text, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algEd25519 {
		return VerifierKey{}, ErrKey
	}
	return VerifierKey{raw[1:]}, nil
}

// Text returns the signed-note verifier key under a name: an Origin, to check that log's checkpoints
// with standard tools.
func (v VerifierKey) Text(name string) string {
	text, err := note.NewEd25519VerifierKey(name, v.public)
	if err != nil {
		panic("audit: verifier key of a wrong size") // the constructors allow none
	}
	return text
}

// KeyName returns the name under which a signed-note verifier key is written.
func KeyName(text string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(text), "+")
	return name
}

// Equal reports whether both are the same key.
func (v VerifierKey) Equal(other VerifierKey) bool { return bytes.Equal(v.public, other.public) }

func (v VerifierKey) verifier(origin string) (note.Verifier, error) {
	ver, err := note.NewVerifier(v.Text(origin))
	if err != nil {
		return nil, ErrKey
	}
	return ver, nil
}
