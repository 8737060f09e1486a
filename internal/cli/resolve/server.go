package resolve

import (
	"context"
	"fmt"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// NamedServer is help of the commands that take a URL or a name.
const NamedServer = `Or it is the NAME of a Redis in Kubernetes: a custom resource or StatefulSet, an
application, or a Service that selects it. It is reached through the API server;
its master is found by asking the pods for their role, again after a failover,
and its password comes from the Secret. docs/rbac.md lists the required
permissions.`

// Master returns the server of a URL, or the master of the Redis in a cluster that a word names.
func Master(ctx context.Context, e *env.Env, word string, f *flags.Server, cf *flags.Cluster) (*redis.Target, error) {
	return Server(ctx, e, word, f, cf, (*cluster.Cluster).MasterTarget)
}

// Server returns the server of a URL, or what of returns for the Redis in a cluster that a word names.
func Server(ctx context.Context, e *env.Env, word string, f *flags.Server, cf *flags.Cluster, of func(*cluster.Cluster, context.Context, *cluster.Redis) (*redis.Target, error)) (*redis.Target, error) {
	if !instance.IsName(word) {
		return f.Target(e.UI, word)
	}
	if f.Login() {
		return nil, fmt.Errorf("the credentials of %q come from its resource and Secret; remove the user, passwords and --%sinsecure, or pass a server URL", word, f.Prefix)
	}
	named := *cf
	named.TLS = f.TLS
	cf = &named
	c, r, err := Live(ctx, e, word, cf)
	if err != nil {
		return nil, fmt.Errorf("%q is not a server URL such as redis://HOST:PORT, so it is looked up in a cluster: %w", word, err)
	}
	t, err := of(c, ctx, r)
	if t != nil {
		e.Secrets.Add(t.Password, t.SentinelPassword)
	}
	return t, err
}
