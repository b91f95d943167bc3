package server

import "time"

// A minute is unusual if a caller reads this many times its own normal in it, and not just a
// few records.
const (
	unusualFactor = 10
	unusualLeast  = 100
	// learning is how many minutes with reads it takes to know a caller's normal, and weight
	// what one minute counts in it.
	learning = 10
	weight   = 0.1
)

// reading is how many records one caller reads, and what is normal for it.
type reading struct {
	minute   time.Time // the one that is counted
	count    float64   // records read in it
	normal   float64   // records in a minute with reads
	minutes  int       // how many minutes normal is learned from
	reported bool      // that this minute is unusual
}

// add counts n records, and reports once a minute if the count is far above the normal.
func (r *reading) add(now time.Time, n float64) bool {
	if minute := now.Truncate(time.Minute); minute.After(r.minute) {
		if r.count > 0 {
			r.learn()
		}
		r.minute, r.count, r.reported = minute, 0, false
	}
	r.count += n
	if r.reported || r.minutes < learning || r.count < unusualLeast || r.count < unusualFactor*r.normal {
		return false
	}
	r.reported = true
	return true
}

func (r *reading) learn() {
	r.minutes++
	share := max(weight, 1/float64(r.minutes)) // a plain mean at first
	r.normal += share * (r.count - r.normal)
}
