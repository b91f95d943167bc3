package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// signatureMark begins a signature line of a signed note.
	signatureMark = "— "
	// maxAnswer bounds what is read of a witness's answer, in bytes. What is cut off
	// there is no list of signature lines any more, or one that is verified like any.
	maxAnswer = 64 << 10
)

// ErrWitness says that a witness gave no cosignature.
var ErrWitness = errors.New("anchor: no cosignature")

// cosign asks all witnesses and returns the signature lines of those that
// cosigned, in their order.
func (a *Anchors) cosign(ctx context.Context, signed []byte, tree tlog.Tree) []byte {
	lines := make([][]byte, len(a.Witnesses))
	var asked sync.WaitGroup
	for i, w := range a.Witnesses {
		asked.Go(func() {
			line, err := a.ask(ctx, w, &a.seen[i], signed, tree)
			lines[i] = line
			a.report(ctx, Failure{Reason: reasonOf(err), Witness: w.Name, Err: err})
		})
	}
	asked.Wait()
	return bytes.Join(lines, nil)
}

func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, ErrBehind):
		return Behind
	case errors.Is(err, ErrLedger):
		return LedgerFailed
	}
	return WitnessFailed
}

// ask gets one witness's signature line. A witness that has seen another size than
// we believe says so, and is asked once more with the proof from there.
func (a *Anchors) ask(ctx context.Context, w Witness, seen *int64, signed []byte, tree tlog.Tree) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	line, err := a.submit(ctx, w, *seen, signed, tree)
	var conflict *sizeError
	if errors.As(err, &conflict) {
		if conflict.size > tree.N {
			return nil, a.overtaken(ctx, conflict.size)
		}
		*seen = conflict.size
		line, err = a.submit(ctx, w, *seen, signed, tree)
	}
	if err == nil {
		*seen = tree.N
	}
	return line, err
}

// overtaken is for a witness that has cosigned more than we have: on behalf of
// another server, which is no failure, or of a spine that has lost its tail.
func (a *Anchors) overtaken(ctx context.Context, size int64) error {
	_, _, now, err := a.spine(ctx)
	if err == nil && now.N < size {
		return ErrBehind
	}
	return err
}

func (a *Anchors) submit(ctx context.Context, w Witness, old int64, signed []byte, tree tlog.Tree) ([]byte, error) {
	proof, err := a.prove(ctx, old, tree)
	if err != nil {
		return nil, err
	}
	answer, err := a.http.addCheckpoint(ctx, w.URL, old, proof, signed)
	if err != nil {
		return nil, err
	}
	return cosignature(signed, answer, w.Key)
}

// cosignature returns the witness's line from its answer, if it is a valid
// cosignature of this very checkpoint. Lines of other keys are dropped.
func cosignature(signed, answer []byte, key note.Verifier) ([]byte, error) {
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	n, err := note.Open(append(bytes.Clone(signed), answer...), note.VerifierList(key))
	// An answer with an empty line in it would move the end of the text.
	if err != nil || n.Text != string(text)+"\n" {
		return nil, fmt.Errorf("%w: the answer has no valid one", ErrWitness)
	}
	return fmt.Appendf(nil, "%s%s %s\n", signatureMark, n.Sigs[0].Name, n.Sigs[0].Base64), nil
}

// sizeError is the answer of a witness that has cosigned another size.
type sizeError struct{ size int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("%s: the witness is at size %d", ErrWitness, e.size)
}

func (e *sizeError) Unwrap() error { return ErrWitness }

// witnessClient calls witnesses. It follows no redirect: what a witness is asked is
// between its operator and ours.
type witnessClient struct{ client http.Client }

func newWitnessClient() *witnessClient {
	return &witnessClient{http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *witnessClient) close() { c.client.CloseIdleConnections() }

// addCheckpoint is the call of that name (C2SP tlog-witness). It returns the body of
// a 200, and a *sizeError for a 409 that names a size. Other errors wrap ErrWitness
// and hold nothing that the witness sent but the status.
func (c *witnessClient) addCheckpoint(ctx context.Context, prefix string, old int64, proof []tlog.Hash, signed []byte) ([]byte, error) {
	body := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		body = append(base64.StdEncoding.AppendEncode(body, h[:]), '\n')
	}
	body = append(append(body, '\n'), signed...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, prefix+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrWitness)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: the witness does not answer", ErrWitness)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the answer broke off", ErrWitness)
	case resp.StatusCode == http.StatusOK:
		return answer, nil
	case resp.StatusCode == http.StatusConflict:
		if size, ok := parseSize(resp.Header.Get("Content-Type"), answer); ok && size != old {
			return nil, &sizeError{size}
		}
	}
	return nil, fmt.Errorf("%w: status %d", ErrWitness, resp.StatusCode)
}

// parseSize reads the body of a 409: a size in decimal and a newline.
func parseSize(contentType string, body []byte) (int64, bool) {
	if kind, _, err := mime.ParseMediaType(contentType); err != nil || kind != "text/x.tlog.size" {
		return 0, false
	}
	digits, _ := bytes.CutSuffix(body, []byte("\n"))
	size, err := strconv.ParseInt(string(digits), 10, 64)
	return size, err == nil && size >= 0 && strconv.FormatInt(size, 10) == string(digits)
}
