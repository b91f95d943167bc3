package store_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/piinguin/piinguin/server/store"
)

const (
	canary    = "CANARY-ada@example.org"
	canaryHex = "43414e415259" // CANARY, as %x would show it
	redacted  = "[redacted]"
)

// holder reaches an Original as a caller's own types do, also through fields that
// fmt may not call methods of.
type holder struct {
	Shown  store.Original
	hidden store.Original
	ptr    *store.Original
	list   []store.Original
	table  map[string]store.Original
	any    any
	record store.Record
}

func newTestHolder(o store.Original) holder {
	return holder{
		Shown: o, hidden: o, ptr: &o, any: o,
		list: []store.Original{o}, table: map[string]store.Original{"k": o},
		record: store.Record{ModifiedValue: "k", Original: o},
	}
}

func checkNoCanary(t *testing.T, how, text string) {
	t.Helper()
	if strings.Contains(text, "CANARY") || strings.Contains(strings.ToLower(text), canaryHex) {
		t.Errorf("%s shows the value", how)
	}
}

func TestOriginalUnderEveryVerb(t *testing.T) {
	o := store.NewOriginal(canary)
	for _, flags := range []string{"", "+", "#", " ", "-30", "030", ".3", "#+"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp!zw" {
			format := "%" + flags + string(verb)
			for _, arg := range []any{o, &o, newTestHolder(o), []store.Original{o}, fmt.Errorf("x: %v", o), store.GetResult{Record: store.Record{Original: o}}} {
				checkNoCanary(t, fmt.Sprintf("%s of %T", format, arg), fmt.Sprintf(format, arg))
			}
			if got := fmt.Sprintf(format, o); !strings.ContainsRune("Tp!w", verb) && got != redacted {
				t.Errorf("%s of an Original = %q, want %q", format, got, redacted)
			}
		}
	}
	checkNoCanary(t, "Sprint", fmt.Sprint(o, newTestHolder(o)))
	checkNoCanary(t, "String", o.String()+o.GoString())
	verbless := "a caller's mistake"
	checkNoCanary(t, "a missing verb", fmt.Sprintf(verbless, []any{o, newTestHolder(o)}...))
	checkNoCanary(t, "an error", errors.Join(fmt.Errorf("read %v", newTestHolder(o))).Error())
}

func TestOriginalInEncodings(t *testing.T) {
	h := struct {
		XMLName  xml.Name       `json:"-" xml:"h"`
		Original store.Original `json:"o" xml:"o"`
		Attr     store.Original `json:"a" xml:"a,attr"`
	}{Original: store.NewOriginal(canary), Attr: store.NewOriginal(canary)}

	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"o":"[redacted]","a":"[redacted]"}`, string(asJSON)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	asXML, err := xml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`<h a="[redacted]"><o>[redacted]</o></h>`, string(asXML)); diff != "" {
		t.Errorf("XML (-want +got):\n%s", diff)
	}
	asKey, err := json.Marshal(map[store.Original]store.Record{h.Original: {Original: h.Original}})
	if err != nil {
		t.Fatal(err)
	}
	checkNoCanary(t, "a JSON key", string(asKey))
}

func TestOriginalInLogs(t *testing.T) {
	o := store.NewOriginal(canary)
	var out bytes.Buffer
	text, lines := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	zero := zerolog.New(&out)
	for _, arg := range []any{o, &o, newTestHolder(o), store.Record{Original: o}, []any{o}} {
		text.Info("m", "arg", arg)
		lines.Info("m", "arg", arg)
		zero.Info().Interface("arg", arg).Any("any", arg).Fields(map[string]any{"field": arg}).Msgf("%v %+v", arg, arg)
	}
	zero.Error().Stringer("s", o).Err(fmt.Errorf("failed: %v", o)).Msg(o.String())
	checkNoCanary(t, "a log", out.String())
	if n := strings.Count(out.String(), redacted); n < 10 {
		t.Errorf("%d times %s in the logs, want it where the values would be", n, redacted)
	}
}

func TestOriginalValue(t *testing.T) {
	var zero store.Original
	if got := zero.Reveal(); got != "" {
		t.Errorf("the zero Original = %q, want the empty value", got)
	}
	if got := store.NewOriginal(canary).Reveal(); got != canary {
		t.Errorf("Reveal = %q, want %q", got, canary)
	}
	record := func(value string) store.Record {
		return store.Record{ModifiedValue: "k", Original: store.NewOriginal(value)}
	}
	if !cmp.Equal(record("a"), record("a")) || cmp.Equal(record("a"), record("b")) || !cmp.Equal(store.Record{ModifiedValue: "k"}, record("")) {
		t.Error("cmp does not compare by Equal")
	}
}
