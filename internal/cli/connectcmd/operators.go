package connectcmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

const operatorsHelp = `List the Redis operators that the repository uses: what it installs, and what its
Redis instances belong to. For each, the version and the file that states it,
the number of instances, whether the operator is maintained, and what moving to
another one takes. Where forks share a kind and the repository does not show which
one runs, the others are named too.

Redis without an operator is listed as workload, the template of Reclaim the
Stack as reclaim, and a Helm chart that the repository only refers to by the name
of its publisher, such as bitnami.

Exit codes: 0 listed, also if there is none; 2 the repository could not be read.

Examples:
  redis-gitops operators
  redis-gitops operators --output json`

// operatorsOptions are those of operators.
type operatorsOptions struct {
	*env.Env
	output string
}

func newOperators(e *env.Env) *cobra.Command {
	o := &operatorsOptions{Env: e}
	c := &cobra.Command{
		Use:   "operators",
		Short: "List the Redis operators that the repository uses",
		Long:  operatorsHelp,
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	flags.AddOutput(c, &o.output, "text", "json")
	return c
}

// usedOperator is an operator that a repository uses. The names of the fields are those of the JSON.
type usedOperator struct {
	Operator  string   `json:"operator"`
	Version   string   `json:"version"`   // as the repository states it; "" for unknown
	Installed []string `json:"installed"` // file:line of what installs it
	Instances []string `json:"instances"` // Kind/name
	Perhaps   []string `json:"perhaps"`   // other operators of the same kind: nothing in the repository says which one runs
	cue.Status
}

// described is the status as a sentence.
func (u *usedOperator) described() string {
	state := u.State
	switch {
	case state == "none":
		return u.Note
	case u.Since != "":
		state += " since " + u.Since
	}
	return state + " (as of " + u.Seen + "); " + u.Note
}

func (o *operatorsOptions) run(ctx context.Context) (err error) {
	ctx, end := o.LimitReading(ctx)
	defer end()
	defer func() { err = env.StopCause(ctx, err) }()
	in, err := o.Open(ctx, false)
	if err != nil {
		return err
	}
	defer in.FS.Close()
	r, err := instance.Open(ctx, in.Repo, in.Config)
	if err != nil {
		return err
	}
	found, err := r.All(ctx)
	if err != nil {
		return resolve.Skipped(o.Env, r.Problems, err)
	}
	used, err := usedOperators(r.Running(), found)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.JSON(used)
	}
	return o.print(used)
}

func usedOperators(running []instance.Running, found []*instance.Instance) ([]*usedOperator, error) {
	used := []*usedOperator{}
	of := func(name string) (*usedOperator, error) {
		if i := slices.IndexFunc(used, func(u *usedOperator) bool { return u.Operator == name }); i >= 0 {
			return used[i], nil
		}
		operator, err := cue.OperatorNamed(name)
		if err != nil {
			return nil, err
		}
		u := &usedOperator{Operator: name, Installed: []string{}, Instances: []string{}, Perhaps: []string{}, Status: operator.Status()}
		used = append(used, u)
		return u, nil
	}
	for _, i := range running {
		u, err := of(i.Operator)
		if err != nil {
			return nil, err
		}
		if u.Version == "" {
			u.Version = i.Raw
		}
		if !slices.Contains(u.Installed, i.Where) {
			u.Installed = append(u.Installed, i.Where)
		}
	}
	for _, in := range found {
		u, err := of(in.Operator)
		if err != nil {
			return nil, err
		}
		u.Instances = append(u.Instances, in.Kind+"/"+in.Name)
		for _, other := range in.Perhaps {
			if !slices.Contains(u.Perhaps, other) {
				u.Perhaps = append(u.Perhaps, other)
			}
		}
	}
	slices.SortFunc(used, func(a, b *usedOperator) int { return strings.Compare(a.Operator, b.Operator) })
	return used, nil
}

func alternatives(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (o *operatorsOptions) print(used []*usedOperator) error {
	if len(used) == 0 {
		o.Infof("no Redis operator and no Redis instance in this repository")
		return nil
	}
	w := o.Table(0)
	w.Row("OPERATOR\tVERSION\tSTATE\tINSTANCES\tINSTALLED BY")
	for _, u := range used {
		w.Row("%s\t%s\t%s\t%d\t%s", u.Operator, u.Version, u.State, len(u.Instances), strings.Join(u.Installed, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, u := range used {
		o.Infof("\n%s: %s", o.Paint(ui.Cyan, u.Operator), u.described())
		if len(u.Perhaps) > 0 {
			o.Infof("- nothing in the repository installs an operator of this kind, so it may also be %s; set operator.name in .redis-gitops.yaml", alternatives(u.Perhaps))
		}
		for _, way := range u.Ways {
			o.Infof("- move to %s: %s", way.To, way.Work)
		}
	}
	return nil
}
