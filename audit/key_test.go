package audit_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/piinguin/piinguin/audit"
)

// TestKeyRoundTrip takes many keys, because the base64 of half of them has a
// plus, which the format also separates its parts by.
func TestKeyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")
		key, err := audit.GenerateKey(bytes.NewReader(seed))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{key.Text(ledgerName), "\n " + key.Text(ledgerName) + "\n"} {
			again, err := audit.ParseKey(text)
			if err != nil || again.Text(ledgerName) != key.Text(ledgerName) || !again.Verifier().Equal(key.Verifier()) {
				t.Fatalf("ParseKey of a key's text: %v", err)
			}
		}
		for _, name := range []string{ledgerName, audit.Origin(ledgerName, 1)} {
			v, err := audit.ParseVerifierKey(key.Verifier().Text(name))
			if err != nil || !v.Equal(key.Verifier()) || v.Text(name) != key.Verifier().Text(name) {
				t.Fatalf("ParseVerifierKey(%s): %v", key.Verifier().Text(name), err)
			}
		}
	})
}

func TestKeysDiffer(t *testing.T) {
	if newKey(t, 1).Verifier().Equal(newKey(t, 2).Verifier()) || newKey(t, 1).Text(ledgerName) == newKey(t, 2).Text(ledgerName) {
		t.Error("two keys are the same")
	}
	if _, err := audit.GenerateKey(strings.NewReader("short")); err == nil {
		t.Error("GenerateKey was content with too few random bytes")
	}
}

// TestKeyRedacted prints a key in all ways that a careless log line might.
func TestKeyRedacted(t *testing.T) {
	key := newKey(t, 0xab)
	type hidden struct{ key audit.Key }
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xab}, 30))
	for _, v := range []any{
		key, &key, []audit.Key{key}, map[string]audit.Key{"k": key}, hidden{key}, &hidden{key},
		audit.Config{Key: key}, fmt.Errorf("key %v", key), struct{ Key audit.Key }{key},
	} {
		printed, err := json.Marshal(v)
		if err != nil {
			printed = nil // what JSON cannot print, it does not tell
		}
		texts := []string{string(printed)}
		for _, verb := range "vsqxXdoObcUtTefgGp" {
			for _, flag := range []string{"", "+", "#", "-", " ", "0"} {
				texts = append(texts, fmt.Sprintf("%"+flag+string(verb), v))
			}
		}
		for _, text := range texts {
			for _, leak := range []string{secret[:8], "abab", "ABAB", "ab ab", "AB AB", "171 171", "0xab, 0xab", "253 253", "10101011 10101011", "PRIVATE"} {
				if strings.Contains(text, leak) {
					t.Fatalf("%T prints as %s", v, text)
				}
			}
		}
	}
	if got := fmt.Sprintf("%v %+v %#v %s %q %x %d", key, key, key, key, key, key, key); strings.Count(got, "[redacted]") != 7 {
		t.Errorf("a key prints as %s", got)
	}
}

// TestVerifierKeyOfALog holds that one key pair signs under each log's name, and
// that standard tools then accept it only for that log.
func TestVerifierKeyOfALog(t *testing.T) {
	m := newFilled(t, 2)
	for _, log := range []audit.LogID{audit.Spine, 1, 2} {
		last, err := m.Last(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range []audit.LogID{audit.Spine, 1, 2} {
			name := audit.Origin(ledgerName, of)
			v, err := note.NewVerifier(newKey(t, 1).Verifier().Text(name))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := note.Open(last.Checkpoint, note.VerifierList(v)); (err == nil) != (of == log) {
				t.Errorf("checkpoint of %s under the name %s: %v", log, name, err)
			}
		}
	}
}

// badKeys are texts that are near a key's.
func badKeys(t testing.TB, valid string) []string {
	t.Helper()
	all := []string{"", "+", "++++", canary, valid + "A", valid[:len(valid)-1], valid + "+" + canary, strings.ToLower(valid), strings.Replace(valid, "vault", canary, 1)}
	for i := range valid {
		all = append(all, valid[:i]+canary+valid[i:])
	}
	return all
}

func TestBadKeys(t *testing.T) {
	key := newKey(t, 3)
	for _, text := range append(badKeys(t, key.Text(ledgerName)), key.Verifier().Text(ledgerName)) {
		if _, err := audit.ParseKey(text); !errors.Is(err, audit.ErrKey) {
			t.Errorf("ParseKey(%q): %v, want ErrKey", text, err)
		} else {
			mustNotQuote(t, err)
		}
	}
	for _, text := range append(badKeys(t, key.Verifier().Text(ledgerName)), key.Text(ledgerName)) {
		if _, err := audit.ParseVerifierKey(text); !errors.Is(err, audit.ErrKey) {
			t.Errorf("ParseVerifierKey(%q): %v, want ErrKey", text, err)
		} else {
			mustNotQuote(t, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range badKeys(f, key.Text(ledgerName)) {
		f.Add(text)
	}
	f.Add(key.Text(ledgerName))
	f.Fuzz(func(t *testing.T, text string) {
		key, err := audit.ParseKey(text)
		if err != nil {
			if err != audit.ErrKey { //nolint:errorlint // nothing may be wrapped around it
				t.Errorf("ParseKey: %v, want ErrKey itself", err)
			}
			return
		}
		again, err := audit.ParseKey(key.Text(ledgerName))
		if err != nil || !again.Verifier().Equal(key.Verifier()) {
			t.Errorf("a parsed key's text does not parse again: %v", err)
		}
	})
}

func FuzzParseVerifierKey(f *testing.F) {
	key, err := audit.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range badKeys(f, key.Verifier().Text(ledgerName)) {
		f.Add(text)
	}
	f.Add(key.Verifier().Text(audit.Origin(ledgerName, 1)))
	f.Fuzz(func(t *testing.T, text string) {
		v, err := audit.ParseVerifierKey(text)
		if err != nil {
			if err != audit.ErrKey { //nolint:errorlint // nothing may be wrapped around it
				t.Errorf("ParseVerifierKey: %v, want ErrKey itself", err)
			}
			return
		}
		again, err := audit.ParseVerifierKey(v.Text(ledgerName))
		if err != nil || !again.Equal(v) {
			t.Errorf("a parsed verifier key's text does not parse again: %v", err)
		}
	})
}
