package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// Ban says what source may not name: a function or variable of a package, as
// os.Exit or fmt.Print* (the path of the import, not the name that a file gives
// it), or a method of anything, as .Reveal.
type Ban struct {
	Name string
	// Args narrows a ban to calls with that many arguments, for a method that shares its
	// name with others, as .Get; 0 is any number. A use that is not called, as a method
	// value, always counts.
	Args int
	// Except are the files, and with /... the folders, that may.
	Except []string
	// Tests says that test files may not either.
	Tests bool
}

// CheckBans returns the uses of what is banned, and the exceptions that nothing
// uses: what they once allowed must not come back unseen.
func (t Tree) CheckBans(bans []Ban) []string {
	var problems []string
	for _, b := range bans {
		used := make([]bool, len(b.Except))
		for _, p := range t.Packages {
			for _, f := range p.Files {
				if f.Test && !b.Tests || !b.usedIn(f) {
					continue
				}
				i := slices.IndexFunc(b.Except, func(e string) bool { return covers(e, f.Path) })
				if i < 0 {
					problems = append(problems, fmt.Sprintf("%s may not use %s", f.Path, b.Name))
					continue
				}
				used[i] = true
			}
		}
		for i, e := range b.Except {
			if !used[i] {
				problems = append(problems, fmt.Sprintf("%s may use %s and does not", e, b.Name))
			}
		}
	}
	return problems
}

// usedIn reports whether the file names what is banned. Whoever imports its
// package with a dot may do so without a trace: that counts as a use.
func (b Ban) usedIn(f File) bool {
	at := strings.LastIndex(b.Name, ".")
	from, name := b.Name[:at], b.Name[at+1:]
	local := f.imports[from]
	if from != "" && (local == "" || local == ".") {
		return local == "."
	}
	found := false
	var other ast.Expr // what a call with another number of arguments calls
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && b.Args > 0 && len(call.Args) != b.Args {
			other = call.Fun // it is visited next
		}
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || selector == other || !named(name, selector.Sel.Name) {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		// An identifier that resolves within the file is a variable, not an import:
		// all that this takes, without type-checking the module.
		found = found || from == "" || ok && x.Name == local && x.Obj == nil
		return true
	})
	return found
}

func named(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}
