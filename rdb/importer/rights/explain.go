package rights

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// explainRefused turns refusals into one error a cause.
func (ri *Rights) explainRefused(refused []refusal) (errs []error) {
	var unknown, denied, unsure, grants []string
	var other []redis.Error
	for _, r := range refused {
		name := r.name
		if r.or != "" {
			name += " or " + r.or
		}
		switch {
		case r.unknown:
			unknown = append(unknown, name)
		case r.unsure:
			unsure = append(unsure, name)
		case strings.Contains(string(r.reply), "permissions to access"): // not the command, but its key
			if !slices.Contains(other, r.reply) {
				other = append(other, r.reply)
			}
		default:
			denied = append(denied, name)
			grants = append(grants, "+"+strings.ToLower(strings.ReplaceAll(r.name, " ", "|")))
		}
	}
	denied, grants = slices.Compact(denied), slices.Compact(grants)
	unknown = slices.Compact(unknown)
	way := "choose another --method"
	only := func(name string) bool { return len(unknown) == 1 && unknown[0] == name }
	switch {
	case only("FLUSHDB"):
		way = "remove --flush"
	case only("FUNCTION RESTORE"):
		way = "exclude functions with --type"
	case ri.Dump.Tail != nil:
		way = "import the file into a separate empty server, and import from that server"
	case ri.Options.Method == plan.Replication:
		way = "remove --method replication"
	}
	if len(unknown) > 0 {
		errs = append(errs, fmt.Errorf("the target has no %s command (renamed or disabled), which the import requires; enable it, or %s", strings.Join(unknown, ", "), way))
	}
	if len(denied) > 0 {
		errs = append(errs, fmt.Errorf("the user has no permission to run %s, which the import requires; grant %s (ACL SETUSER), or use another user", strings.Join(denied, ", "), strings.Join(grants, " ")))
	}
	for _, reply := range other {
		errs = append(errs, fmt.Errorf("%w: keys are first written under names that begin with %q; grant ~%s*, or use another user", reply, plan.TemporaryPrefix, plan.TemporaryPrefix))
	}
	if len(unsure) > 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("cannot check whether the user may run %s, because neither ACL DRYRUN nor MULTI is permitted; grant +multi, or +acl|dryrun and +acl|whoami", strings.Join(unsure, ", ")))
	}
	return errs
}
