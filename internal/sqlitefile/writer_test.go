package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func newTestFile(t *testing.T) *File {
	t.Helper()
	f, err := Open(t.Context(), filepath.Join(t.TempDir(), "piinguin.db"), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestWritesReachTheDisk looks at the connections themselves: only a power cut would test
// the promise.
func TestWritesReachTheDisk(t *testing.T) {
	f := newTestFile(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "busy_timeout": "5000", "wal_autocheckpoint": "0", "temp_store": "2",
	} {
		if got, err := f.Pragma(t.Context(), pragma); err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", pragma, got, err, want)
		}
	}
	var synchronous int
	if _, err := (Reader{t.Context(), f.tidy}).First("PRAGMA synchronous", nil, &synchronous); err != nil || synchronous != 2 {
		t.Errorf("the checkpointer's synchronous = %d, %v; want 2", synchronous, err)
	}
}

// newTestJobs makes jobs that note that they ran.
func newTestJobs(ran *[]string) func(ctx context.Context, name string, then error) *job {
	return func(ctx context.Context, name string, then error) *job {
		run := func(w Writer) error {
			*ran = append(*ran, name)
			_, err := w.Exec(`INSERT INTO t VALUES (?)`, name)
			return errors.Join(err, then)
		}
		return &job{ctx: ctx, rows: 1, run: run, done: make(chan struct{})}
	}
}

// names returns what is in the table t.
func names(t *testing.T, f *File) (all []string) {
	t.Helper()
	err := f.Read(t.Context(), func(r Reader) error {
		return r.Each(`SELECT n FROM t ORDER BY rowid`, nil, func(scan Scan) error {
			var name string
			err := scan(&name)
			all = append(all, name)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func newTestTable(t *testing.T) *File {
	t.Helper()
	f := newTestFile(t)
	err := f.WritePage(t.Context(), func(w Writer) error {
		_, err := w.Exec(`CREATE TABLE t (n TEXT CHECK (n <> 'refused'))`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOneTransaction shares a transaction between a caller that has given up, a job that fails
// after its write, one that SQLite refuses, and two that succeed.
func TestOneTransaction(t *testing.T) {
	f := newTestTable(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var ran []string
	newJob := newTestJobs(&ran)
	errOwn := errors.New("the job's own")
	left, first, fails := newJob(gone, "left", nil), newJob(t.Context(), "first", nil), newJob(t.Context(), "fails", errOwn)
	refused, last := newJob(t.Context(), "refused", nil), newJob(t.Context(), "last", nil)
	f.commit([]*job{left, first, fails, refused, last})
	for _, j := range []*job{left, first, fails, refused, last} {
		<-j.done
	}
	if !errors.Is(left.err, context.Canceled) || first.err != nil || !errors.Is(fails.err, errOwn) || last.err != nil {
		t.Errorf("errors: %v, %v, %v, %v", left.err, first.err, fails.err, last.err)
	}
	var e *Error
	if !errors.As(refused.err, &e) || e.Code&primary != 19 {
		t.Errorf("the refused job: %v, want SQLite's error 19", refused.err)
	}
	if diff := cmp.Diff([]string{"first", "fails", "refused", "last"}, ran); diff != "" {
		t.Errorf("what ran (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"first", "last"}, names(t, f)); diff != "" {
		t.Errorf("what is there (-want +got):\n%s", diff)
	}
}

// TestJobAlone has a job fail after its write, with nobody beside it.
func TestJobAlone(t *testing.T) {
	f := newTestTable(t)
	var ran []string
	newJob := newTestJobs(&ran)
	errOwn := errors.New("the job's own")
	fails, next := newJob(t.Context(), "fails", errOwn), newJob(t.Context(), "next", nil)
	f.commit([]*job{fails})
	f.commit([]*job{next})
	if !errors.Is(fails.err, errOwn) || next.err != nil {
		t.Errorf("errors: %v, %v", fails.err, next.err)
	}
	if diff := cmp.Diff([]string{"next"}, names(t, f)); diff != "" {
		t.Errorf("what is there (-want +got):\n%s", diff)
	}
}

// TestFullDiskIsOneJobs has a job fill the disk. SQLite undoes the whole transaction then; the
// jobs beside it take effect all the same, once.
func TestFullDiskIsOneJobs(t *testing.T) {
	f := newTestTable(t)
	pages, err := f.Pragma(t.Context(), "page_count")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Pragma(t.Context(), fmt.Sprintf("max_page_count = %s", pages)); err != nil {
		t.Fatal(err)
	}
	var ran []string
	newJob := newTestJobs(&ran)
	first, last := newJob(t.Context(), "first", nil), newJob(t.Context(), "last", nil)
	fills := &job{ctx: t.Context(), rows: 1, done: make(chan struct{}), run: func(w Writer) error {
		_, err := w.Exec(`INSERT INTO t VALUES (hex(zeroblob(100000)))`)
		return err
	}}
	f.commit([]*job{first, fills, last})
	var e *Error
	if first.err != nil || last.err != nil || !errors.As(fills.err, &e) || e.Code != 13 {
		t.Errorf("errors: %v, %v, %v; want SQLite's error 13 of the second alone", first.err, fills.err, last.err)
	}
	if diff := cmp.Diff([]string{"first", "last"}, names(t, f)); diff != "" {
		t.Errorf("what is there (-want +got):\n%s", diff)
	}
}

// TestGather has jobs wait in a known order and looks at which ones share a transaction.
func TestGather(t *testing.T) {
	for range 20 { // a select takes any of several that are ready
		synctest.Test(t, func(t *testing.T) {
			f := &File{pages: make(chan *job), rows: make(chan *job), closing: make(chan struct{})}
			for _, j := range []*job{{rows: 1}, {rows: MaxRows - 2}, {rows: 2}} {
				go func() { f.rows <- j }()
				synctest.Wait()
			}
			for range 2 {
				go func() { f.pages <- &job{} }()
			}
			synctest.Wait()
			var left *job
			for _, want := range [][]int{{0, 1, MaxRows - 2}, {0, 2}} {
				jobs, after := f.gather(left)
				left = after
				var got []int
				for _, j := range jobs {
					got = append(got, j.rows)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("rows of the jobs of a transaction, 0 is a page (-want +got):\n%s", diff)
				}
			}
			close(f.closing)
			if jobs, _ := f.gather(nil); jobs != nil {
				t.Errorf("%d jobs after Close", len(jobs))
			}
		})
	}
}
