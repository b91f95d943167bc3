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

	piinguinv1 "github.com/piinguin/piinguin/rpc/piinguin/v1"
)

// Limits bounds what one caller may do; 0 is no limit. Bursts: two seconds' worth of requests,
// and the records of one minute or of one batch, whichever is more.
type Limits struct {
	RequestsPerSecond float64 // at most MaxRequestsPerSecond
	RecordsPerMinute  int     // records that are read
}

// MaxRequestsPerSecond is far above what a server can answer. More would be a mistake, such as +Inf.
const MaxRequestsPerSecond = 1_000_000

// valid is false for NaN too, which would be no limit.
func (l Limits) valid() bool {
	return l.RequestsPerSecond >= 0 && l.RequestsPerSecond <= MaxRequestsPerSecond && l.RecordsPerMinute >= 0
}

// maxCallers bounds how many callers a limiter remembers.
const maxCallers = 10_000

// limiter knows each caller's buckets and its normal reading. It is safe for concurrent use, and no caller waits
// for another one.
type limiter struct {
	limits Limits
	mu     sync.RWMutex // held to write only when a caller is new, or comes back
	// Callers by policy.Caller.Principal. When young has half of all that are remembered it becomes old, and the old ones, who
	// have not called meanwhile, are forgotten.
	young, old map[string]*usage
}

// usage is what is known of one caller.
type usage struct {
	requests *rate.Limiter
	records  *rate.Limiter

	mu      sync.Mutex
	reading reading
}

func newLimiter(l Limits) *limiter { return &limiter{limits: l, young: map[string]*usage{}} }

// usageOf returns the usage of a caller.
func (l *limiter) usageOf(caller string, now time.Time) *usage {
	l.mu.RLock()
	u, known := l.young[caller]
	l.mu.RUnlock()
	if known {
		return u
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if u, known = l.young[caller]; known {
		return u
	}
	if u, known = l.old[caller]; !known {
		u = l.newUsage(now)
	}
	if len(l.young) == maxCallers/2 {
		l.young, l.old = map[string]*usage{}, l.young
	}
	l.young[caller] = u
	return u
}

func (l *limiter) newUsage(now time.Time) *usage {
	requests, records := rate.Inf, rate.Inf
	if l.limits.RequestsPerSecond > 0 {
		requests = rate.Limit(l.limits.RequestsPerSecond)
	}
	if l.limits.RecordsPerMinute > 0 {
		records = rate.Limit(float64(l.limits.RecordsPerMinute) / 60)
	}
	return &usage{
		requests: rate.NewLimiter(requests, int(math.Ceil(2*l.limits.RequestsPerSecond))),
		records:  rate.NewLimiter(records, max(l.limits.RecordsPerMinute, piinguinv1.MaxBatch)),
		reading:  reading{minute: now.Truncate(time.Minute)},
	}
}

// request takes one request, or returns how long to wait.
func (l *limiter) request(caller string, now time.Time) time.Duration {
	return take(l.usageOf(caller, now).requests, now, 1)
}

// records takes n records to read, or returns how long to wait. unusual says that the caller
// reads far above its own normal, once a minute.
func (l *limiter) records(caller string, now time.Time, n int) (wait time.Duration, unusual bool) {
	u := l.usageOf(caller, now)
	if wait := take(u.records, now, n); wait > 0 {
		return wait, false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return 0, u.reading.add(now, float64(n))
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

// limitRequests refuses a caller's requests beyond its limit.
func (s *Server) limitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := s.limitRequest(r.Context()); f != nil {
			writeError(w, r, f)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limitRequest returns a failure if the caller makes more requests than it may.
func (s *Server) limitRequest(ctx context.Context) *failure {
	wait := s.limits.request(accessOf(ctx).principal, s.now())
	if wait == 0 {
		return nil
	}
	s.metrics.limited.Inc()
	return failTooMany(wait)
}

// limitRecords returns a failure if the caller has read as many records as it may. The refusal
// is no entry: nothing was decided about a record, and refusals must not make the ledger grow.
func (s *Server) limitRecords(ctx context.Context, n int) *failure {
	a := accessOf(ctx)
	wait, unusual := s.limits.records(a.principal, s.now(), n)
	if unusual {
		s.metrics.unusual.Inc()
		s.log.Warn().Str("caller", a.caller.Name).Str("request_id", a.requestID).
			Msg("a caller reads far more records than it does normally")
	}
	if wait > 0 {
		s.metrics.limited.Inc()
		_ = twirp.SetHTTPResponseHeader(ctx, "Retry-After", seconds(wait)) // the error says it too
		return failTooMany(wait)
	}
	return nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
