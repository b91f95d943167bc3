package audittest_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/piinguin/piinguin/audit"
	"github.com/piinguin/piinguin/audit/audittest"
)

var errFault = errors.New("the fault")

// TestFaultyFailsEveryMethod calls each method of the interfaces by reflection, so that a method
// that is new in them cannot be forgotten. The inner store is nil: a call that got through would
// panic.
func TestFaultyFailsEveryMethod(t *testing.T) {
	var failed []string
	f := func(op string, _ int) audittest.Fault {
		failed = append(failed, op)
		return audittest.Fault{Err: errFault}
	}
	store := audittest.NewFaulty(nil, f)
	for _, c := range []struct {
		contract reflect.Type
		faulty   any
	}{
		{reflect.TypeFor[audit.Store](), store},
		{reflect.TypeFor[audit.Reader](), store.Reviews()},
		{reflect.TypeFor[audit.Leases](), audittest.NewFaultyLeases(nil, f)},
	} {
		failed = nil
		for m := range c.contract.Methods() {
			if m.Name == "Reviews" { // it calls nothing, and the Reader that it returns is the next contract
				continue
			}
			if err := callMethod(t.Context(), c.faulty, m); !errors.Is(err, errFault) {
				t.Errorf("%s: %v, want the fault", m.Name, err)
			}
			if !slices.Contains(failed, m.Name) {
				t.Errorf("%s asked for the fault of another operation; asked for were %v", m.Name, failed)
			}
		}
	}
}

// callMethod calls a method with a context and zero values, and returns its error. The error of an
// iterator is the first one that it yields.
func callMethod(ctx context.Context, of any, m reflect.Method) error {
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < m.Type.NumIn(); i++ {
		args = append(args, reflect.Zero(m.Type.In(i)))
	}
	out := reflect.ValueOf(of).MethodByName(m.Name).Call(args)
	last := out[len(out)-1]
	if last.Kind() == reflect.Func {
		for _, err := range last.Seq2() {
			last = err
			break
		}
	}
	err, _ := last.Interface().(error)
	return err
}
