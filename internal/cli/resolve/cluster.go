package resolve

import (
	"context"
	"errors"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
)

// Cluster finds the cluster. What the configuration of a repository says of the operator helps to tell forks apart; in is nil
// without one.
func Cluster(f *flags.Cluster, in *env.Repository) (*cluster.Cluster, error) {
	options := cluster.Options{Kubeconfig: f.Kubeconfig, Context: f.Context, Namespace: f.Namespace, AllNamespaces: f.All}
	if in != nil && in.Config.NamesOperator() {
		options.Operator, options.Version = in.Config.Operator.Name, in.Config.Operator.Version
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

// Live returns the running Redis that a name means: of the repository, where there is one that has it, else of the cluster.
func Live(ctx context.Context, e *env.Env, name string, f *flags.Cluster) (*cluster.Cluster, *cluster.Redis, error) {
	var in *env.Repository
	if f.Namespace == "" && !f.All {
		var err error
		if in, err = e.Open(ctx, false); err != nil && !errors.Is(err, env.ErrNoRepository) {
			return nil, nil, err
		}
	}
	c, err := Cluster(f, in)
	if in != nil {
		defer in.FS.Close()
	}
	if err != nil {
		return nil, nil, err
	}
	if in != nil {
		declared, err := Instance(ctx, e, in, name, "")
		switch {
		case errors.Is(err, env.ErrLimit):
			return nil, nil, err
		case err == nil:
			r, err := c.Live(ctx, declared)
			if err != nil {
				return c, nil, err
			}
			return c, r.As(declared), nil
		}
	}
	r, err := c.Find(ctx, name)
	if err == nil {
		e.Debugf("%s, operator %s", r, r.Operator)
	}
	return c, r, err
}

// Outside finds a Redis in the cluster alone, where there is no repository.
func Outside(ctx context.Context, name string, f *flags.Cluster, noRepository error) (*cluster.Cluster, *cluster.Redis, error) {
	c, err := Cluster(f, nil)
	if err != nil {
		return nil, nil, finding.Problems{{Message: noRepository.Error()}, {Message: err.Error()}}
	}
	r, err := c.Find(ctx, name)
	return c, r, err
}

// Named finds a Redis in the files of the repository, or in the cluster where there is no repository.
func Named(ctx context.Context, e *env.Env, name string, f *flags.Cluster) (*instance.Instance, error) {
	in, noRepository := e.Open(ctx, false)
	switch {
	case noRepository == nil:
		defer in.FS.Close()
		return Instance(ctx, e, in, name, f.Namespace)
	case !errors.Is(noRepository, env.ErrNoRepository):
		return nil, noRepository
	}
	_, r, err := Outside(ctx, name, f, noRepository)
	if err != nil {
		return nil, err
	}
	return r.Instance, nil
}
