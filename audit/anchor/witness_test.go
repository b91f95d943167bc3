package anchor_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
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

func (r *rig) witness(t *testing.T, name string, logs ...string) (*anchortest.Witness, anchor.Witness) {
	t.Helper()
	w := anchortest.NewWitness(t, name, r.key.Verifier(), logs...)
	return w, parseOne(t, w.Line())
}

func parseOne(t *testing.T, line string) anchor.Witness {
	t.Helper()
	all, err := anchor.ParseWitnesses([]byte(line))
	if err != nil || len(all) != 1 {
		t.Fatalf("ParseWitnesses: %d, %v", len(all), err)
	}
	return all[0]
}

func mustAnswer(t *testing.T, w *anchortest.Witness, want ...int) {
	t.Helper()
	got := w.Asked()
	if len(got) != len(want) {
		t.Fatalf("%s answered %v, want %v", w.Name, got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s answered %v, want %v", w.Name, got, want)
		}
	}
}

func TestWitnessesCosignAGrowingLog(t *testing.T) {
	r := newRig(t, 2, 0)
	w1, one := r.witness(t, "one", log1, "piinguin-2")
	w2, two := r.witness(t, "two", log1, "piinguin-2")
	a := r.anchors(t, one, two)
	a.Once(t.Context())
	r.mustBeKept(t, "piinguin-2", 1, w1, w2)
	mustAnswer(t, w1, 200, 200)
	mustAnswer(t, w2, 200, 200)
	for size := int64(1); size < 600; {
		_, tree, err := r.writer.Checkpoint(t.Context(), log1)
		if err != nil {
			t.Fatal(err)
		}
		if size = tree.N; size > 1 {
			a.Once(t.Context())
			mustAnswer(t, w1, 200, 200)
			mustAnswer(t, w2, 200, 200)
		}
		r.mustBeKept(t, log1, size, w1, w2)
		r.grow(t, int(2*size)) // of two logs in turn
	}
	mustEqual(t, "reported", r.reported(), nil)
	a.Once(t.Context())
	w1.Asked()
	a.Once(t.Context())
	mustAnswer(t, w1) // nothing moved, nobody is asked
}

func TestAWitnessThatIsFurtherIsAskedWithItsSize(t *testing.T) {
	r := newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	r.anchors(t, one).Once(t.Context())
	r.grow(t, 300)
	mustAnswer(t, w, 200)
	r.anchors(t, one).Once(t.Context()) // as after a restart
	mustAnswer(t, w, 409, 200)
	r.mustBeKept(t, log1, 301, w)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409, 200) // of the very same size
	mustEqual(t, "reported", r.reported(), nil)
}

func TestServersShareALogAWitnessAndAPlace(t *testing.T) {
	r := newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	a, b := r.anchors(t, one), r.anchors(t, one)
	for _, each := range []*anchor.Anchors{a, b, b, a, a} {
		r.grow(t, 3)
		each.Once(t.Context())
	}
	for _, size := range []int64{4, 7, 10, 13, 16} {
		r.mustBeKept(t, log1, size, w)
	}
	mustEqual(t, "reported", r.reported(), nil)
}

// The log goes on between its checkpoint and the proof, as it does under load.
func TestProofAndCheckpointAreOfOneSize(t *testing.T) {
	r := newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	r.grow(t, 300)
	r.ledger = &changed{Ledger: r.writer, checkpoint: func(_ string, s []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
		r.grow(t, 7)
		return s, tree, nil
	}}
	a := r.anchors(t, one)
	for _, size := range []int64{301, 308, 315} {
		a.Once(t.Context())
		r.mustBeKept(t, log1, size, w)
	}
	mustEqual(t, "reported", r.reported(), nil)
}

func TestAWitnessWithALaterCheckpoint(t *testing.T) {
	r, older := newRig(t, 1, 0), newRig(t, 1, 0)
	w, one := r.witness(t, "one", log1)
	r.grow(t, 3)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 200)

	// The log that has lost its tail, and nobody here remembers.
	older.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409)
	mustEqual(t, "reported", older.reported(), []string{"behind piinguin-1 one"})
	older.mustBeKept(t, log1, 1)

	// Another server was faster: the log is as far as the witness by now.
	first := true
	r.place = &anchortest.Memory{}
	r.ledger = &changed{Ledger: r.writer, checkpoint: func(_ string, s []byte, tree tlog.Tree) ([]byte, tlog.Tree, error) {
		if first {
			first = false
			return older.writer.Checkpoint(t.Context(), log1)
		}
		return s, tree, nil
	}}
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 409)
	mustEqual(t, "reported", r.reported(), nil)
	r.mustBeKept(t, log1, 1)
}

func TestAWitnessRefusesAFork(t *testing.T) {
	r, fork := newRig(t, 1, 0), newRig(t, 1, 1)
	w, one := r.witness(t, "one", log1)
	r.grow(t, 4)
	r.anchors(t, one).Once(t.Context())
	mustAnswer(t, w, 200)

	fork.grow(t, 4)
	a := fork.anchors(t, one)
	a.Once(t.Context())
	mustAnswer(t, w, 409, 409) // another tree of the same size
	fork.grow(t, 4)
	a.Once(t.Context())
	mustAnswer(t, w, 422)
	mustEqual(t, "reported", fork.reported(), []string{"witness piinguin-1 one", "witness piinguin-1 one"})
	fork.mustBeKept(t, log1, 5)
	fork.mustBeKept(t, log1, 9)

	r.grow(t, 4)
	r.anchors(t, one).Once(t.Context())
	r.mustBeKept(t, log1, 9, w)
}

func TestAWitnessThatDoesNotKnowUs(t *testing.T) {
	r := newRig(t, 1, 0)
	stranger, one := r.witness(t, "one", "other-log")
	other := newRig(t, 1, 0)
	w, two := other.witness(t, "two", log1)
	a := r.anchors(t, one, two)
	a.Once(t.Context())
	mustAnswer(t, stranger, 404)
	mustEqual(t, "reported", r.reported(), []string{"witness piinguin-1 one"})
	r.mustBeKept(t, log1, 1, w)
	a.Once(t.Context())
	mustAnswer(t, stranger) // asked again when the log moves
	r.grow(t, 1)
	a.Once(t.Context())
	mustAnswer(t, stranger, 404)
}

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
			r := newRig(t, 1, 0)
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
			mustEqual(t, "reported", r.reported(), []string{"witness piinguin-1 bad"})
			r.mustBeKept(t, log1, 3)
			if n := asked.Load(); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
		})
	}
}

func TestAWitnessThatHangs(t *testing.T) {
	r := newRig(t, 1, 0)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); server.Close() })
	c := r.config(parseOne(t, "witness bad "+newSigner(t, "w").Verifier().String()+" "+server.URL))
	c.Timeout = time.Second
	a, err := anchor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	a.Once(t.Context())
	mustEqual(t, "reported", r.reported(), []string{"witness piinguin-1 bad"})
	r.mustBeKept(t, log1, 1)
}

func TestParseWitnesses(t *testing.T) {
	k1, k2 := newSigner(t, "one.example").Verifier().String(), newSigner(t, "two.example").Verifier().String()
	all, err := anchor.ParseWitnesses([]byte("# ours\nlog x\n\n\twitness a  " + k1 + " https://one.example/w/ \nwitness b " + k2 +
		" http://127.0.0.1:8080\ngroup g any a b\nquorum g\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range all {
		got = append(got, w.Name+" "+w.Key.String()+" "+w.URL)
	}
	mustEqual(t, "witnesses", got, []string{"a " + k1 + " https://one.example/w", "b " + k2 + " http://127.0.0.1:8080"})

	renamed := "other" + k1[strings.Index(k1, "+"):]
	logKey := newRig(t, 1, 0).key.Verifier().Text("one")
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
		if all, err := anchor.ParseWitnesses([]byte(text)); err == nil {
			t.Errorf("%s: it is taken: %v", name, all)
		}
	}
}

func FuzzParseWitnesses(f *testing.F) {
	f.Add("witness a one.example+00000000+AAAA https://one.example\n")
	f.Add("log x\nwitness\n#\nquorum none")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := anchor.ParseWitnesses([]byte(text))
		if (err == nil) != (len(all) > 0) {
			t.Errorf("%d witnesses and %v", len(all), err)
		}
		for _, w := range all {
			if w.Name == "" || w.Key == nil || strings.HasSuffix(w.URL, "/") {
				t.Errorf("a witness without what it needs: %v", w)
			}
		}
	})
}
