package anchor_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/piinguin/piinguin/audit/anchor"
	"github.com/piinguin/piinguin/audit/anchor/anchortest"
)

// newSigner returns a witness's key.
func newSigner(t *testing.T, name string) *torchwood.CosignatureSigner {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := torchwood.NewCosignatureSigner(name, private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func cosign(t *testing.T, s *torchwood.CosignatureSigner, text string) []byte {
	t.Helper()
	signature, err := s.Sign([]byte(text))
	if err != nil {
		t.Error(err) // in a handler's goroutine
	}
	return anchortest.SignatureLine(s, signature)
}

func answerSize(rw http.ResponseWriter, kind, body string) {
	rw.Header().Set("Content-Type", kind)
	rw.WriteHeader(http.StatusConflict)
	_, _ = io.WriteString(rw, body)
}

func TestAnswersThatAreNoCosignature(t *testing.T) {
	mine, other := newSigner(t, "w.example/1"), newSigner(t, "w.example/1")
	reply := func(f func(text string) []byte) func(http.ResponseWriter, string) {
		return func(rw http.ResponseWriter, text string) { _, _ = rw.Write(f(text)) }
	}
	size := func(kind, body string) func(http.ResponseWriter, string) {
		return func(rw http.ResponseWriter, _ string) { answerSize(rw, kind, body) }
	}
	for _, c := range []struct {
		name   string
		answer func(rw http.ResponseWriter, text string)
		asked  int64
	}{
		{"Nothing", reply(func(string) []byte { return nil }), 1},
		{"Junk", reply(func(string) []byte { return []byte("junk\n") }), 1},
		{"AnotherKey", reply(func(text string) []byte { return cosign(t, other, text) }), 1},
		{"AnotherText", reply(func(string) []byte { return cosign(t, mine, "x\n1\n"+tlog.Hash{}.String()+"\n") }), 1},
		{"WithoutNewline", reply(func(text string) []byte { return bytes.TrimSpace(cosign(t, mine, text)) }), 1},
		{"Endless", func(rw http.ResponseWriter, text string) {
			for err := error(nil); err == nil; { // until the client hangs up
				_, err = rw.Write(cosign(t, mine, text))
			}
		}, 1},
		{"Refused", func(rw http.ResponseWriter, _ string) { rw.WriteHeader(http.StatusForbidden) }, 1},
		{"Redirect", func(rw http.ResponseWriter, _ string) {
			rw.Header().Set("Location", "/elsewhere")
			rw.WriteHeader(http.StatusTemporaryRedirect)
		}, 1},
		{"BrokenOff", func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }, 1},
		{"SizeAgainAndAgain", size("text/x.tlog.size", "1\n"), 2},
		{"SizeThatWeSent", size("text/x.tlog.size", "0\n"), 1},
		{"SizeOfAnotherKind", size("text/plain", "1\n"), 1},
		{"NegativeSize", size("text/x.tlog.size", "-1\n"), 1},
		{"NoSize", size("text/x.tlog.size", "01\n"), 1},
		{"HugeSize", size("text/x.tlog.size", strings.Repeat("9", 30)+"\n"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 0)
			r.grow(t, 2)
			var asked atomic.Int64
			mux := http.NewServeMux()
			mux.HandleFunc("/add-checkpoint", func(rw http.ResponseWriter, req *http.Request) {
				asked.Add(1)
				body, _ := io.ReadAll(req.Body)
				_, signed, _ := bytes.Cut(body, []byte("\n\n"))
				text, _, _ := bytes.Cut(signed, []byte("\n\n"))
				c.answer(rw, string(text)+"\n")
			})
			mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") })
			server := httptest.NewServer(mux)
			defer server.Close()
			w := parseOne(t, "witness bad "+mine.Verifier().String()+" "+server.URL)
			r.anchors(t, w).Once(t.Context())
			r.mustReport(t, "witness bad")
			r.mustBeKept(t, opened+2)
			if n := asked.Load(); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
		})
	}
}

func TestAWitnessThatHangs(t *testing.T) {
	r := newRig(t, 0)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); server.Close() })
	c := r.anchorConfig(parseOne(t, "witness bad "+newSigner(t, "w").Verifier().String()+" "+server.URL))
	c.Timeout = time.Second
	a, err := anchor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	a.Once(t.Context())
	r.mustReport(t, "witness bad")
	r.mustBeKept(t, opened)
}

func TestParseWitnesses(t *testing.T) {
	k1, k2 := newSigner(t, "one.example").Verifier().String(), newSigner(t, "two.example").Verifier().String()
	all, other, err := anchor.ParseWitnesses([]byte("# ours\nlog x\n\n\twitness a  " + k1 + " https://one.example/w/ \nwitness b " + k2 +
		" http://127.0.0.1:8080\ngroup g any a b\nquorum g\n"))
	if err != nil || len(other) != 0 {
		t.Fatalf("passed over: %q, %v", other, err)
	}
	var got []string
	for _, w := range all {
		got = append(got, w.Name+" "+w.Key.String()+" "+w.URL)
	}
	mustEqual(t, "witnesses", got, []string{"a " + k1 + " https://one.example/w", "b " + k2 + " http://127.0.0.1:8080"})

	renamed := "other" + k1[strings.Index(k1, "+"):]
	logKey := newKey(t, 1).Verifier().Text("one")
	for name, text := range map[string]string{
		"empty":           "",
		"no witness":      "quorum none\n",
		"other line":      "wittness a " + k1 + " https://x\n",
		"no URL":          "witness a " + k1 + "\n",
		"too much":        "witness a " + k1 + " https://x y\n",
		"not a key":       "witness a b https://x\n",
		"a wrong key ID":  "witness a " + renamed + " https://x\n",
		"a log's key":     "witness a " + logKey + " https://x\n",
		"plain HTTP":      "witness a " + k1 + " http://one.example\n",
		"another scheme":  "witness a " + k1 + " file:///x\n",
		"no host":         "witness a " + k1 + " https:///x\n",
		"a password":      "witness a " + k1 + " https://u:p@x\n",
		"a query":         "witness a " + k1 + " https://x?y=z\n",
		"twice":           "witness a " + k1 + " https://x\nwitness a " + k2 + " https://y\n",
		"the key twice":   "witness a " + k1 + " https://x\nwitness b " + k1 + " https://y\n",
		"spaces in a URL": "witness a " + k1 + " https://x/\x00\n",
	} {
		if all, _, err := anchor.ParseWitnesses([]byte(text)); err == nil {
			t.Errorf("%s: it is taken: %v", name, all)
		}
	}
}

// C2SP tlog-cosignature prefers ML-DSA-44 for new witnesses. Who has one in the policy is told that it
// is passed over, and the others are asked.
func TestWitnessesOfOtherKeysArePassedOver(t *testing.T) {
	r := newRig(t, 0)
	w, _ := r.witness(t, "ours")
	line := "witness theirs " + newMLDSA44Key("mldsa.example/w") + " https://mldsa.example\n"
	all, other, err := anchor.ParseWitnesses([]byte(line + w.Line() + "witness more" + strings.TrimPrefix(line, "witness theirs")))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d witnesses, %v", len(all), err)
	}
	mustEqual(t, "passed over", other, []string{"theirs", "more"})
	r.anchors(t, all...).Once(t.Context())
	r.mustBeKept(t, opened, w)
	r.mustReport(t)

	all, other, err = anchor.ParseWitnesses([]byte(line))
	if err != nil || len(all) != 0 {
		t.Errorf("a policy of it alone: %d witnesses, %v", len(all), err)
	}
	mustEqual(t, "passed over", other, []string{"theirs"})
}

// newMLDSA44Key writes a verifier key of an ML-DSA-44 cosigner (C2SP signed-note, signature type 0x06).
func newMLDSA44Key(name string) string {
	public := append([]byte{0x06}, bytes.Repeat([]byte{7}, 1312)...)
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(public))
}

func FuzzParseWitnesses(f *testing.F) {
	f.Add("witness a one.example+00000000+AAAA https://one.example\n")
	f.Add("log x\nwitness\n#\nquorum none")
	f.Fuzz(func(t *testing.T, text string) {
		all, other, err := anchor.ParseWitnesses([]byte(text))
		if (err == nil) != (len(all)+len(other) > 0) {
			t.Errorf("%d witnesses, %d passed over and %v", len(all), len(other), err)
		}
		for _, w := range all {
			if w.Name == "" || w.Key == nil || strings.HasSuffix(w.URL, "/") {
				t.Errorf("a witness without what it needs: %v", w)
			}
		}
	})
}
