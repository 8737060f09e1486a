package flags

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// allSet ends the error of cobra about flags that exclude each other (flag_groups.go, validateExclusiveFlagGroups).
var allSet = lazyregexp.New(`; \[([^\]]+)\] were all set$`)

// Exclusive checks the flags of a command that exclude each other, and names those that were set together.
func Exclusive(c *cobra.Command) error {
	err := c.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	m := allSet.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	names := strings.Fields(m[1])
	last := len(names) - 1
	return errors.New("--" + strings.Join(names[:last], ", --") + " and --" + names[last] + " cannot be used together")
}
