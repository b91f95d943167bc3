package store_test

import (
	"testing"
	"testing/quick"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/piinguin/piinguin/server/store"
)

// TestSizeOfOriginal: no value is longer in an answer than its size says.
func TestSizeOfOriginal(t *testing.T) {
	for text, want := range map[string]int{"": 0, "plain": 5, "\u00e9": 2, "\x00": 6, `"\`: 4, "<&>": 3} {
		if got := store.NewOriginal(text).Size(); got != want {
			t.Errorf("%q has the size %d, want %d", text, got, want)
		}
	}
	if err := quick.Check(func(runes []rune) bool {
		text := string(runes)
		encoded, err := protojson.Marshal(wrapperspb.String(text))
		return err == nil && len(encoded)-len(`""`) <= store.NewOriginal(text).Size()
	}, nil); err != nil {
		t.Error(err)
	}
}
