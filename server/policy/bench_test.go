package policy_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/piinguin/piinguin/server/policy"
)

// BenchmarkRead is what the decisions of one read cost: one as if the record did not exist,
// and one about the record.
func BenchmarkRead(b *testing.B) {
	examples, err := os.ReadFile("../../docs/policies/examples.cedar")
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string][]byte{"builtin": policy.Builtin(), "examples": examples} {
		p, err := policy.New(name, text)
		if err != nil {
			b.Fatal(err)
		}
		r := request(policy.ReadPiiRecord, policy.Reader)
		r.Network = netip.MustParseAddr("10.1.2.3")
		for record, field := range map[string]string{"absent": "", "found": "user_id"} {
			b.Run(name+"/"+record, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					decide := p.Ask(r)
					if !decide("").Allow || !decide(field).Allow {
						b.Fatal("denied")
					}
				}
			})
		}
	}
}
