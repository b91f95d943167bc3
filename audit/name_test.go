package audit

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{
		"vault.acme.com/pii", "a", "a/b", "-", "a..b", "a/0-", "a/1/b", "0/a", "localhost", "piinguin.internal/00ff00ff00ff00fa", strings.Repeat("x", 63), "127.0.0.1/pii",
	} {
		if !ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{
		"", "/", "a/", "/a", "a//b", "A", "a/B", "a/b.c", "a b", "a+b", "a/1", "1", "12", "a/b/007", "ä", "a\n", "\na", "a/b\n", "https://a", "a:1", "a_b", ".", "..", "../x", ".a", "a/..",
		strings.Repeat("x", 64), "a\x00", "a%2fb", "a/１",
	} {
		if ValidName(name) {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestNewName(t *testing.T) {
	name, err := NewName(bytes.NewReader(bytes.Repeat([]byte{0xab}, 8)))
	if err != nil || name != "piinguin.internal/abababababababab" || !ValidName(name) {
		t.Errorf("NewName: %s, %v", name, err)
	}
	// Eight bytes whose hex digits are all decimal would make the name that of a log.
	name, err = NewName(bytes.NewReader(append(bytes.Repeat([]byte{0x12}, 8), bytes.Repeat([]byte{0xcd}, 8)...)))
	if err != nil || name != "piinguin.internal/cdcdcdcdcdcdcdcd" {
		t.Errorf("NewName: %s, %v; want that it draws again", name, err)
	}
	if _, err := NewName(strings.NewReader("short")); err == nil {
		t.Error("NewName was content with too few random bytes")
	}
}

func TestLogID(t *testing.T) {
	for log := Spine; log <= MaxLogs; log++ {
		for _, ledger := range []string{"a", "vault.acme.com/pii", "a/1/b"} {
			gotLedger, got, err := ParseOrigin(Origin(ledger, log))
			if err != nil || gotLedger != ledger || got != log {
				t.Errorf("ParseOrigin(%s): %s, %s, %v", Origin(ledger, log), gotLedger, got, err)
			}
		}
		if got, err := ParseLogID(log.String()); err != nil || got != log || !log.Valid() {
			t.Errorf("ParseLogID(%s): %s, %v", log, got, err)
		}
	}
	for _, text := range []string{"", "0", "65", "-1", "+1", "01", "1 ", " 1", "1.0", "1e0", "Spine", "spine ", "SPINE", "../x", "piinguin-1", "18446744073709551617"} {
		if got, err := ParseLogID(text); !errors.Is(err, ErrName) {
			t.Errorf("ParseLogID(%q): %s, %v; want ErrName", text, got, err)
		}
	}
	for _, log := range []LogID{-1, MaxLogs + 1, 1 << 40} {
		if log.Valid() {
			t.Errorf("log %d is valid", log)
		}
	}
	for _, origin := range []string{"", "/1", "a/0", "a/65", "a/01", "A/1", "a//1", "1/1", strings.Repeat("x", 64) + "/1"} {
		if ledger, log, err := ParseOrigin(origin); err == nil {
			t.Errorf("ParseOrigin(%q): %s, %s; want an error", origin, ledger, log)
		}
	}
}

// FuzzOrigin: an origin that is taken is that of its ledger and log, and of no other.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"vault.acme.com/pii", "vault.acme.com/pii/1", "a/64", "a/65", "1", "a/b/01", "-/-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		if valid := ValidName(origin); valid != ModelValidName(origin) {
			t.Errorf("ValidName(%q) = %t, and the model says the opposite", origin, valid)
		}
		ledger, log, err := ParseOrigin(origin)
		if err != nil {
			if !errors.Is(err, ErrName) {
				t.Errorf("ParseOrigin: %v, want ErrName itself", err)
			}
			return
		}
		if Origin(ledger, log) != origin || !ValidName(ledger) || !log.Valid() {
			t.Errorf("%q is taken for log %s of %q", origin, log, ledger)
		}
	})
}
