package printable

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// formula finds where a spreadsheet may see the start of a formula: at the start of a cell, and behind
// what another reader takes for the end of one. The full-width signs count in some spreadsheets.
var formula = regexp.MustCompile(`(^|[;,\t\r\n])([\pZ\t]*)([=+@＝＋－＠-])`)

// WriteCSV writes rows as RFC 4180 has them, with line ends of one character. Every cell is quoted, a
// spreadsheet takes none for a formula, since a ' stands before its sign, and characters that are not visible are
// escaped as in [Text].
func WriteCSV(w io.Writer, rows [][]string) error {
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cell = Text(formula.ReplaceAllString(cell, "$1$2'$3"))
			cells[i] = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		if _, err := fmt.Fprintln(w, strings.Join(cells, ",")); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	return nil
}
