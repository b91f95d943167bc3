package archtest_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/piinguin/piinguin/internal/archtest"
)

// newTestTree loads a module m with the given files.
func newTestTree(t *testing.T, files map[string]string) archtest.Tree {
	t.Helper()
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.com/m\n")}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := archtest.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func wantProblems(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestCheckLayers(t *testing.T) {
	std := archtest.Layer{Package: "a", May: []string{"std"}}
	for name, test := range map[string]struct {
		files  map[string]string
		layers []archtest.Layer
		want   []string
	}{
		"std is allowed": {
			files: map[string]string{"a/a.go": `package a; import ("net/http"; _ "fmt")`}, layers: []archtest.Layer{std},
		},
		"a third party is not std": {
			files:  map[string]string{"a/a.go": `package a; import "example.org/x"`},
			layers: []archtest.Layer{std}, want: []string{"a may not import example.org/x"},
		},
		"package testing is not std": {
			files:  map[string]string{"a/a.go": `package a; import "testing/iotest"`},
			layers: []archtest.Layer{std}, want: []string{"a may not import testing/iotest"},
		},
		"the own module is not std": {
			files:  map[string]string{"a/a.go": `package a; import b "example.com/m/b"`},
			layers: []archtest.Layer{std}, want: []string{"a may not import ./b"},
		},
		"a subtree, and what begins alike": {
			files:  map[string]string{"a/a.go": `package a; import ("example.org/x/y"; "example.org/xyz")`},
			layers: []archtest.Layer{{Package: "a", May: []string{"example.org/x/..."}}},
			want:   []string{"a may not import example.org/xyz"},
		},
		"a file of another system counts": {
			files:  map[string]string{"a/a_windows.go": "//go:build windows\n\npackage a; import \"example.org/x\""},
			layers: []archtest.Layer{std}, want: []string{"a may not import example.org/x"},
		},
		"tests import what they like": {
			files:  map[string]string{"a/a.go": "package a", "a/a_test.go": `package a; import "example.org/x"`},
			layers: []archtest.Layer{std},
		},
		"a package without a layer": {
			files:  map[string]string{"a/a.go": "package a", "b/b.go": "package b"},
			layers: []archtest.Layer{std}, want: []string{"b: 0 layers say what it may import, not one"},
		},
		"a package of two layers": {
			files:  map[string]string{"a/a.go": "package a"},
			layers: []archtest.Layer{std, {Package: "a/...", May: []string{"any"}}},
			want:   []string{"a: 2 layers say what it may import, not one"},
		},
		"a layer without a package": {
			files:  map[string]string{"a/a.go": "package a"},
			layers: []archtest.Layer{std, {Package: "gone"}},
			want:   []string{"no package is gone, of which a layer speaks"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblems(t, newTestTree(t, test.files).CheckLayers(test.layers), test.want...)
		})
	}
}

func TestCheckBarriers(t *testing.T) {
	tree := newTestTree(t, map[string]string{
		"a/a.go":              `package a; import "example.com/m/b"`,
		"a/a_test.go":         `package a; import "example.com/m/cmd/x"`,
		"b/b.go":              `package b; import "example.com/m/c"`,
		"b/b_test.go":         `package b; import "example.org/fromtest"`,
		"c/c.go":              `package c; import "example.org/engine/v2"`,
		"cmd/x/x.go":          `package main; import "example.com/m/cmd/internal/y"`,
		"cmd/internal/y/y.go": `package y`,
	})
	for name, test := range map[string]struct {
		barrier archtest.Barrier
		want    []string
	}{
		"far away": {
			archtest.Barrier{From: "./a", Never: []string{"example.org/engine/..."}},
			[]string{"./a -> ./b -> ./c -> example.org/engine/v2"},
		},
		"near":                   {archtest.Barrier{From: "./a", Never: []string{"./b"}}, []string{"./a -> ./b"}},
		"not that way round":     {archtest.Barrier{From: "./c", Never: []string{"./a", "./b"}}, nil},
		"a test's import":        {archtest.Barrier{From: "./...", Never: []string{"./cmd/..."}, Tests: true}, []string{"./a -> ./cmd/x"}},
		"tests left out":         {archtest.Barrier{From: "./...", Never: []string{"./cmd/..."}}, nil},
		"another package's test": {archtest.Barrier{From: "./a", Never: []string{"example.org/fromtest"}, Tests: true}, nil},
		"nothing to keep from":   {archtest.Barrier{From: "./a", Never: []string{"./gone"}}, []string{"no package is ./gone, of which a barrier speaks"}},
		"nobody to keep":         {archtest.Barrier{From: "./gone", Never: []string{"os"}}, []string{"no package is ./gone, of which a barrier speaks"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblems(t, tree.CheckBarriers([]archtest.Barrier{test.barrier}), test.want...)
		})
	}
}

func TestCheckBans(t *testing.T) {
	exit := archtest.Ban{Name: "os.Exit"}
	for name, test := range map[string]struct {
		text string
		ban  archtest.Ban
		want []string
	}{
		"a call":            {`import "os"; func f() { os.Exit(1) }`, exit, []string{"a/a.go may not use os.Exit"}},
		"a value":           {`import "os"; var f = os.Exit`, exit, []string{"a/a.go may not use os.Exit"}},
		"another name":      {`import sys "os"; func f() { sys.Exit(1) }`, exit, []string{"a/a.go may not use os.Exit"}},
		"a dot import":      {`import . "os"; func f() { Exit(1) }`, exit, []string{"a/a.go may not use os.Exit"}},
		"a variable":        {`import _ "os"; func f(os t) { os.Exit(1) }`, exit, nil},
		"a shadowed import": {`import "os"; func f(os t) { os.Exit(1) }`, exit, nil},
		"another function":  {`import "os"; func f() { os.Getpid() }`, exit, nil},
		"another package":   {`import os "example.org/os"; func f() { os.Exit(1) }`, exit, nil},
		"a prefix": {
			`import "fmt"; func f() { fmt.Printf("") }`, archtest.Ban{Name: "fmt.Print*"},
			[]string{"a/a.go may not use fmt.Print*"},
		},
		"not the prefix": {`import "fmt"; func f() { fmt.Fprintf(nil, "") }`, archtest.Ban{Name: "fmt.Print*"}, nil},
		"a path with dots": {
			`import "example.org/v.2/mm"; var f = mm.MarshalMap`, archtest.Ban{Name: "example.org/v.2/mm.Marshal*"},
			[]string{"a/a.go may not use example.org/v.2/mm.Marshal*"},
		},
		"a method":       {`func f(o t) string { return o.g().Reveal() }`, archtest.Ban{Name: ".Reveal"}, []string{"a/a.go may not use .Reveal"}},
		"a method value": {`func f(o t) func() string { return o.Reveal }`, archtest.Ban{Name: ".Reveal"}, []string{"a/a.go may not use .Reveal"}},
		"a method with arguments": {
			`func f(s t) { s.Get(1, 2) }`, archtest.Ban{Name: ".Get", Args: 2}, []string{"a/a.go may not use .Get"},
		},
		"a method with other arguments": {`func f(s t) { s.Get(1); s.g(s.Get()) }`, archtest.Ban{Name: ".Get", Args: 2}, nil},
		"a call in another call": {
			`func f(s t) { s.Get(s.Get(1, 2)) }`, archtest.Ban{Name: ".Get", Args: 2}, []string{"a/a.go may not use .Get"},
		},
		"a method value of any call": {
			`func f(s t) any { return s.Get }`, archtest.Ban{Name: ".Get", Args: 2}, []string{"a/a.go may not use .Get"},
		},
		"its declaration": {`func (o t) Reveal() string { return "" }`, archtest.Ban{Name: ".Reveal"}, nil},
		"an exception":    {`import "os"; func f() { os.Exit(1) }`, archtest.Ban{Name: "os.Exit", Except: []string{"a/a.go"}}, nil},
		"a stale exception": {
			`import "os"; func f() { os.Getpid() }`, archtest.Ban{Name: "os.Exit", Except: []string{"a/a.go"}},
			[]string{"a/a.go may use os.Exit and does not"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := newTestTree(t, map[string]string{"a/a.go": "package a; " + test.text})
			wantProblems(t, tree.CheckBans([]archtest.Ban{test.ban}), test.want...)
		})
	}
}

func TestBansInTests(t *testing.T) {
	tree := newTestTree(t, map[string]string{"a/a_test.go": `package a; import "os"; func f() { os.Exit(1) }`})
	wantProblems(t, tree.CheckBans([]archtest.Ban{{Name: "os.Exit"}}))
	wantProblems(t, tree.CheckBans([]archtest.Ban{{Name: "os.Exit", Tests: true}}), "a/a_test.go may not use os.Exit")
}

func TestLoadLeavesOut(t *testing.T) {
	tree := newTestTree(t, map[string]string{
		"a/a.go": "package a", "a/testdata/t.go": "package t", ".cache/c.go": "package c", "_old/o.go": "not go", "a/.#a.go": "not go",
	})
	if len(tree.Packages) != 1 || len(tree.Packages[0].Files) != 1 {
		t.Errorf("packages: %+v, want a with one file", tree.Packages)
	}
}
