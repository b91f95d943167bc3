package audit_test

import (
	"reflect"
	"testing"

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
