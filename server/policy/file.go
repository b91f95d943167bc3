package policy

import (
	"time"

	"github.com/piinguin/piinguin/internal/hotfile"
)

// File is the policy of a file that is read again when it changes. It is safe for
// concurrent use.
type File struct{ file *hotfile.Files[*Policy] }

// Open reads the policy of a file. A file that is broken, or not there, when it is read
// again leaves the policy as it was. report is told once of each change: nil that it was
// taken, or why it was not, with the line.
func Open(path string, now func() time.Time, report func(error)) (*File, error) {
	file, err := hotfile.Open(hotfile.Source[*Policy]{
		Paths: []string{path}, Now: now, Report: report,
		Parse: func(contents [][]byte) (*Policy, error) { return New(path, contents[0]) },
	})
	if err != nil {
		return nil, err
	}
	return &File{file}, nil
}

// Current implements Source: it returns the policy of the file as it is now.
func (f *File) Current() Decider { return f.file.Current() }
