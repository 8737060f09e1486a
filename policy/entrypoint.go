package policy

import "strings"

// entrypoint names the set of violations of main.rego that holds a rule's when it is compiled: one for single resources, and
// one of the repository for each category, because what an evaluation keeps lasts as long as it.
func entrypoint(r *Rule) string {
	if r.Scope == ScopeRepository {
		category, _, _ := strings.Cut(r.Name, "/")
		return ScopeRepository + "_" + category
	}
	return ScopeResource
}
