package env

import (
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

// Findings prints errors that a check has found, and returns the error that ends the command with their exit code; nil without any.
func (e *Env) Findings(errs ...error) error {
	var code error
	for _, err := range errs {
		if err != nil {
			e.PrintErrf("%s %v\n", e.Paint(ui.Red, "error:"), err)
			code = exitcode.Code(exitcode.Findings)
		}
	}
	return code
}
