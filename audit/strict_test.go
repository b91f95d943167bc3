package audit_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/audit"
)

// TestParseIsStrict changes a valid line in ways that a lax reader would take for
// the same entry, or for an entry at all.
func TestParseIsStrict(t *testing.T) {
	e := placedEntry()
	e.Purpose, e.Caller = canary, "<"+canary+"/é>"
	valid, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	line := string(valid)
	for name, change := range map[string][2]string{
		"unknown field":           {`"time"`, `"timd":"CANARY","time"`},
		"field in another case":   {`"purpose"`, `"Purpose"`},
		"duplicate key":           {`"purpose"`, `"purpose":"CANARY","purpose"`},
		"whitespace inside":       {`":`, `": `},
		"newline inside":          {`,"`, ",\n\""},
		"escaped letter":          {`CANARY`, `\u0043ANARY`},
		"escaped less-than":       {`<`, `\u003c`},
		"escaped slash":           {`/`, `\/`},
		"upper case escape":       {`é`, `\u00E9`},
		"decomposed letter added": {`é`, "é\\u0301"},
		"lone surrogate":          {`é`, `\ud800`},
		"index as float":          {`"index":7`, `"index":7.0`},
		"index with exponent":     {`"index":7`, `"index":7e0`},
		"index with zero":         {`"index":7`, `"index":07`},
		"index as text":           {`"index":7`, `"index":"7"`},
		"index negative":          {`"index":7`, `"index":-1`},
		"index minus zero":        {`"index":7`, `"index":-0`},
		"index too large":         {`"index":7`, `"index":9007199254740992`},
		"index beyond int64":      {`"index":7`, `"index":9223372036854775808`},
		"index null":              {`"index":7`, `"index":null`},
		"no index":                {`"index":7,`, ``},
		"count zero":              {`"index"`, `"count":0,"index"`},
		"count negative":          {`"index"`, `"count":-1,"index"`},
		"count too large":         {`"index"`, `"count":9007199254740992,"index"`},
		"empty field":             {`"log"`, `"on_behalf_of":"","log"`},
		"invalid UTF-8":           {`é`, "\xff"},
		"overlong UTF-8":          {`é`, "\xc0\xaf"},
		"control character":       {`é`, "\x01"},
		"escaped control":         {`é`, `\u0001`},
		"escaped newline":         {`é`, `\n`},
		"delete character":        {`é`, "\x7f"},
		"C1 control character":    {`é`, "\u0085"},
		"other version":           {`"version":2`, `"version":4111111111111111`},
		"the version before":      {`"version":2`, `"version":1`},
		"no version":              {`,"version":2`, ``},
		"no request id":           {`"request_id":"r-1",`, ``},
		"request id too long":     {`"r-1"`, `"` + strings.Repeat("r", 65) + `"`},
		"no log":                  {`"log":"vault.example.com/pii/1",`, ``},
		"log in upper case":       {`"log":"vault`, `"log":"CANARY`},
		"log with a plus":         {`"log":"vault`, `"log":"va+lt`},
		"log with a newline":      {`pii/1"`, `pii/1\n"`},
		"log beyond the last":     {`pii/1"`, `pii/65"`},
		"log with a zero":         {`pii/1"`, `pii/01"`},
		"log of a name too long":  {`"log":"vault`, `"log":"` + strings.Repeat("x", 63)},
		"operation with a digit":  {`"READ"`, `"CANARY1"`},
		"operation too long":      {`"READ"`, `"` + strings.Repeat("C", 33) + `"`},
		"no operation":            {`"operation":"READ",`, ``},
		"about an unknown place":  {`"caller"`, `"about":"CANARY/1","caller"`},
		"about a log alone":       {`"caller"`, `"about":"1","caller"`},
		"checkpoint in a READ":    {`"index"`, `"checkpoint":"1 1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","index"`},
		"bidi control":            {`"purpose":"`, "\"purpose\":\"\u202e"},
		"operation in lower case": {`"READ"`, `"read"`},
		"unknown outcome":         {`"GRANTED"`, `"CANARY"`},
		"unknown basis":           {`"CONTRACT"`, `"CANARY"`},
		"reason of another form":  {`"purpose"`, `"reason":"CANARY","purpose"`},
		"time without fraction":   {`.123456Z`, `Z`},
		"time with nanoseconds":   {`.123456Z`, `.123456000Z`},
		"time with a comma":       {`.123456Z`, `,123456Z`},
		"time of another zone":    {`.123456Z`, `.123456+00:00`},
		"time that is no date":    {`-02-03T`, `-02-30T`},
		"time that is none":       {`"time":"2026`, `"time":"CANARY`},
	} {
		changed := strings.Replace(line, change[0], change[1], 1)
		if changed == line {
			t.Fatalf("%s changes nothing in %s", name, line)
		}
		mustNotParse(t, name, changed)
	}
	for name, text := range map[string]string{
		"empty": "", "null": "null", "a list": "[" + line + "]", "text": `"CANARY"`, "cut": line[:len(line)-1], "not JSON": canary,
		"newline before": "\n" + line, "newline after": line + "\n", "space after": line + " ", "something after": line + "CANARY",
		"twice": line + line, "byte order mark": "\ufeff" + line,
	} {
		mustNotParse(t, name, text)
	}
}

func mustNotParse(t *testing.T, name, line string) {
	t.Helper()
	e, err := audit.Parse([]byte(line))
	if !errors.Is(err, audit.ErrEntry) {
		t.Errorf("%s: Parse gave %v, want ErrEntry for\n%s", name, err, line)
	}
	if e != (audit.Entry{}) {
		t.Errorf("%s: Parse returned an entry beside its error", name)
	}
	mustNotQuote(t, err)
	if err != nil && strings.Contains(err.Error(), "4111") {
		t.Errorf("%s: the error quotes a number: %v", name, err)
	}
}

// TestFormatLimits holds each limit of a field, in bytes, and that the error names the
// field and not the value.
func TestFormatLimits(t *testing.T) {
	for field, c := range map[string]struct {
		limit int
		of    func(e *audit.Entry) *string
	}{
		"reason":         {64, func(e *audit.Entry) *string { return &e.Reason }},
		"caller":         {256, func(e *audit.Entry) *string { return &e.Caller }},
		"authentication": {64, func(e *audit.Entry) *string { return &e.Authentication }},
		"on_behalf_of":   {512, func(e *audit.Entry) *string { return &e.OnBehalfOf }},
		"purpose":        {512, func(e *audit.Entry) *string { return &e.Purpose }},
		"reference":      {512, func(e *audit.Entry) *string { return &e.Reference }},
		"modified_value": {2048, func(e *audit.Entry) *string { return &e.ModifiedValue }},
		"request_id":     {64, func(e *audit.Entry) *string { return &e.RequestID }},
		"policy":         {64, func(e *audit.Entry) *string { return &e.Policy }},
		"detail":         {2048, func(e *audit.Entry) *string { return &e.Detail }},
		"grant":          {64, func(e *audit.Entry) *string { return &e.Grant }},
	} {
		e := placedEntry()
		*c.of(&e) = strings.Repeat("x", c.limit)
		if _, err := e.Format(); err != nil {
			t.Errorf("%s of %d bytes: %v", field, c.limit, err)
		}
		for _, bad := range []string{strings.Repeat("x", c.limit+1), canary + "\x00", canary + "\u009f", canary + "\xff", strings.Repeat("é", c.limit/2) + "é"} {
			*c.of(&e) = bad
			_, err := e.Format()
			if !errors.Is(err, audit.ErrEntry) || !strings.HasSuffix(err.Error(), ": "+field) {
				t.Errorf("%s %q: %v, want ErrEntry that names the field", field, bad, err)
			}
			mustNotQuote(t, err)
		}
	}
}

// FuzzParse holds Parse to Format and to its model: the same verdict, and the same entry.
func FuzzParse(f *testing.F) {
	for _, e := range goldenEntries() {
		line, err := e.Format()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
		f.Add(bytes.Replace(line, []byte("GRANTED"), []byte("CANARY"), 1))
		f.Add(bytes.Replace(line, []byte("index"), []byte(`\\\"in`), 1))
		f.Add(bytes.Replace(line, []byte("e"), []byte("\u00e9\u202e\u0085"), 1))
		f.Add(line[:len(line)/2])
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := audit.Parse(line)
		if want, ok := audit.ModelParse(line); ok != (err == nil) || ok && !cmp.Equal(want, e) {
			t.Errorf("Parse: %+v, %v; the model says %t, %+v", e, err, ok, want)
		}
		if err != nil {
			if !errors.Is(err, audit.ErrEntry) {
				t.Errorf("Parse: %v, want ErrEntry", err)
			}
			mustNotQuote(t, err)
			return
		}
		again, err := e.Format()
		if err != nil || !bytes.Equal(again, line) {
			t.Errorf("Format(Parse(line)) = %q, %v; want %q", again, err, line)
		}
	})
}

// FuzzFormat reaches what FuzzParse hardly finds: that every entry that has a line
// comes back from it.
func FuzzFormat(f *testing.F) {
	f.Add(1, int64(3), int64(1), "desk", "token", "<&>", "\u2028😀", `"\`, "m", "r")
	f.Add(-1, int64(0), int64(0), "\xff", "\x00", canary, "", "", "", "")
	f.Fuzz(func(t *testing.T, log int, index, count int64, caller, authentication, behalf, purpose, reference, modified, request string) {
		e := placedEntry()
		e.Log, e.Index, e.Count, e.Caller, e.Authentication, e.OnBehalfOf = audit.LogID(log), index, count, caller, authentication, behalf
		e.Purpose, e.Reference, e.ModifiedValue, e.RequestID = purpose, reference, modified, request
		line, err := e.Format()
		if valid := audit.ModelValid(e); valid != (err == nil) {
			t.Errorf("Format: %v; the model says %t", err, valid)
		}
		if err != nil {
			mustNotQuote(t, err)
			return
		}
		parsed, err := audit.Parse(line)
		if diff := cmp.Diff(e, parsed); err != nil || diff != "" {
			t.Errorf("Parse(Format(e)): %v (-want +got):\n%s", err, diff)
		}
	})
}
