package anchortest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit"
)

// Witness is a C2SP tlog-witness in process. It cosigns what extends the last tree
// of a log that it has cosigned, and nothing else.
type Witness struct {
	URL  string
	Name string

	signer *torchwood.CosignatureSigner
	logs   map[string]note.Verifier
	mu     sync.Mutex
	latest map[string]tlog.Tree
	asked  []int // status of each answer
}

// NewWitness starts a witness that knows a ledger's logs and has cosigned nothing.
func NewWitness(t *testing.T, name string, key audit.VerifierKey, logs ...string) *Witness {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := torchwood.NewCosignatureSigner(name+".example/w1", private)
	if err != nil {
		t.Fatal(err)
	}
	w := &Witness{Name: name, signer: signer, logs: map[string]note.Verifier{}, latest: map[string]tlog.Tree{}}
	for _, log := range logs {
		if w.logs[log], err = note.NewVerifier(key.Text(log)); err != nil {
			t.Fatal(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /prefix/add-checkpoint", w.addCheckpoint)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.URL = server.URL + "/prefix"
	return w
}

// VerifierKey is what its cosignatures verify with.
func (w *Witness) VerifierKey() string { return w.signer.Verifier().String() }

// Line is the witness's line in a policy file.
func (w *Witness) Line() string {
	return "witness " + w.Name + " " + w.VerifierKey() + " " + w.URL + "\n"
}

// Asked returns the status of each answer since it was last called.
func (w *Witness) Asked() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

func (w *Witness) addCheckpoint(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	status, answer := w.judge(body)
	w.asked = append(w.asked, status)
	if status == http.StatusConflict {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
	}
	rw.WriteHeader(status)
	_, _ = rw.Write(answer)
}

// judge answers a request in the order of the specification's checks.
func (w *Witness) judge(body []byte) (status int, answer []byte) {
	head, signed, found := bytes.Cut(body, []byte("\n\n"))
	old, proof, err := parseHead(string(head))
	if !found || err != nil {
		return http.StatusBadRequest, nil
	}
	origin, _, _ := strings.Cut(string(signed), "\n")
	verifier, known := w.logs[origin]
	if !known {
		return http.StatusNotFound, nil
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return http.StatusForbidden, nil
	}
	c, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil || c.Origin != origin || old > c.N {
		return http.StatusBadRequest, nil
	}
	last := w.latest[origin]
	if old != last.N || old == c.N && last.Hash != c.Hash {
		return http.StatusConflict, fmt.Appendf(nil, "%d\n", last.N)
	}
	if !extends(c.Tree, last, proof) {
		return http.StatusUnprocessableEntity, nil
	}
	signature, err := w.signer.Sign([]byte(n.Text))
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	w.latest[origin] = c.Tree
	return http.StatusOK, SignatureLine(w.signer, signature)
}

func extends(tree, last tlog.Tree, proof tlog.TreeProof) bool {
	if last.N == 0 {
		return len(proof) == 0
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, last.N, last.Hash) == nil
}

func parseHead(head string) (old int64, proof tlog.TreeProof, err error) {
	lines := strings.Split(head, "\n")
	digits, found := strings.CutPrefix(lines[0], "old ")
	if old, err = strconv.ParseInt(digits, 10, 64); err != nil || !found || strconv.FormatInt(old, 10) != digits {
		return 0, nil, fmt.Errorf("not an old size line: %q", lines[0])
	}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, err
		}
		proof = append(proof, h)
	}
	return old, proof, nil
}

// SignatureLine writes a signature as a line of a signed note.
func SignatureLine(signer note.Signer, signature []byte) []byte {
	raw := append(binary.BigEndian.AppendUint32(nil, signer.KeyHash()), signature...)
	return fmt.Appendf(nil, "— %s %s\n", signer.Name(), base64.StdEncoding.EncodeToString(raw))
}
