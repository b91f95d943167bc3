// Package archtest holds the architecture: which package may import which, which
// calls may be made where, and what the image is built from. The checks read
// source in the process of the test itself, so that go test knows which files a
// cached result rests on. The rules are in this package's tests.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// Tree is the source of a module.
type Tree struct {
	Module   string
	Packages []Package // sorted by path
}

// Package is a folder with Go files, its tests included.
type Package struct {
	Path  string // below the module's root, with slashes; "." is the root
	Files []File
}

// File is one Go file, whatever its build constraints say.
type File struct {
	Path string // below the module's root, with slashes
	Test bool
	// imports has each import path once, and the name that the file gives it.
	imports map[string]string
	syntax  *ast.File
}

// Load parses every Go file below root, which holds a go.mod. It leaves out what
// the go command leaves out: testdata and names that begin with a dot or _.
func Load(root fs.FS) (Tree, error) {
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return Tree{}, err
	}
	t := Tree{Module: modfile.ModulePath(mod)}
	if t.Module == "" {
		return Tree{}, fmt.Errorf("archtest: go.mod names no module")
	}
	packages := map[string]*Package{}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && ignored(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || ignored(entry.Name()):
			return nil
		}
		file, err := parse(root, name)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if packages[dir] == nil {
			packages[dir] = &Package{Path: dir}
		}
		packages[dir].Files = append(packages[dir].Files, file)
		return nil
	})
	for _, p := range packages {
		t.Packages = append(t.Packages, *p)
	}
	sort.Slice(t.Packages, func(i, j int) bool { return t.Packages[i].Path < t.Packages[j].Path })
	return t, err
}

func ignored(name string) bool {
	return name == "testdata" || name == "vendor" || name != "." && strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func parse(root fs.FS, name string) (File, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return File{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		return File{}, err
	}
	f := File{Path: name, Test: strings.HasSuffix(name, "_test.go"), imports: map[string]string{}, syntax: syntax}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return File{}, err
		}
		f.imports[imported] = path.Base(imported)
		if spec.Name != nil {
			f.imports[imported] = spec.Name.Name
		}
	}
	return f, nil
}

// covers reports whether pattern is name, or ends in /... and is above it.
func covers(pattern, name string) bool {
	above, subtree := strings.CutSuffix(pattern, "/...")
	return name == above || subtree && strings.HasPrefix(name, above+"/")
}
