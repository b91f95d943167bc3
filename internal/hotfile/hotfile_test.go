package hotfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/hotfile"
)

var errParse = errors.New("not parsed")

// kept is a file that a test changes, its value, and what was reported.
type kept struct {
	path    string
	now     time.Time
	files   *hotfile.Files[string]
	reports []string
}

func newTestKept(t *testing.T, text string) *kept {
	t.Helper()
	k := &kept{path: filepath.Join(t.TempDir(), "file"), now: time.Now()}
	k.write(t, text)
	var err error
	k.files, err = hotfile.Open(k.source(k.path))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) source(paths ...string) hotfile.Source[string] {
	return hotfile.Source[string]{
		Paths: paths, Now: func() time.Time { return k.now },
		Parse: func(contents [][]byte) (string, error) {
			text := ""
			for _, c := range contents {
				text += string(c)
			}
			if strings.Contains(text, "broken") {
				return "", errParse
			}
			return text, nil
		},
		Report: func(err error) {
			said := "taken"
			if err != nil {
				said = err.Error()
			}
			k.reports = append(k.reports, said)
		},
	}
}

// write changes the file in its place.
func (k *kept) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(k.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (k *kept) date(t *testing.T, at time.Time) {
	t.Helper()
	if err := os.Chtimes(k.path, at, at); err != nil {
		t.Fatal(err)
	}
}

// later lets time pass and expects the value and all that was reported.
func (k *kept) later(t *testing.T, d time.Duration, want string, reports ...string) {
	t.Helper()
	k.now = k.now.Add(d)
	if have := k.files.Current(); have != want {
		t.Errorf("the value is %q, want %q", have, want)
	}
	if diff := cmp.Diff(reports, k.reports); diff != "" {
		t.Errorf("reports (-want +have):\n%s", diff)
	}
}

func TestAChangeIsTakenWithinASecond(t *testing.T) {
	k := newTestKept(t, "one")
	k.write(t, "two")
	k.later(t, time.Second-1, "one")
	k.later(t, 1, "two", "taken")
	k.later(t, time.Hour, "two", "taken")
	if err := os.WriteFile(k.path+".new", []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(k.path+".new", k.path); err != nil {
		t.Fatal(err)
	}
	k.later(t, time.Second, "three", "taken", "taken")
	k.write(t, "four")
	k.later(t, -time.Hour, "four", "taken", "taken", "taken") // the clock was set back
}

func TestABrokenFileIsReportedOnce(t *testing.T) {
	k := newTestKept(t, "one")
	k.write(t, "broken")
	k.later(t, time.Second, "one", "not parsed")
	k.later(t, time.Second, "one", "not parsed")
	k.write(t, "broken")
	k.later(t, time.Second, "one", "not parsed")
	if err := os.Remove(k.path); err != nil {
		t.Fatal(err)
	}
	k.later(t, time.Second, "one", "not parsed", "the file is not there")
	k.later(t, time.Second, "one", "not parsed", "the file is not there")
	k.write(t, "one")
	k.later(t, time.Second, "one", "not parsed", "the file is not there", "taken")
}

// A second change of the same size within one tick of the file system's clock shows
// neither in size nor in time.
func TestAChangeWithinOneTickIsSeen(t *testing.T) {
	k := newTestKept(t, "one")
	k.later(t, time.Hour, "one")
	tick := k.now
	k.write(t, "two")
	k.date(t, tick)
	k.later(t, time.Second, "two", "taken")
	k.write(t, "six")
	k.date(t, tick)
	k.later(t, time.Second, "six", "taken", "taken")
}

func TestAFileThatIsSettledIsNotReadAgain(t *testing.T) {
	k := newTestKept(t, "one")
	past := k.now.Add(-time.Hour)
	k.date(t, past)
	k.later(t, time.Second, "one")
	k.write(t, "two")
	k.date(t, past) // hides the change, to show that the file is not read
	k.later(t, time.Second, "one")
	k.date(t, past.Add(1))
	k.later(t, time.Second, "two", "taken")
}

func TestTwoFilesAreOneValue(t *testing.T) {
	k := newTestKept(t, "one ")
	other := &kept{path: k.path + "-2"}
	other.write(t, "two")
	files, err := hotfile.Open(k.source(k.path, other.path))
	if err != nil {
		t.Fatal(err)
	}
	k.files = files
	k.later(t, time.Second, "one two")
	other.write(t, "broken")
	k.later(t, time.Second, "one two", "not parsed")
	k.write(t, "1 ")
	k.later(t, time.Second, "one two", "not parsed", "not parsed")
	other.write(t, "2")
	k.later(t, time.Second, "1 2", "not parsed", "not parsed", "taken")
}

func TestOpenRefuses(t *testing.T) {
	k := &kept{path: filepath.Join(t.TempDir(), "file")}
	_, err := hotfile.Open(k.source(k.path))
	wantIs(t, err, hotfile.ErrNotThere)
	_, err = hotfile.Open(k.source(filepath.Dir(k.path)))
	wantIs(t, err, hotfile.ErrIrregular)
	k.write(t, "broken")
	_, err = hotfile.Open(k.source(k.path))
	wantIs(t, err, errParse)
	k.write(t, strings.Repeat("x", 4<<20+1))
	_, err = hotfile.Open(k.source(k.path))
	wantIs(t, err, hotfile.ErrTooLarge)
	if k.reports != nil {
		t.Errorf("Open reported %v", k.reports)
	}
}

func wantIs(t *testing.T, have, want error) {
	t.Helper()
	if !errors.Is(have, want) {
		t.Errorf("error %v, want %v", have, want)
	}
}
