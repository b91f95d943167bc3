package audit

import "context"

// lookBelow is how many pages a run may have for a question before it is better to look at the runs below,
// where some of the question's terms have too many pages to list.
const lookBelow = 64

// list is the pages of a run that may match, counted from its first. below says to look at the runs below.
type list struct {
	pages []span
	below bool
}

// lists returns the pages of runs of one tier that have a term of each condition. It takes what it reads
// from the budget.
func (x *Index) lists(ctx context.Context, runs []*indexRun, conditions [][]uint32, budget *int) ([]list, error) {
	known := make([]bool, len(runs)) // a condition has said which pages
	all := make([]list, len(runs))
	for _, terms := range conditions {
		of := make([]list, len(runs))
		for _, term := range terms {
			if err := x.addLists(ctx, runs, term, of); err != nil {
				return nil, err
			}
			*budget -= len(runs)
		}
		for i := range runs {
			switch {
			case of[i].below:
				all[i].below = true
			case known[i]:
				all[i].pages = intersect(all[i].pages, of[i].pages)
			default:
				all[i].pages, known[i] = of[i].pages, true
			}
		}
	}
	for i := range all {
		all[i].below = all[i].below && (!known[i] || count(all[i].pages) > lookBelow)
	}
	return all, nil
}

// addLists adds the pages of a term.
func (x *Index) addLists(ctx context.Context, runs []*indexRun, term uint32, of []list) error {
	t := tierOf[runs[0].tier]
	blobs, err := readBuckets(ctx, x.reader, runs, t.bucket(term))
	if err != nil {
		return err
	}
	for i, b := range blobs {
		pages, below, err := findPages(b.Data, t, runs[i].pages, t.rest(term))
		if err != nil {
			return b.fault()
		}
		of[i].pages, of[i].below = unite(of[i].pages, pages), of[i].below || below
	}
	return nil
}

func count(spans []span) (pages int64) {
	for _, s := range spans {
		pages += s.last - s.first + 1
	}
	return pages
}

// batch returns up to most runs of one tier that come next in a cover, newest first, as long as they have
// entries from lo on.
func (x *runReader) batch(ctx context.Context, log LogID, c *cover, most int, lo int64) ([]*indexRun, error) {
	tier, numbers := 0, []int64(nil)
	for len(numbers) < most && c.at > lo {
		before := *c
		t, n, ok := c.next()
		if ok && len(numbers) > 0 && t != tier {
			*c, ok = before, false
		}
		if !ok {
			break
		}
		tier, numbers = t, append(numbers, n)
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	return x.some(ctx, log, tier, numbers)
}
