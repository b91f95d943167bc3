package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// unspoken is what a heading's anchor leaves out.
	unspoken = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks: what the pages link to in this tree is there, headings included.
func TestLinks(t *testing.T) {
	pages := 0
	for page, text := range markdown(t) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			target := page
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(page), found[1])
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, target)
			}
			if found[2] != "" && !anchors(readPage(t, target))[found[2]] {
				t.Errorf("%s links to %s#%s, which is no heading", page, target, found[2])
			}
		}
		pages++
	}
	if pages < 10 {
		t.Errorf("%d pages", pages)
	}
}

// quotedPath is a path in backticks. A word without a slash or an ending is a name of something else.
var quotedPath = regexp.MustCompile("`([a-z][a-zA-Z0-9_.-]*(?:/[a-zA-Z0-9_.-]+)+|[a-z][a-zA-Z0-9_-]*\\.(?:go|md|proto))`")

// TestArchitecturePaths: every file and folder that docs/architecture.md names is there.
func TestArchitecturePaths(t *testing.T) {
	named := quotedPath.FindAllStringSubmatch(readPage(t, "docs/architecture.md"), -1)
	if len(named) < 40 {
		t.Errorf("the page names %d paths only", len(named))
	}
	for _, path := range named {
		if _, err := os.Stat(filepath.Join("../..", path[1])); err != nil {
			t.Errorf("docs/architecture.md names %s, which is not there", path[1])
		}
	}
}

// markdown returns the tree's pages by their paths.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	err := fs.WalkDir(os.DirFS("../.."), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case filepath.Ext(path) == ".md":
			pages[path] = readPage(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// anchors are the names of a page's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		name := unspoken.ReplaceAllString(strings.ToLower(h[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}
