// Package resolve finds the Redis or the server that an argument of a command means: in the files of the repository, in a cluster, or
// by its URL.
package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

// Instance returns the one Redis of a repository that a name means.
func Instance(ctx context.Context, e *env.Env, in *env.Repository, name, namespace string) (_ *instance.Instance, err error) {
	ctx, end := e.LimitReading(ctx)
	defer end()
	defer func() { err = env.StopCause(ctx, err) }()
	r, err := instance.Open(ctx, in.Repo, in.Config)
	if err != nil {
		return nil, err
	}
	for _, running := range r.Running() {
		e.Debugf("operator %s %s, according to %s", running.Operator, running.Raw, running.Where)
	}
	found, err := r.Named(ctx, name)
	if err != nil {
		return nil, Skipped(e, r.Problems, err)
	}
	if namespace != "" {
		all := found
		found = slices.DeleteFunc(slices.Clone(all), func(in *instance.Instance) bool { return in.Namespace != namespace })
		if len(found) == 0 {
			return nil, fmt.Errorf("%q is in namespace %[3]s, not in %[2]q", name, namespace, namespaces(all))
		}
	}
	// One Redis for two clusters, as overlays have it, is reached alike.
	found = slices.CompactFunc(found, (*instance.Instance).ReachedAs)
	if len(found) > 1 {
		var lines []string
		for _, in := range found {
			lines = append(lines, fmt.Sprintf("  %s %s in namespace %q of application %q (%s)", in.Kind, in.Name, in.Namespace, in.Application, in.Where))
		}
		return nil, fmt.Errorf("%q matches %d Redis instances; pass one of these names, and --namespace if needed:\n%s", name, len(found), strings.Join(lines, "\n"))
	}
	e.Debugf("%s %s in %s", found[0].Kind, found[0].Name, found[0].Where)
	return found[0], nil
}

// Skipped prints what was broken on the way to an error: it may be why nothing was found.
func Skipped(e *env.Env, problems []*finding.Problem, err error) error {
	const most = 5
	if more := len(problems) - most; more > 0 {
		problems = append(problems[:most:most], &finding.Problem{Message: fmt.Sprintf("and %d more", more)})
	}
	for _, p := range problems {
		e.PrintErrf("%s skipped: %v\n", e.Paint(ui.Yellow, "note:"), p)
	}
	return err
}

func namespaces(all []*instance.Instance) string {
	var names []string
	for _, in := range all {
		if n := fmt.Sprintf("%q", in.Namespace); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}
