package connectcmd

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/rdb"
)

const primariesHelp = `List the primaries of all Redis instances in a namespace or, with -A, in the
cluster: of every operator, and of plain StatefulSets. The role is queried from
each pod. Redis instances with no primary or more than one are marked.

REPLICAS is the number of connected replicas, LAG how far the slowest one is
behind, SENTINELS how many of the running sentinels report this pod as master.

Exit codes: 0 every Redis has one primary; 1 a Redis has no primary or more than
one; 2 the cluster or a Redis could not be queried.`

const primariesExamples = `
  redis-gitops primaries
  redis-gitops primaries -A
  redis-gitops primaries -A --output json`

// primariesOptions are those of primaries.
type primariesOptions struct {
	*env.Env
	flags.Cluster
	output string
}

func newPrimaries(e *env.Env) *cobra.Command {
	o := &primariesOptions{Env: e}
	c := &cobra.Command{
		Use:     "primaries",
		Aliases: []string{"redis:primaries"},
		Short:   "List the primaries of all Redis instances",
		Long:    primariesHelp + "\n\nExamples:\n" + primariesExamples[1:],
		Args:    flags.FromUse,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	o.AddAll(c)
	flags.AddOutput(c, &o.output, "text", "json")
	return c
}

// primary is one line. The names of the fields are those of the JSON.
type primary struct {
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	Kind      string     `json:"kind"`
	Operator  string     `json:"operator"`
	Pod       string     `json:"pod"`  // "" for a Redis without a primary
	Role      string     `json:"role"` // as the pod says
	Version   string     `json:"version"`
	Replicas  int        `json:"replicas"`
	Lag       *int64     `json:"lag"`       // bytes; null if no replica reports it
	Memory    int64      `json:"memory"`    // bytes
	MaxMemory int64      `json:"maxMemory"` // bytes; 0 without a limit
	Sentinels *sentinels `json:"sentinels"` // null for a Redis without any
	Problem   string     `json:"problem,omitempty"`

	blocked bool // it could not be asked
}

type sentinels struct {
	Agree int `json:"agree"`
	All   int `json:"all"`
}

func (o *primariesOptions) run(ctx context.Context) error {
	c, err := resolve.Cluster(&o.Cluster, nil)
	if err != nil {
		return err
	}
	states, err := c.States(ctx)
	if err != nil {
		return err
	}
	all := []primary{}
	for _, s := range states {
		all = append(all, primariesOf(s)...)
	}
	if o.output == "json" {
		if err := o.JSON(all); err != nil {
			return err
		}
	} else if err := o.print(c, all); err != nil {
		return err
	}
	code := exitcode.OK
	for _, p := range all {
		switch {
		case p.blocked:
			code = exitcode.Error
		case p.Problem != "" && code == exitcode.OK:
			code = exitcode.Findings
		}
	}
	if code != exitcode.OK {
		return exitcode.Code(code)
	}
	return nil
}

func primariesOf(s *cluster.State) []primary {
	base := primary{Namespace: s.Namespace, Name: s.Name, Kind: s.Kind, Operator: s.Operator}
	if s.Err != nil {
		base.Problem, base.blocked = fmt.Sprintf("cannot query %s: %v", s, s.Err), true
		return []primary{base}
	}
	masters := s.Masters()
	if err := s.NotOneMaster(); err != nil {
		base.Problem = err.Error()
	}
	if len(masters) == 0 {
		return []primary{base}
	}
	var list []primary
	for _, m := range masters {
		p := base
		p.Pod, p.Role, p.Version = m.Pod.Name, m.Role, m.Name()+" "+m.Version()
		p.Memory, p.MaxMemory, p.Replicas = m.Used(), m.Max(), m.Connected()
		for _, server := range s.Servers {
			if n, known := s.Lag(server); known && server.Follows(m) {
				most := n
				if p.Lag != nil {
					most = max(most, *p.Lag)
				}
				p.Lag = &most
			}
		}
		if s.Sentinel != nil {
			agree, all := s.Agreement(m)
			p.Sentinels = &sentinels{agree, all}
		}
		list = append(list, p)
	}
	return list
}

func (o *primariesOptions) print(c *cluster.Cluster, all []primary) error {
	if len(all) == 0 {
		o.Infof("no Redis in %s", c.Where())
		return nil
	}
	w := o.Table(0)
	w.Row("NAMESPACE\tNAME\tOPERATOR\tPOD\tROLE\tREPLICAS\tLAG\tMEMORY\tVERSION\tSENTINELS")
	for _, p := range all {
		lag, memory, agree := "-", "-", "-"
		if p.Lag != nil {
			lag = fmt.Sprintf("%d B", *p.Lag)
		}
		if p.Pod != "" {
			memory = rdb.FormatBytes(uint64(p.Memory))
			if p.MaxMemory > 0 {
				memory += " of " + rdb.FormatBytes(uint64(p.MaxMemory))
			}
		}
		if p.Sentinels != nil {
			agree = fmt.Sprintf("%d of %d", p.Sentinels.Agree, p.Sentinels.All)
		}
		w.Row("%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s", p.Namespace, p.Name, p.Operator, cmp.Or(p.Pod, "none"), cmp.Or(p.Role, "-"), p.Replicas, lag, memory, cmp.Or(p.Version, "-"), agree)
	}
	err := w.Flush()
	said := map[string]bool{}
	for _, p := range all {
		if p.Problem != "" && !said[p.Problem] {
			said[p.Problem] = true
			o.PrintErrf("%s %s\n", o.Paint(ui.Red, "error:"), p.Problem)
		}
	}
	return err
}
