package piinguinv1_test

import (
	"testing"

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

func TestText(t *testing.T) {
	for text, want := range map[string]struct{ control, format, visible bool }{
		"":                      {},
		" \u00a0\u2003\u3000":   {},
		"support":               {visible: true},
		"Ünterstützung 日本語 ٣ €": {visible: true},
		"👍":                     {visible: true},
		".":                     {visible: true},
		"\u0301":                {}, // a mark with nothing to stand on
		"e\u0301":               {visible: true},
		"\u200b":                {format: true},
		"\u2060\ufeff\u00ad":    {format: true},
		"a\u202eb":              {format: true, visible: true},
		"a\u2066b\u2069":        {format: true, visible: true},
		"a\u2028b":              {format: true, visible: true},
		"a\U000e0041":           {format: true, visible: true},
		"\u3164\u115f\uffa0":    {},
		"\u2800":                {},
		"\ufffc\U0001d159":      {},
		"\ufe0f\u034f":          {},
		"\ue000":                {},
		"a\n":                   {control: true, visible: true},
		"\u0085":                {control: true},
	} {
		if got := piinguinv1.HasControl(text); got != want.control {
			t.Errorf("HasControl(%+q) = %v", text, got)
		}
		if got := piinguinv1.HasFormat(text); got != want.format {
			t.Errorf("HasFormat(%+q) = %v", text, got)
		}
		if got := piinguinv1.IsVisible(text); got != want.visible {
			t.Errorf("IsVisible(%+q) = %v", text, got)
		}
	}
}
