package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// indexRun is what binds the blobs of a run: it names them all by their hashes, and the ledger's key signs
// it. It is written after them, so that where it is they are too.
type indexRun struct {
	log    LogID
	tier   int
	number int64
	first  int64 // the page with the run's first entry
	pages  int64 // how many pages have entries of the run
	hashes []blobHash
}

// blobHash is the first half of a blob's SHA-256: what it must not allow is another blob of the same hash.
type blobHash [16]byte

func hashOf(data []byte) blobHash {
	sum := sha256.Sum256(data)
	return blobHash(sum[:])
}

// runMagic begins what is signed. It names the version of the form, and is not the beginning of a
// checkpoint, whose first line is an origin: those have no spaces.
const runMagic = "piinguin index v1\n"

// summaryHash and bucketHash are the hashes of the run's summary and of a bucket.
func (r *indexRun) summaryHash() blobHash            { return r.hashes[0] }
func (r *indexRun) bucketHash(bucket int64) blobHash { return r.hashes[1+bucket] }

// start is the run's first entry, and end the one after its last.
func (r *indexRun) start() int64 { return r.number * tierOf[r.tier].size }
func (r *indexRun) end() int64   { return (r.number + 1) * tierOf[r.tier].size }

// body is what is signed: runMagic, the ledger's name, the place, the pages and the hashes.
func (r *indexRun) body(ledger string) []byte {
	b := make([]byte, 0, len(runMagic)+128+len(r.hashes)*len(blobHash{})+ed25519.SignatureSize)
	b = append(b, runMagic...)
	b = append(binary.AppendUvarint(b, uint64(len(ledger))), ledger...)
	for _, n := range []int64{int64(r.log), int64(r.tier), r.number, r.first, r.pages} {
		b = binary.AppendUvarint(b, uint64(n)) //nolint:gosec // none is negative
	}
	for _, h := range r.hashes {
		b = append(b, h[:]...)
	}
	return b
}

// signRun returns a run's blob.
func signRun(key Key, body []byte) []byte {
	return slices.Concat(body, ed25519.Sign(key.private(), body))
}

// errFormer says that a run is signed under a name or by a key that the ledger does not have any more. Such a
// run counts for nothing: whoever has a key that was rotated away could still make runs, and a ledger that
// was restored from a copy has other entries than those that were lost. A server derives it again.
var errFormer = errors.New("audit: a run of the index is of a former name or key")

// parseRun reads the blob of a run, which must be that of its name, and signed by the ledger's key now, under
// its name now. It takes nothing else than what indexRun.body and the signature are. The error is a
// *RowError, and perhaps errFormer.
func parseRun(b Blob, t int, turns turning) (*indexRun, error) {
	bad := func(problem string) (*indexRun, error) {
		return nil, &RowError{BlobRow(b.Log, b.Kind, b.Number), problem}
	}
	body, signature, ok := cutSignature(b.Data)
	rest, isRun := bytes.CutPrefix(body, []byte(runMagic))
	if !ok || !isRun {
		return bad("it is not a run of the index in the form of this version")
	}
	v := varints{rest}
	ledger := string(v.bytes(int(v.next(maxName))))                                                        //nolint:gosec // bounded
	r := &indexRun{log: LogID(v.next(MaxLogs)), tier: int(v.next(tiers)), number: int64(v.next(maxIndex))} //nolint:gosec // bounded
	r.first, r.pages = int64(v.next(maxIndex)), int64(v.next(maxIndex))                                    //nolint:gosec // bounded
	if v.data == nil || r.log != b.Log || r.tier != t || r.number != b.Number {
		return bad("it is not that of its place")
	}
	want := 1 + tierOf[t].buckets()
	if int64(len(v.data)) != want*int64(len(blobHash{})) || r.pages < 1 || r.pages > tierOf[t].size {
		return bad("it is not a run of the index in the form of this version")
	}
	for range want {
		r.hashes = append(r.hashes, blobHash(v.bytes(len(blobHash{}))))
	}
	switch {
	case ledger == turns.name() && ed25519.Verify(turns.key().public, body, signature):
		return r, nil
	case slices.Contains(turns.names, ledger) && turns.signed(body, signature):
		return r, fmt.Errorf("%w: %w", errFormer, &RowError{BlobRow(b.Log, b.Kind, b.Number), "it is of a former name or key"})
	}
	return bad("it is not signed by the ledger's key")
}

// cutSignature splits what is signed from its signature.
func cutSignature(data []byte) (body, signature []byte, ok bool) {
	at := len(data) - ed25519.SignatureSize
	if at < 0 {
		return nil, nil, false
	}
	return data[:at], data[at:], true
}

// signed reports whether one of the keys that the ledger has had signed the message.
func (t turning) signed(message, signature []byte) bool {
	for _, k := range t.keys {
		if ed25519.Verify(k.public, message, signature) {
			return true
		}
	}
	return false
}

// check compares a blob of the run with its hash. The error is a *RowError.
func (h blobHash) check(b Blob) error {
	if hashOf(b.Data) != h {
		return &RowError{BlobRow(b.Log, b.Kind, b.Number), "it is not what the run that it belongs to names"}
	}
	return nil
}
