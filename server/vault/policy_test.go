package vault_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/server/policy"
	"github.com/piinguin/piinguin/server/store"
)

// counting counts the decisions of a policy.
type counting struct {
	policy.Decider
	n *atomic.Int64
}

func (c counting) Current() policy.Decider { return c }

func (c counting) Ask(r policy.Request) func(string) policy.Decision {
	decide := c.Decider.Ask(r)
	return func(field string) policy.Decision {
		c.n.Add(1)
		return decide(field)
	}
}

// spellings forbid the addresses in as many ways as Cedar has to name the field.
var spellings = map[string]string{
	"as usual":          `when { context has field_name && context.field_name == "user_ipaddress" }`,
	"in quotes":         `when { context has "field_name" && context["field_name"] == "user_ipaddress" }`,
	"escaped":           `when { context has "field\u{5f}name" && context["field\u{5f}name"] == "user_ipaddress" }`,
	"like":              `when { context has "fiel\x64_name" && context["fiel\x64_name"] like "*ipaddress" }`,
	"in an if":          `when { if context has field_name then ["user_ipaddress"].contains(context["field\u{5f}name"]) else false }`,
	"only has":          `when { context has "\u{66}ield_name" }`,
	"unless":            `unless { if context has "field\u{5f}name" then context["field\u{5f}name"] != "user_ipaddress" else true }`,
	"the whole context": `when { [context].contains(context) && context has "field\u{5f}name" }`,
}

// TestHoweverSpelt: a policy about the record's field is asked about every record, however it
// names the field.
func TestHoweverSpelt(t *testing.T) {
	for name, condition := range spellings {
		t.Run(name, func(t *testing.T) {
			v := newTestVault(t, newTestPolicy(t, `
@id("no-addresses") @reason("field_not_allowed") forbid (principal, action in Action::"Read", resource) `+condition+`;`))
			v.put(t, "address", "user_ipaddress")
			v.put(t, "unknown field", "")
			if diff := cmp.Diff([]string{"vault: not_found", canary, "vault: not_found"}, v.read(t, "address", "unknown field", "absent")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{
				"READ DENIED field_not_allowed address", "READ GRANTED  unknown field", "READ NOT_FOUND  absent",
			}, v.outcomes(t)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeniedAsAbsent: where nothing may be read but one field, a record of another field, one
// without and one that does not exist are denied alike.
func TestDeniedAsAbsent(t *testing.T) {
	p, err := policy.New("test.cedar", []byte(`@id("ids") permit (principal, action in Action::"Read", resource)
		when { context has "field\u{5f}name" && context["field\u{5f}name"] == "user_id" };`+noAddresses))
	if err != nil {
		t.Fatal(err)
	}
	v := newTestVault(t, p)
	v.put(t, "address", "user_ipaddress")
	v.put(t, "id", "user_id")
	v.put(t, "unknown field", "")
	denied := "vault: denied: policy_denied"
	for _, key := range []string{"address", "absent", "unknown field"} {
		if diff := cmp.Diff([]string{denied}, v.read(t, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if diff := cmp.Diff([]string{denied, canary, denied, denied}, v.read(t, "address", "id", "absent", "unknown field")); diff != "" {
		t.Errorf("a batch (-want +got):\n%s", diff)
	}
}

// TestDecisions: how many decisions a read takes depends on the number of keys alone, so a
// caller cannot tell by time whether a record exists.
func TestDecisions(t *testing.T) {
	const forbidAll = `forbid (principal, action in Action::"Read", resource);`
	for name, text := range map[string]string{"built-in": "", "of a field": noAddresses, "nothing": forbidAll} {
		var n atomic.Int64
		v := newTestVault(t, counting{newTestPolicy(t, text), &n})
		v.put(t, "address", "user_ipaddress")
		v.put(t, "id", "user_id")
		for _, fails := range []error{nil, store.ErrUnavailable} {
			v.set(func(v *tested) { v.storeErr = fails })
			for _, role := range []policy.Role{policy.Reader, policy.Writer} {
				for _, keys := range [][]string{
					nil, {"id"}, {"address"}, {"absent"}, slices.Repeat([]string{"address"}, 500), slices.Repeat([]string{"absent"}, 500),
				} {
					n.Store(0)
					_, _ = v.Read(t.Context(), call(policy.ReadPiiRecords, role), stated, keys)
					if want := int64(1 + len(keys)); n.Load() != want {
						t.Errorf("%s, %s, store fails: %v, %.40q: %d decisions, want %d", name, role, fails, keys, n.Load(), want)
					}
				}
			}
		}
	}
}

// exchanging gives another policy at each call.
type exchanging struct {
	policies []policy.Decider
	n        *atomic.Int64
}

func (e exchanging) Current() policy.Decider {
	return e.policies[int(e.n.Add(1))%len(e.policies)]
}

// TestOnePolicyACall: a call whose policy is exchanged in its middle does not pass between two
// policies that both forbid it.
func TestOnePolicyACall(t *testing.T) {
	byRecord := newTestPolicy(t, noAddresses)
	byBasis := newTestPolicy(t, `forbid (principal, action in Action::"Read", resource) unless { context.basis == "CONSENT" };`)
	for first := range 2 {
		e := exchanging{[]policy.Decider{byRecord, byBasis}, &atomic.Int64{}}
		v := newTestVault(t, e)
		v.put(t, "address", "user_ipaddress")
		e.n.Add(int64(first))
		for range 4 {
			before := e.n.Load()
			if got := v.read(t, "address"); got[0] == canary {
				t.Error("a value that both policies forbid")
			}
			if n := e.n.Load() - before; n != 1 {
				t.Errorf("the policy was taken %d times in one call", n)
			}
		}
	}
}

// TestFileExchanged exchanges the policy's file under many readers. Both texts forbid the
// read, each for a reason of its own, and no value comes out.
func TestFileExchanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.cedar")
	texts := []string{noAddresses, `@id("consent") @reason("basis_not_allowed")
forbid (principal, action in Action::"Read", resource) unless { context.basis == "CONSENT" };`}
	write := func(n int) {
		next := path + ".next"
		text := fmt.Sprintf("// %d\n%s%s", n, policy.Builtin(), texts[n%len(texts)])
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(next, path); err != nil {
			t.Error(err)
		}
	}
	write(0)
	var clock, taken atomic.Int64
	now := func() time.Time { return time.Unix(clock.Add(2), 0) } // so each look at the file is a new one
	file, err := policy.Open(path, now, func(err error) {
		if err != nil {
			t.Error(err)
		}
		taken.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	v := newTestVault(t, file)
	v.put(t, "address", "user_ipaddress")
	var readers sync.WaitGroup
	var done atomic.Bool
	for range 48 {
		readers.Go(func() {
			for !done.Load() {
				readings, err := v.Read(t.Context(), call(policy.ReadPiiRecord, policy.Reader), stated, []string{"address"})
				if err == nil {
					err = readings[0].Err()
				}
				if err == nil || !strings.Contains(err.Error(), "not_found") && !strings.Contains(err.Error(), "basis_not_allowed") {
					t.Errorf("a read ended with %v", err)
					return
				}
			}
		})
	}
	for n := 1; n <= 25; n++ {
		before := taken.Load()
		for write(n); taken.Load() == before && !t.Failed(); {
			file.Current()
		}
	}
	done.Store(true)
	readers.Wait()
}
