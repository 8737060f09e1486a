package render

import (
	"errors"
	"testing"
)

// A panic of a function is reported without the text of the Go runtime.
func TestFaultOfFunction(t *testing.T) {
	f := parseFailure(errors.New(`template: a.yaml:1:3: executing "a.yaml" at <chunk 0 (list 1)>: error calling chunk: runtime error: integer divide by zero`))
	if want := "chunk: invalid arguments (integer divide by zero)"; f.message != want {
		t.Errorf("%q, want %q", f.message, want)
	}
}
