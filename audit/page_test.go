package audit_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/piinguin/piinguin/audit"
)

// TestPageIsAValue holds that no part of a page is a function, a channel or an interface: such a page
// could not be compared, and would depend on the driver that read it.
func TestPageIsAValue(t *testing.T) {
	var look func(path string, of reflect.Type)
	look = func(path string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
			t.Errorf("%s is a %s", path, of.Kind())
		case reflect.Slice, reflect.Array, reflect.Pointer:
			look(path+"[]", of.Elem())
		case reflect.Struct:
			if of.PkgPath() == "time" { // a value by its package's promise
				return
			}
			for i := range of.NumField() {
				look(path+"."+of.Field(i).Name, of.Field(i).Type)
			}
		}
	}
	look("Page", reflect.TypeFor[audit.Page]())
}

// TestColumns holds that Verify compares every column beside a line with the line.
func TestColumns(t *testing.T) {
	m := newFilled(t, 1)
	pages := m.RawPages("piinguin-1")
	for i := range reflect.TypeFor[audit.Columns]().NumField() {
		changed := append([]audit.Page(nil), pages...)
		entries, err := changed[2].Entries()
		if err != nil {
			t.Fatal(err)
		}
		beside := []audit.Columns{entries[0].Columns(), entries[1].Columns()}
		changed[2].Beside = beside
		m.SetRawPages("piinguin-1", changed)
		mustBeWhole(t, m)
		reflect.ValueOf(&beside[1]).Elem().Field(i).SetString("changed")
		name := reflect.TypeFor[audit.Columns]().Field(i).Name
		if diff := cmp.Diff([]string{audit.EntryRow("piinguin-1", 4)}, rows(mustVerify(t, m, nil))); diff != "" {
			t.Errorf("%s was changed: findings (-want +got):\n%s", name, diff)
		}
		changed[2].Beside = beside[:1]
		m.SetRawPages("piinguin-1", changed)
		if diff := cmp.Diff([]string{audit.PageRow("piinguin-1", 2)}, rows(mustVerify(t, m, nil))); diff != "" {
			t.Errorf("columns of one line only: findings (-want +got):\n%s", diff)
		}
		m.SetRawPages("piinguin-1", pages)
	}
	if diff := cmp.Diff(pages, m.RawPages("piinguin-1"), cmpopts.IgnoreUnexported(audit.Page{})); diff != "" {
		t.Errorf("the pages changed (-want +got):\n%s", diff)
	}
}
