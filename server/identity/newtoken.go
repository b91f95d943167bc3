package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"time"

	"github.com/piinguin/piinguin/server/policy"
)

const (
	// tokenPrefix lets scanners for leaked credentials know a token by its looks.
	tokenPrefix = "pgn_"
	tokenBytes  = 25 // 200 bits, 40 characters
)

// NewToken returns a random bearer token: pgn_ and 40 lower-case letters and digits,
// which are 200 random bits in base32 (RFC 4648).
func NewToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return tokenPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// FormatToken returns a token's line for a token file, with its newline. The line
// holds the token's hash and not the token. A zero expires is never; fractions of a
// second are cut off. Errors are those of ParseTokens.
func FormatToken(name string, roles []string, token string, expires time.Time) (string, error) {
	if !namePattern.MatchString(name) {
		return "", errName
	}
	if _, err := policy.ParseRoles(roles); err != nil {
		return "", err
	}
	hash := sha256.Sum256([]byte(token))
	line := name + " " + strings.Join(roles, ",") + " " + hex.EncodeToString(hash[:])
	if !expires.IsZero() {
		line += " expires=" + expires.UTC().Format(expiryLayout)
	}
	return line + "\n", nil
}
