package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const serverHelp = `A server is redis://HOST:PORT/DB, rediss://… (with TLS),
redis+sentinel://HOST,HOST/MASTER/DB (its master, found through Sentinel),
rediss+sentinel://… or unix:///PATH. Pass the password via %s or
--%spassword-file; in the URL it would be visible in the process list.`

// namedServer is help of the commands that take a URL or a name.
const namedServer = `Or it is the NAME of a Redis in Kubernetes: a custom resource or StatefulSet, an
application, or a Service that selects it. It is reached through the API server;
its master is found by asking the pods for their role, again after a failover,
and its password comes from the Secret. docs/rbac.md lists the required
permissions.`

// serverFlags say how to log in to a server. A command with two servers has two of them, one with a prefix.
type serverFlags struct {
	prefix string // "" or a word with its hyphen, such as "source-"

	username, passwordFile, sentinelPasswordFile string
	tlsFlags
	insecure bool
}

func (f *serverFlags) add(c *cobra.Command) {
	flags, p, env := c.Flags(), f.prefix, f.env("PASSWORD")
	flags.StringVar(&f.username, p+"username", "", "user name, if not in the URL")
	flags.StringVar(&f.passwordFile, p+"password-file", "", "file with the password (default: $"+env+")")
	flags.StringVar(&f.sentinelPasswordFile, p+"sentinel-password-file", "", "file with the password of the sentinels (default: "+f.env("SENTINEL_PASSWORD")+")")
	flags.StringVar(&f.ca, p+"tls-ca", "", "CA certificate file (PEM) to verify the server (default: the system's; for a NAME, the server is not verified, because traffic goes through the API server)")
	flags.StringVar(&f.cert, p+"tls-cert", "", "client certificate file (PEM)")
	flags.StringVar(&f.key, p+"tls-key", "", "private key file of the client certificate (PEM)")
	flags.StringVar(&f.serverName, p+"tls-server-name", "", "server name to send and verify (default: the host; for a NAME, its Service)")
	flags.BoolVar(&f.insecure, p+"insecure", false, "do not verify the server certificate")
}

// help describes how a server is written.
func (f *serverFlags) help() string { return fmt.Sprintf(serverHelp, f.env("PASSWORD"), f.prefix) }

// env is the name of a variable: REDIS_PASSWORD, REDIS_SOURCE_PASSWORD.
func (f *serverFlags) env(name string) string {
	return "REDIS_" + strings.ToUpper(strings.ReplaceAll(f.prefix, "-", "_")) + name
}

// target returns the server of a URL with what the flags and the environment add.
func (a *app) target(url string, f *serverFlags) (*redis.Target, error) {
	t, err := redis.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	if t.Password != "" {
		a.PrintErrf("%s the password in the URL is visible in the process list; use %s or --%spassword-file\n",
			a.Paint(ui.Yellow, "warning:"), f.env("PASSWORD"), f.prefix)
	}
	if t.Username == "" {
		t.Username = f.username
	}
	if err := f.secret(&t.Password, "password-file", f.passwordFile, "PASSWORD"); err != nil {
		return nil, err
	}
	if err := f.secret(&t.SentinelPassword, "sentinel-password-file", f.sentinelPasswordFile, "SENTINEL_PASSWORD"); err != nil {
		return nil, err
	}
	a.Secrets.Add(t.Password, t.SentinelPassword)
	if t.TLS == nil {
		if f.ca+f.cert+f.key+f.serverName != "" || f.insecure {
			return nil, fmt.Errorf("%s is not encrypted, but TLS options are set; use rediss://, or remove them", t)
		}
		return t, nil
	}
	config, err := f.tlsFlags.config(f.insecure)
	if config != nil {
		t.TLS = config
	}
	return t, err
}

// master returns the server of a URL, or the master of the Redis in a cluster that a word names.
func (a *app) master(ctx context.Context, word string, f *serverFlags, cf *clusterFlags) (*redis.Target, error) {
	return a.server(ctx, word, f, cf, (*cluster.Cluster).MasterTarget)
}

func (a *app) server(ctx context.Context, word string, f *serverFlags, cf *clusterFlags, of func(*cluster.Cluster, context.Context, *cluster.Redis) (*redis.Target, error)) (*redis.Target, error) {
	if !instance.IsName(word) {
		return a.target(word, f)
	}
	if *f != (serverFlags{prefix: f.prefix, tlsFlags: f.tlsFlags}) {
		return nil, fmt.Errorf("the credentials of %q come from its resource and Secret; remove the user, passwords and --%sinsecure, or pass a server URL", word, f.prefix)
	}
	named := *cf
	named.tls = f.tlsFlags
	cf = &named
	c, r, err := a.findLive(ctx, word, cf)
	if err != nil {
		return nil, fmt.Errorf("%q is not a server URL such as redis://HOST:PORT, so it is looked up in a cluster: %w", word, err)
	}
	t, err := of(c, ctx, r)
	if t != nil {
		a.Secrets.Add(t.Password, t.SentinelPassword)
	}
	return t, err
}

// secret sets a password from its file or variable. One that the URL has is stronger.
func (f *serverFlags) secret(into *string, flag, file, env string) error {
	if *into != "" {
		return nil
	}
	if file == "" {
		*into = os.Getenv(f.env(env))
		return nil
	}
	text, err := inputfile.Read(file, inputfile.MaxSecret)
	if err != nil {
		return fmt.Errorf("--%s%s: %w", f.prefix, flag, err)
	}
	*into = strings.TrimRight(string(text), "\r\n")
	if *into == "" {
		return fmt.Errorf("--%s%s: %s is empty", f.prefix, flag, file)
	}
	return nil
}
