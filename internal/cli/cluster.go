package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// clusterHelp is part of the help of every command that asks a cluster.
const clusterHelp = `NAME is a custom resource or StatefulSet of a Redis, an application, or a Service
that selects it. In a repository, the namespace is read from the files unless
--namespace is given; elsewhere it is the namespace of the current context.
docs/rbac.md lists the required permissions.`

// clusterFlags say which cluster, as those of kubectl do.
type clusterFlags struct {
	kubeconfig, context, namespace string
	all                            bool
	tls                            tlsFlags
}

// tlsFlags say how a server that speaks TLS is verified, and by which certificate a user logs in: files in PEM.
type tlsFlags struct{ ca, cert, key, serverName string }

// config returns nil when no flag was given.
func (f *tlsFlags) config(insecure bool) (*tls.Config, error) {
	if *f == (tlsFlags{}) && !insecure {
		return nil, nil
	}
	var pem [3][]byte
	for i, name := range []string{f.ca, f.cert, f.key} {
		if name == "" {
			continue
		}
		var err error
		if pem[i], err = inputfile.Read(name, inputfile.MaxSecret); err != nil {
			return nil, err
		}
	}
	return redis.TLSConfig(pem[0], pem[1], pem[2], f.serverName, insecure)
}

// cli are the options of redis-cli.
func (f *tlsFlags) cli() []string {
	var args []string
	for _, file := range [][]string{{"--cacert", f.ca}, {"--cert", f.cert}, {"--key", f.key}} {
		if file[1] != "" {
			args = append(args, file...)
		}
	}
	return args
}

func (f *tlsFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.ca, "tls-ca", "", "CA certificate file (PEM) to verify the server; by default the server is not verified, because traffic goes through the API server")
	flags.StringVar(&f.cert, "tls-cert", "", "client certificate file (PEM)")
	flags.StringVar(&f.key, "tls-key", "", "private key file of the client certificate (PEM)")
	flags.StringVar(&f.serverName, "tls-server-name", "", "with --tls-ca: server name to verify (default: SERVICE.NAMESPACE.svc of the Redis)")
}

func (f *clusterFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, ~/.kube/config, or the in-cluster configuration)")
	flags.StringVar(&f.context, "context", "", "kubeconfig context (default: the current context)")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace (default: from the repository, or of the current context)")
	if flags.Lookup("tls-ca") == nil { // import and dump have them, also for URLs
		f.tls.add(c)
	}
	register(c, "namespace", cobra.NoFileCompletions)
	register(c, "context", cobra.NoFileCompletions)
}

func (f *clusterFlags) addAll(c *cobra.Command) {
	f.add(c)
	c.Flags().BoolVarP(&f.all, "all-namespaces", "A", false, "all namespaces")
	c.MarkFlagsMutuallyExclusive("namespace", "all-namespaces")
}

// openCluster finds the cluster. What the configuration of a repository says of the operator helps to tell forks apart.
func (a *app) openCluster(f *clusterFlags, o *env.Repository) (*cluster.Cluster, error) {
	options := cluster.Options{Kubeconfig: f.kubeconfig, Context: f.context, Namespace: f.namespace, AllNamespaces: f.all}
	if o != nil && o.Config.NamesOperator() {
		options.Operator, options.Version = o.Config.Operator.Name, o.Config.Operator.Version
	}
	config, err := f.tls.config(false)
	if err != nil {
		return nil, err
	}
	if options.TLS = config; config != nil && f.tls.ca == "" {
		// A client certificate alone. Authorities of the system do not know a Service of the cluster.
		if f.tls.serverName != "" {
			return nil, errors.New("--tls-server-name has no effect without --tls-ca; pass it too")
		}
		config.InsecureSkipVerify = true
	}
	return cluster.Open(options)
}

// findLive returns the running Redis that a name means: of the repository, where there is one that has it, else of the cluster.
func (a *app) findLive(ctx context.Context, name string, f *clusterFlags) (*cluster.Cluster, *cluster.Redis, error) {
	var o *env.Repository
	if f.namespace == "" && !f.all {
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
func (a *app) outside(ctx context.Context, name string, f *clusterFlags, noRepository error) (*cluster.Cluster, *cluster.Redis, error) {
	c, err := a.openCluster(f, nil)
	if err != nil {
		return nil, nil, finding.Problems{{Message: noRepository.Error()}, {Message: err.Error()}}
	}
	r, err := c.Find(ctx, name)
	return c, r, err
}

// step prints one of something that takes a while.
func (a *app) step(text string) {
	if !a.Quiet {
		a.PrintErrf("%s\n", text)
	}
}

// clusterLong joins a help, the common part and examples.
func clusterLong(help, examples string) string {
	return help + "\n\n" + clusterHelp + "\n\nExamples:\n" + strings.TrimPrefix(examples, "\n")
}
