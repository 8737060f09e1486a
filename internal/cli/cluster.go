package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
)

// clusterHelp is part of the help of every command that asks a cluster.
const clusterHelp = `NAME is a custom resource or StatefulSet of a Redis, an application, or a Service
that selects it. In a repository, the namespace is read from the files unless
--namespace is given; elsewhere it is the namespace of the current context.
docs/rbac.md lists the required permissions.`

// openCluster finds the cluster. What the configuration of a repository says of the operator helps to tell forks apart.
func (a *app) openCluster(f *flags.Cluster, o *env.Repository) (*cluster.Cluster, error) {
	options := cluster.Options{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, AllNamespaces: f.All}
	if o != nil && o.Config.NamesOperator() {
		options.Operator, options.Version = o.Config.Operator.Name, o.Config.Operator.Version
	}
	config, err := f.TLS.Config(false)
	if err != nil {
		return nil, err
	}
	if options.TLS = config; config != nil && f.TLS.CA == "" {
		// A client certificate alone. Authorities of the system do not know a Service of the cluster.
		if f.TLS.ServerName != "" {
			return nil, errors.New("--tls-server-name has no effect without --tls-ca; pass it too")
		}
		config.InsecureSkipVerify = true
	}
	return cluster.Open(options)
}

// findLive returns the running Redis that a name means: of the repository, where there is one that has it, else of the cluster.
func (a *app) findLive(ctx context.Context, name string, f *flags.Cluster) (*cluster.Cluster, *cluster.Redis, error) {
	var o *env.Repository
	if f.Namespace == "" && !f.All {
		var err error
		if o, err = a.Open(ctx, false); err != nil && !errors.Is(err, env.ErrNoRepository) {
			return nil, nil, err
		}
	}
	c, err := a.openCluster(f, o)
	if o != nil {
		defer o.FS.Close()
	}
	if err != nil {
		return nil, nil, err
	}
	if o != nil {
		in, err := a.findInstance(ctx, o, name, "")
		switch {
		case errors.Is(err, env.ErrLimit):
			return nil, nil, err
		case err == nil:
			r, err := c.Live(ctx, in)
			if err != nil {
				return c, nil, err
			}
			return c, r.As(in), nil
		}
	}
	r, err := c.Find(ctx, name)
	if err == nil {
		a.Debugf("%s, operator %s", r, r.Operator)
	}
	return c, r, err
}

// printProblem prints what a check found, and where there is help.
func (a *app) printProblem(w io.Writer, p *cluster.Problem, message string, help bool) {
	color := ui.Yellow
	if p.Severity == finding.Error {
		color = ui.Red
	}
	a.Fprintf(w, "%s %s\n", a.Paint(color, p.Severity.String()+":"), message)
	if p.Help != "" && help {
		a.Fprintf(w, "  help: %s\n", p.Help)
	}
}

// outside finds a Redis in the cluster alone, where there is no repository.
func (a *app) outside(ctx context.Context, name string, f *flags.Cluster, noRepository error) (*cluster.Cluster, *cluster.Redis, error) {
	c, err := a.openCluster(f, nil)
	if err != nil {
		return nil, nil, finding.Problems{{Message: noRepository.Error()}, {Message: err.Error()}}
	}
	r, err := c.Find(ctx, name)
	return c, r, err
}

// clusterLong joins a help, the common part and examples.
func clusterLong(help, examples string) string {
	return help + "\n\n" + clusterHelp + "\n\nExamples:\n" + strings.TrimPrefix(examples, "\n")
}
