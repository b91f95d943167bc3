package audit

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// parseBucket returns the postings of a bucket.
func parseBucket(data []byte, t tier, pages int64) (postings []posting, below bool, err error) {
	_, below, err = scanBucket(data, t, pages, nil, func(uint32) bool { return true }, func(p posting) bool {
		postings = append(postings, p)
		return true
	})
	return postings, below, err
}

// drawPostings draws the postings of a bucket of a tier, for a run of so many pages.
func drawPostings(t *rapid.T, of tier, pages int64) []posting {
	terms := rapid.SliceOfNDistinct(rapid.Uint32Range(0, of.mask()), 0, 20, rapid.ID).Draw(t, "terms")
	var all []posting
	for _, term := range terms {
		p := posting{term: term, below: of.fan > 0 && rapid.IntRange(0, 5).Draw(t, "below") == 0}
		for n := rapid.Int64Range(0, pages/8).Draw(t, "first"); n < pages && !p.below; n += rapid.Int64Range(1, pages).Draw(t, "gap") {
			p.add(span{n, n})
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b posting) int { return int(a.term) - int(b.term) })
	return all
}

// TestBucketsKeepWhatTheyAreGiven writes buckets and reads them.
func TestBucketsKeepWhatTheyAreGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(tierOf[:]).Draw(t, "tier")
		pages := rapid.Int64Range(1, of.size).Draw(t, "pages")
		want := drawPostings(t, of, pages)
		data := encodeBucket(want, of.fan > 0)
		got, below, err := parseBucket(data, of, pages)
		if err != nil {
			t.Fatal(err)
		}
		if below {
			if of.fan == 0 || len(data) > 1 {
				t.Fatalf("%d postings became %x", len(want), data)
			}
			return
		}
		for i, p := range want {
			found, isBelow, err := findPages(data, of, pages, p.term)
			if err != nil || isBelow != got[i].below || !isBelow && cmp.Diff(p.pages, found, cmp.AllowUnexported(span{})) != "" {
				t.Fatalf("term %d: %v, %t, %v; want %v", p.term, found, isBelow, err, p)
			}
			if got[i].below {
				continue // by its length
			}
			if diff := cmp.Diff(p, got[i], cmp.AllowUnexported(posting{}, span{})); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		}
	})
}

// FuzzParseBucket: what is read is written again to the byte, and reading one term finds the same.
func FuzzParseBucket(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same seeds each time
	for t := range tiers {
		var all []posting
		for i := range 5 {
			p := posting{term: uint32(i) * 3}
			for n := range int64(6) {
				if rnd.IntN(2) == 0 {
					p.add(span{n, n})
				}
			}
			if len(p.pages) > 0 {
				all = append(all, p)
			}
		}
		f.Add(byte(t), encodeBucket(all, t > 0))
	}
	f.Add(byte(1), []byte{0})
	f.Fuzz(func(t *testing.T, n byte, data []byte) {
		of := tierOf[int(n)%tiers]
		const pages = 8
		all, below, err := parseBucket(data, of, pages)
		if err != nil {
			return
		}
		if below {
			return
		}
		if again := encodeBucket(all, of.fan > 0); !bytes.Equal(again, data) && (of.fan == 0 || len(data) <= maxList) {
			t.Fatalf("%x is read, and written as %x", data, again)
		}
		for _, p := range all {
			found, isBelow, err := findPages(data, of, pages, p.term)
			if err != nil || isBelow != p.below || cmp.Diff(p.pages, found, cmp.AllowUnexported(span{})) != "" {
				t.Fatalf("term %d: %v, %t, %v; want %v", p.term, found, isBelow, err, p)
			}
		}
	})
}

// FuzzParseSummary: what is read is written again to the byte.
func FuzzParseSummary(f *testing.F) {
	f.Add(encodeSummary([]cell{
		{cellKey{20_000, [cellFields]string{"a", "READ", "GRANTED", "CONSENT", ""}}, 3}, {cellKey{20_001, [cellFields]string{"b", "READ", "DENIED", "", "x"}}, 1},
	}))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		cells, below, err := parseSummary(data)
		if err != nil || below {
			return
		}
		if again := encodeSummary(cells); !bytes.Equal(again, data) && len(data) <= maxSummary {
			t.Fatalf("%x is read, and written as %x", data, again)
		}
	})
}

// FuzzParseRun: nothing that is not signed is taken, and what is taken has one spelling.
func FuzzParseRun(f *testing.F) {
	key, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	if err != nil {
		f.Fatal(err)
	}
	turns := turning{[]string{"example.com/pii"}, []VerifierKey{key.Verifier()}}
	for t := range tiers {
		r := &indexRun{log: 1, tier: t, number: 2, first: 3, pages: 1, hashes: make([]blobHash, 1+tierOf[t].buckets())}
		f.Add(byte(t), r.body("example.com/pii"))
	}
	f.Fuzz(func(t *testing.T, n byte, body []byte) {
		of := int(n) % tiers
		b := Blob{1, runKind(of), 2, signRun(key, body)}
		r, err := parseRun(b, of, turns)
		if err != nil {
			return
		}
		if again := r.body("example.com/pii"); !bytes.Equal(again, body) {
			t.Fatalf("%x is read, and written as %x", body, again)
		}
		b.Data[len(b.Data)-1] ^= 1
		if _, err := parseRun(b, of, turns); err == nil {
			t.Fatal("a run is taken that nobody signed")
		}
	})
}
