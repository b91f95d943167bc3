package archtest

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Imports in rules are written as they are in source, but with ./ for the
// module's own: ./audit, golang.org/x/mod/..., with /... for all below. Two words
// stand for more: std is the standard library without package testing, which
// would register its flags in the server; any is everything.

// Layer says what the packages that Package covers may import, tests apart.
type Layer struct {
	Package string
	May     []string
}

// Barrier says what none of the packages that From covers may reach, by whatever
// chain of the module's own packages. From is "./..." for all. With Tests it holds
// for the imports of test files as well.
type Barrier struct {
	From  string
	Never []string
	Tests bool
}

// CheckLayers returns what breaks the layers. Each package needs exactly one, and
// each layer a package: a rule about a package that was renamed would pass for ever.
func (t Tree) CheckLayers(layers []Layer) []string {
	var problems []string
	used := make([]bool, len(layers))
	for _, p := range t.Packages {
		if !slices.ContainsFunc(p.Files, func(f File) bool { return !f.Test }) {
			continue
		}
		var found []Layer
		for i, l := range layers {
			if covers(l.Package, p.Path) {
				used[i], found = true, append(found, l)
			}
		}
		if len(found) != 1 {
			problems = append(problems, fmt.Sprintf("%s: %d layers say what it may import, not one", p.Path, len(found)))
			continue
		}
		for _, imported := range t.imports(p, false) {
			if !anyMatches(found[0].May, imported) {
				problems = append(problems, fmt.Sprintf("%s may not import %s", p.Path, imported))
			}
		}
	}
	for i, l := range layers {
		if !used[i] {
			problems = append(problems, fmt.Sprintf("no package is %s, of which a layer speaks", l.Package))
		}
	}
	return problems
}

// CheckBarriers returns the chains that cross a barrier, and the barriers from or
// to packages of the module that do not exist.
func (t Tree) CheckBarriers(barriers []Barrier) []string {
	var problems []string
	for _, b := range barriers {
		for _, pattern := range append([]string{b.From}, b.Never...) {
			own := strings.HasPrefix(pattern, "./")
			if own && !slices.ContainsFunc(t.Packages, func(p Package) bool { return matches(pattern, "./"+p.Path) }) {
				problems = append(problems, fmt.Sprintf("no package is %s, of which a barrier speaks", pattern))
			}
		}
		for _, p := range t.Packages {
			if !matches(b.From, "./"+p.Path) || anyMatches(b.Never, "./"+p.Path) {
				continue
			}
			for _, chain := range t.reach(p, b.Tests) {
				first := slices.IndexFunc(chain, func(at string) bool { return anyMatches(b.Never, at) })
				if first == len(chain)-1 { // not behind another crossing
					problems = append(problems, strings.Join(chain, " -> "))
				}
			}
		}
	}
	return problems
}

// reach returns, for everything that p imports at any depth of the module, one
// shortest chain that leads there. Imports of tests count for p alone.
func (t Tree) reach(p Package, tests bool) [][]string {
	seen := map[string]bool{"./" + p.Path: true}
	queue := [][]string{{"./" + p.Path}}
	for i := 0; i < len(queue); i++ {
		last := queue[i][len(queue[i])-1]
		at := slices.IndexFunc(t.Packages, func(p Package) bool { return "./"+p.Path == last })
		if at < 0 {
			continue
		}
		for _, next := range t.imports(t.Packages[at], tests && i == 0) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, append(slices.Clone(queue[i]), next))
			}
		}
	}
	return queue[1:]
}

// imports returns what a package imports, sorted, as rules write it.
func (t Tree) imports(p Package, tests bool) []string {
	set := map[string]bool{}
	for _, f := range p.Files {
		if f.Test && !tests {
			continue
		}
		for name := range f.imports {
			if below, own := strings.CutPrefix(name, t.Module+"/"); own {
				name = "./" + below
			}
			set[name] = true
		}
	}
	list := make([]string, 0, len(set))
	for name := range set {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

func anyMatches(patterns []string, imported string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, imported) })
}

func matches(pattern, imported string) bool {
	switch pattern {
	case "any":
		return true
	case "std":
		first, _, _ := strings.Cut(imported, "/")
		return first != "testing" && first != "C" && !strings.Contains(first, ".")
	}
	return covers(pattern, imported)
}
