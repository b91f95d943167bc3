package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// A page's checkpoint is a C2SP signed note whose text is a C2SP checkpoint. It has one spelling: the
// bytes that signCheckpoint returns. They are written by hand because each commit signs and each page
// that is verified has one. Tests compare them with golang.org/x/mod/sumdb/note and torchwood.

// appendCheckpoint appends the text of the checkpoint of a log's tree, without its signatures.
func appendCheckpoint(b []byte, origin string, tree tlog.Tree) []byte {
	b = append(append(b, origin...), '\n')
	b = append(strconv.AppendInt(b, tree.N, 10), '\n')
	return append(base64.StdEncoding.AppendEncode(b, tree.Hash[:]), '\n')
}

// signCheckpoint returns the checkpoint of a log's tree, signed by the keys in their order. C2SP
// tlog-checkpoint wants a key's name to be the origin, so one key signs under the name of each log.
func signCheckpoint(origin string, tree tlog.Tree, keys ...Key) []byte {
	b := appendCheckpoint(make([]byte, 0, 512), origin, tree)
	text := b[:len(b):len(b)]
	b = append(b, '\n')
	for _, k := range keys {
		id := k.Verifier().id(origin)
		signature := append(id[:], ed25519.Sign(k.private(), text)...)
		b = append(append(append(b, signaturePrefix...), origin...), ' ')
		b = append(base64.StdEncoding.AppendEncode(b, signature), '\n')
	}
	return b
}

// opensCheckpoint reports whether a checkpoint is what signCheckpoint returns for the tree: signed by
// exactly the keys, in their order and under the origin.
func opensCheckpoint(checkpoint []byte, origin string, tree tlog.Tree, keys ...VerifierKey) bool {
	var room [256]byte
	text := appendCheckpoint(room[:0], origin, tree)
	rest, ok := bytes.CutPrefix(checkpoint, text)
	if !ok || len(rest) == 0 || rest[0] != '\n' {
		return false
	}
	rest = rest[1:]
	for _, k := range keys {
		head, id := len(signaturePrefix)+len(origin)+1, k.id(origin)
		if len(rest) <= head+signatureSize || string(rest[:len(signaturePrefix)]) != signaturePrefix ||
			string(rest[len(signaturePrefix):head-1]) != origin || rest[head-1] != ' ' || rest[head+signatureSize] != '\n' {
			return false
		}
		var signature [len(id) + ed25519.SignatureSize + 1]byte
		n, err := base64.StdEncoding.Strict().Decode(signature[:], rest[head:head+signatureSize])
		if err != nil || n != len(id)+ed25519.SignatureSize || keyID(signature[:len(id)]) != id ||
			!ed25519.Verify(k.public, text, signature[len(id):n]) {
			return false
		}
		rest = rest[head+signatureSize+1:]
	}
	return len(rest) == 0
}

// signatureSize is the length of a signature with its key's id in base64.
const signatureSize = (len(keyID{}) + ed25519.SignatureSize + 2) / 3 * 4

// signaturePrefix is what a line with a signature begins with.
const signaturePrefix = "— "

// keyID tells keys apart in a note (C2SP signed-note, "Signature types").
type keyID [4]byte

// id returns the id that the key has under a name.
func (v VerifierKey) id(name string) keyID {
	b := append(make([]byte, 0, 128), name...)
	sum := sha256.Sum256(append(append(b, '\n', algEd25519), v.public...))
	return keyID(sum[:4])
}
