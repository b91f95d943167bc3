package server

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/twitchtv/twirp"
	"golang.org/x/time/rate"

	"github.com/piinguin/piinguin/server/store"
)

// Limits bounds what one caller may do; 0 is no limit. At once a caller may make the
// requests of two seconds, and read the records of one minute or one batch.
type Limits struct {
	RequestsPerSecond float64
	RecordsPerMinute  int // records that are read
}

// What counts as unusual: a minute in which a caller reads this many times its own
// normal, and not just a few.
const (
	unusualFactor = 10
	unusualLeast  = 100
	// learning is how many minutes with reads it takes to know a caller's normal, and
	// weight what a minute counts in it.
	learning = 10
	weight   = 0.1
)

// maxPeople bounds how many callers are remembered. Those who have not called for longest
// are forgotten.
const maxPeople = 10_000

// limiter knows each caller's buckets and normal.
type limiter struct {
	limits Limits
	mu     sync.Mutex
	people map[string]*habits
}

// habits is what is known of one caller.
type habits struct {
	requests *rate.Limiter
	records  *rate.Limiter
	last     time.Time

	minute  time.Time // that is counted
	count   float64   // records read in it
	normal  float64   // records a minute in which it reads
	minutes int       // that normal is learned from
	told    bool      // of this minute
}

func newLimiter(l Limits) *limiter { return &limiter{limits: l, people: map[string]*habits{}} }

// of returns the habits of a caller. The lock is held.
func (l *limiter) of(caller string, now time.Time) *habits {
	h, known := l.people[caller]
	if !known {
		if len(l.people) >= maxPeople {
			l.forget()
		}
		requests, records := rate.Inf, rate.Inf
		if l.limits.RequestsPerSecond > 0 {
			requests = rate.Limit(l.limits.RequestsPerSecond)
		}
		if l.limits.RecordsPerMinute > 0 {
			records = rate.Limit(float64(l.limits.RecordsPerMinute) / 60)
		}
		h = &habits{
			requests: rate.NewLimiter(requests, int(math.Ceil(2*l.limits.RequestsPerSecond))),
			records:  rate.NewLimiter(records, max(l.limits.RecordsPerMinute, store.MaxBatch)),
			minute:   now.Truncate(time.Minute),
		}
		l.people[caller] = h
	}
	h.last = now
	return h
}

func (l *limiter) forget() {
	oldest := ""
	for caller, h := range l.people {
		if oldest == "" || h.last.Before(l.people[oldest].last) {
			oldest = caller
		}
	}
	delete(l.people, oldest)
}

// request takes one request, or returns how long to wait.
func (l *limiter) request(caller string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return take(l.of(caller, now).requests, now, 1)
}

// records takes n records to read, or returns how long to wait. unusual says that the
// caller reads far above its own normal, once a minute.
func (l *limiter) records(caller string, now time.Time, n int) (wait time.Duration, unusual bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.of(caller, now)
	if wait := take(h.records, now, n); wait > 0 {
		return wait, false
	}
	return 0, h.read(now, float64(n))
}

// take returns 0 if the bucket had n, else how long it takes until it has.
func take(b *rate.Limiter, now time.Time, n int) time.Duration {
	if b.Limit() == rate.Inf {
		return 0
	}
	r := b.ReserveN(now, n)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// read counts records, and reports once a minute if they are far above the normal.
func (h *habits) read(now time.Time, n float64) bool {
	if minute := now.Truncate(time.Minute); minute.After(h.minute) {
		if h.count > 0 {
			h.learn()
		}
		h.minute, h.count, h.told = minute, 0, false
	}
	h.count += n
	if h.told || h.minutes < learning || h.count < unusualLeast || h.count < unusualFactor*h.normal {
		return false
	}
	h.told = true
	return true
}

func (h *habits) learn() {
	h.minutes++
	share := max(weight, 1/float64(h.minutes)) // a plain mean at first
	h.normal += share * (h.count - h.normal)
}

// limitRequests refuses a caller's requests beyond its limit.
func (s *Server) limitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := s.limits.request(accessOf(r.Context()).caller.Name, s.now()); wait > 0 {
			s.metrics.limited.Inc()
			w.Header().Set("Retry-After", seconds(wait))
			writeError(w, r, failTooMany(wait))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitRecords returns a failure if the caller has read as many records as it may. It
// is no entry: nothing was decided of a record, and refusals must not make the ledger grow.
func (s *Server) limitRecords(ctx context.Context, n int) *failure {
	a := accessOf(ctx)
	wait, unusual := s.limits.records(a.caller.Name, s.now(), n)
	if unusual {
		s.metrics.unusual.Inc()
		s.log.Warn().Str("caller", a.caller.Name).Str("request_id", a.requestID).
			Msg("a caller reads far more records than it does normally")
	}
	if wait > 0 {
		s.metrics.limited.Inc()
		_ = twirp.SetHTTPResponseHeader(ctx, "Retry-After", seconds(wait)) // the error tells it as well
		return failTooMany(wait)
	}
	return nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
