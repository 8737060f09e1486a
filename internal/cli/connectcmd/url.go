package connectcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/redact"
)

const urlHelp = `Print the connection URL of a Redis, read from the repository (no cluster
access).

NAME is an application, a custom resource or StatefulSet of a Redis, or a Service
that selects it. Passwords are never printed: URLs contain $(REDIS_PASSWORD),
which Kubernetes expands in environment variables, and code reads the
environment. --password-file inserts the password.

--live verifies the result against the cluster: the Service exists, a ready pod
behind it is the master, the Secret is readable and its password is accepted,
and the sentinels agree on the master and have quorum. Problems are listed and
the exit code is 1. Outside a repository, the cluster is always queried.
--show-password inserts the password of the Secret into the URL, only on a
terminal. See docs/rbac.md for the required permissions.`

const urlExamples = `
Examples:
  redis-gitops url shop
  redis-gitops url shop --format env
  redis-gitops url shop-cache --format rails
  redis-gitops url shop --password-file password.txt
  redis-gitops url shop --live
  redis-gitops url shop --live --show-password`

const sentinelURLExamples = `
There is no standard URL scheme for Sentinel: clients take a list of hosts and
the master name, which the other formats print. --sentinels prints only the
hosts.

Examples:
  redis-gitops sentinel-url shop
  redis-gitops sentinel-url shop --sentinels
  redis-gitops sentinel-url shop --live
  redis-gitops sentinel-url shop --format sidekiq`

// urlOptions are those of url and sentinel-url.
type urlOptions struct {
	*env.Env
	flags.Cluster
	format, passwordFile                string
	sentinel, hosts, live, showPassword bool
}

func newURL(e *env.Env) *cobra.Command {
	o := &urlOptions{Env: e}
	return o.command("url", "Print the URL of a Redis, or client code", urlHelp+"\n"+urlExamples)
}

func newSentinelURL(e *env.Env) *cobra.Command {
	o := &urlOptions{Env: e, sentinel: true}
	return o.command("sentinel-url", "Print the Sentinel URL of a Redis, or client code", urlHelp+"\n"+sentinelURLExamples)
}

func (o *urlOptions) command(name, short, long string) *cobra.Command {
	formats := instance.Formats()
	c := &cobra.Command{
		Use:     name + " NAME",
		Aliases: []string{"redis:" + name},
		Short:   short,
		Long:    long,
		// Not the Redis instances themselves: listing them takes a render of the whole repository.
		ValidArgsFunction: o.CompleteArgs(o.AppNames),
		Args:              flags.FromUse,
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	set := c.Flags()
	set.StringVar(&o.format, "format", "url", strings.Join(formats, ", "))
	set.BoolVar(&o.hosts, "sentinels", false, "print the sentinel hosts, one per line")
	o.Add(c)
	set.BoolVar(&o.live, "live", false, "verify it against the cluster")
	set.BoolVar(&o.showPassword, "show-password", false, "with --live: insert the password of the Secret into the URL")
	flags.File(set, &o.passwordFile, "password-file", "insert the password from this file into the URL")
	c.MarkFlagsMutuallyExclusive("format", "sentinels")
	c.MarkFlagsMutuallyExclusive("password-file", "sentinels")
	c.MarkFlagsMutuallyExclusive("show-password", "password-file")
	c.MarkFlagsMutuallyExclusive("show-password", "sentinels")
	flags.Complete(c, "format", formats)
	return c
}

func (o *urlOptions) run(ctx context.Context, name string) error {
	if formats := instance.Formats(); !slices.Contains(formats, o.format) { // before anything is rendered
		return fmt.Errorf("unknown format %q; %s%s", o.format, finding.OneOf(formats), finding.DidYouMean(o.format, formats))
	}
	options := instance.ClientOptions{Sentinel: o.sentinel}
	if o.passwordFile != "" {
		password, err := inputfile.Password(o.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		options.Password = &password
	}
	if o.showPassword && !o.Terminal {
		return errors.New("--show-password only works on a terminal, to keep the password out of files and logs; use --password-file")
	}
	in, err := o.find(ctx, name, &options)
	if err != nil {
		return err
	}
	return o.print(in, options)
}

// find returns what is asked for in the repository, in the cluster, or in both.
func (o *urlOptions) find(ctx context.Context, name string, options *instance.ClientOptions) (*instance.Instance, error) {
	files, noRepository := o.Open(ctx, false)
	switch {
	case errors.Is(noRepository, env.ErrNoRepository):
	case noRepository != nil:
		return nil, noRepository
	default:
		defer files.FS.Close()
		in, err := resolve.Instance(ctx, o.Env, files, name, o.Namespace)
		if err != nil || !o.live && !o.showPassword {
			return in, err
		}
		c, err := resolve.Cluster(&o.Cluster, files)
		if err != nil {
			return nil, err
		}
		r, err := c.Live(ctx, in)
		if err != nil {
			return nil, err
		}
		return in, o.prove(ctx, c, r.As(in), options)
	}
	c, r, err := resolve.Outside(ctx, name, &o.Cluster, noRepository)
	if err != nil {
		return nil, err
	}
	return r.Instance, o.prove(ctx, c, r, options)
}

// prove asks the cluster whether a Redis can be reached as it is printed.
func (o *urlOptions) prove(ctx context.Context, c *cluster.Cluster, r *cluster.Redis, options *instance.ClientOptions) error {
	state, err := c.State(ctx, r)
	if err != nil {
		return err
	}
	problems := state.CheckURL(o.sentinel)
	for _, p := range problems {
		if p.CausedBy != "" {
			o.PrintErrf("  - %s\n", p.Message)
			continue
		}
		printProblem(o.Env, o.Err, p, p.Message, o.Verbose)
		printDetails(o.Env, o.Err, p, "    ")
	}
	if cluster.Failed(problems) {
		return exitcode.Code(exitcode.Findings)
	}
	for _, fact := range state.Facts(o.sentinel) {
		o.Step("live: " + fact)
	}
	if !o.showPassword {
		return nil
	}
	if r.Auth == nil {
		return fmt.Errorf("%s has no password; remove --show-password", r)
	}
	l, err := c.Login(ctx, r.Namespace, r.Auth)
	o.Secrets.Add(l.Password)
	options.Password = &l.Password
	return err
}

// print prints a format, and notes about it.
func (o *urlOptions) print(in *instance.Instance, options instance.ClientOptions) error {
	if o.hosts {
		hosts, err := in.SentinelHosts()
		if err != nil {
			return err
		}
		o.Printf("%s\n", o.Block(strings.Join(hosts, "\n")))
		return nil
	}
	text, err := in.Client(o.format, options)
	if err != nil {
		return err
	}
	if options.Password != nil { // which was asked for
		_, _ = io.WriteString(o.Raw(o.Out), redact.Lines(text))
	} else {
		o.Printf("%s", o.Block(text))
	}
	if o.Quiet || o.format == "json" {
		return nil
	}
	for _, note := range in.Notes {
		o.PrintErrf("%s %s\n", o.Paint(ui.Yellow, "note:"), note)
	}
	if in.Auth != nil && o.format == "url" && options.Password == nil {
		o.PrintErrf("%s the password is in the Secret %q, key %q; use --format env for the environment variables\n", o.Paint(ui.Yellow, "note:"), in.Auth.Secret, in.Auth.Key)
	}
	if in.Namespace == "" {
		o.PrintErrf("%s the namespace is not known from the files, so host names do not include it\n", o.Paint(ui.Yellow, "note:"))
	}
	return nil
}
