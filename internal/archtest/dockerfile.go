package archtest

import (
	"fmt"
	"path"
	"strings"
)

// Stage is one FROM of a Dockerfile and what follows it.
type Stage struct {
	From, As     string
	Instructions []Instruction
}

// Instruction is one line of a Dockerfile below its FROM, continuation lines joined.
type Instruction struct {
	Name  string            // in upper case
	Flags map[string]string // --from=build is from: build
	Text  string            // what follows the flags
}

// ParseDockerfile reads what Piinguin's Dockerfile is written in: no parser
// directives, no here-documents, no build arguments before the first FROM.
func ParseDockerfile(text string) ([]Stage, error) {
	var stages []Stage
	for _, line := range strings.Split(joinLines(text), "\n") {
		name, rest, _ := strings.Cut(line, " ")
		name = strings.ToUpper(name)
		if name == "FROM" {
			words := strings.Fields(rest)
			switch {
			case len(words) == 1:
				stages = append(stages, Stage{From: words[0]})
			case len(words) == 3 && strings.EqualFold(words[1], "AS"):
				stages = append(stages, Stage{From: words[0], As: words[2]})
			default:
				return nil, fmt.Errorf("archtest: not understood: %s", line)
			}
			continue
		}
		if len(stages) == 0 {
			return nil, fmt.Errorf("archtest: %s before the first FROM", name)
		}
		last := &stages[len(stages)-1]
		last.Instructions = append(last.Instructions, instruction(name, rest))
	}
	return stages, nil
}

// joinLines drops comments and empty lines, and joins continued ones.
func joinLines(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\\\n", "")
}

func instruction(name, rest string) Instruction {
	i := Instruction{Name: name, Flags: map[string]string{}}
	for strings.HasPrefix(rest, "--") {
		flag, after, _ := strings.Cut(rest, " ")
		key, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		i.Flags[key], rest = value, strings.TrimSpace(after)
	}
	i.Text = rest
	return i
}

// Ignore is a .dockerignore: the last of its patterns that matches decides.
type Ignore []string

// ParseIgnore reads a .dockerignore.
func ParseIgnore(text string) Ignore {
	var patterns Ignore
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, line)
		}
	}
	return patterns
}

// Excludes reports whether a file or folder, by its path with slashes below the
// build context, stays out of it. A pattern that matches a folder matches all in it.
func (ig Ignore) Excludes(name string) bool {
	out := false
	for _, pattern := range ig {
		pattern, back := strings.CutPrefix(pattern, "!")
		for at := name; at != "."; at = path.Dir(at) {
			if ignoreMatches(strings.Split(path.Clean(pattern), "/"), strings.Split(at, "/")) {
				out = !back
				break
			}
		}
	}
	return out
}

// ignoreMatches matches segment by segment; ** stands for any number of them.
func ignoreMatches(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return len(name) == 0
	case pattern[0] == "**":
		return ignoreMatches(pattern[1:], name) || len(name) > 0 && ignoreMatches(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	same, err := path.Match(pattern[0], name[0])
	return err == nil && same && ignoreMatches(pattern[1:], name[1:])
}
