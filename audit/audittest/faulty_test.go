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
	f := func(op string, n int) audittest.Fault {
		if n != 1 {
			t.Errorf("%s: call %d, want the first", op, n)
		}
		failed = append(failed, op)
		return audittest.Fault{Err: errFault}
	}
	for contract, faulty := range map[reflect.Type]any{
		reflect.TypeFor[audit.Store]():  audittest.NewFaulty(nil, f),
		reflect.TypeFor[audit.Leases](): audittest.NewFaultyLeases(nil, f),
	} {
		for m := range contract.Methods() {
			if err := callMethod(t.Context(), faulty, m); !errors.Is(err, errFault) {
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
