package identity

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// eachLine hands the fields of each line to parse, but for lines that are empty or
// begin with #. A byte order mark, which some editors put first, is passed over. Errors name the line, never what it holds.
func eachLine(r io.Reader, file string, parse func(fields []string) error) error {
	lines := bufio.NewScanner(r)
	n := 1
	for ; lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := parse(strings.Fields(line)); err != nil {
			return fmt.Errorf("identity: %s line %d: %w", file, n, err)
		}
	}
	if lines.Err() != nil {
		return fmt.Errorf("identity: %s line %d: it is too long or cannot be read", file, n)
	}
	return nil
}
