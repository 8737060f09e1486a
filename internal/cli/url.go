package cli

import (
	"bytes"
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

func (a *app) urlCommand() *cobra.Command {
	return a.newURLCommand("url", "Print the URL of a Redis, or client code", urlHelp+"\n"+urlExamples, false)
}

func (a *app) sentinelURLCommand() *cobra.Command {
	return a.newURLCommand("sentinel-url", "Print the Sentinel URL of a Redis, or client code", urlHelp+"\n"+sentinelURLExamples, true)
}

// urlFlags are the flags of url and sentinel-url.
type urlFlags struct {
	flags.Cluster
	format, passwordFile          string
	sentinels, live, showPassword bool
}

func (a *app) newURLCommand(name, short, long string, sentinel bool) *cobra.Command {
	var f urlFlags
	formats := instance.Formats()
	c := &cobra.Command{
		Use:     name + " NAME",
		Aliases: []string{"redis:" + name},
		Short:   short,
		Long:    long,
		// Not the Redis instances themselves: listing them takes a render of the whole repository.
		ValidArgsFunction: a.CompleteArgs(a.AppNames),
		Args:              flags.FromUse,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.url(cmd.Context(), args[0], sentinel, &f)
		},
	}
	set := c.Flags()
	set.StringVar(&f.format, "format", "url", strings.Join(formats, ", "))
	set.BoolVar(&f.sentinels, "sentinels", false, "print the sentinel hosts, one per line")
	f.Add(c)
	set.BoolVar(&f.live, "live", false, "verify it against the cluster")
	set.BoolVar(&f.showPassword, "show-password", false, "with --live: insert the password of the Secret into the URL")
	set.StringVar(&f.passwordFile, "password-file", "", "insert the password from this file into the URL")
	c.MarkFlagsMutuallyExclusive("format", "sentinels")
	c.MarkFlagsMutuallyExclusive("password-file", "sentinels")
	c.MarkFlagsMutuallyExclusive("show-password", "password-file")
	c.MarkFlagsMutuallyExclusive("show-password", "sentinels")
	flags.Complete(c, "format", formats)
	return c
}

func (a *app) url(ctx context.Context, name string, sentinel bool, f *urlFlags) error {
	if formats := instance.Formats(); !slices.Contains(formats, f.format) { // before anything is rendered
		return fmt.Errorf("unknown format %q; %s%s", f.format, finding.OneOf(formats), finding.DidYouMean(f.format, formats))
	}
	options := instance.ClientOptions{Sentinel: sentinel}
	if f.passwordFile != "" {
		password, err := readPassword(f.passwordFile)
		if err != nil {
			return err
		}
		options.Password = &password
	}
	if f.showPassword && !a.Terminal {
		return errors.New("--show-password only works on a terminal, to keep the password out of files and logs; use --password-file")
	}
	in, err := a.urlInstance(ctx, name, sentinel, f, &options)
	if err != nil {
		return err
	}
	return a.printURL(in, f, options)
}

// urlInstance finds what is asked for in the repository, in the cluster, or in both.
func (a *app) urlInstance(ctx context.Context, name string, sentinel bool, f *urlFlags, options *instance.ClientOptions) (*instance.Instance, error) {
	o, noRepository := a.Open(ctx, false)
	switch {
	case errors.Is(noRepository, env.ErrNoRepository):
	case noRepository != nil:
		return nil, noRepository
	default:
		defer o.FS.Close()
		in, err := resolve.Instance(ctx, a.Env, o, name, f.Namespace)
		if err != nil || !f.live && !f.showPassword {
			return in, err
		}
		c, err := resolve.Cluster(&f.Cluster, o)
		if err != nil {
			return nil, err
		}
		r, err := c.Live(ctx, in)
		if err != nil {
			return nil, err
		}
		return in, a.prove(ctx, c, r.As(in), sentinel, f, options)
	}
	c, r, err := resolve.Outside(ctx, name, &f.Cluster, noRepository)
	if err != nil {
		return nil, err
	}
	return r.Instance, a.prove(ctx, c, r, sentinel, f, options)
}

// prove asks the cluster whether a Redis can be reached as it is printed.
func (a *app) prove(ctx context.Context, c *cluster.Cluster, r *cluster.Redis, sentinel bool, f *urlFlags, options *instance.ClientOptions) error {
	state, err := c.State(ctx, r)
	if err != nil {
		return err
	}
	problems := state.CheckURL(sentinel)
	for _, p := range problems {
		if p.CausedBy != "" {
			a.PrintErrf("  - %s\n", p.Message)
			continue
		}
		a.printProblem(a.Err, p, p.Message, a.Verbose)
		a.printDetails(a.Err, p, "    ")
	}
	if cluster.Failed(problems) {
		return exitcode.Code(exitcode.Findings)
	}
	for _, fact := range state.Facts(sentinel) {
		a.Step("live: " + fact)
	}
	if !f.showPassword {
		return nil
	}
	if r.Auth == nil {
		return fmt.Errorf("%s has no password; remove --show-password", r)
	}
	l, err := c.Login(ctx, r.Namespace, r.Auth)
	a.Secrets.Add(l.Password)
	options.Password = &l.Password
	return err
}

// printURL prints a format, and notes about it.
func (a *app) printURL(in *instance.Instance, f *urlFlags, options instance.ClientOptions) error {
	if f.sentinels {
		hosts, err := in.SentinelHosts()
		if err != nil {
			return err
		}
		a.Printf("%s\n", a.Block(strings.Join(hosts, "\n")))
		return nil
	}
	text, err := in.Client(f.format, options)
	if err != nil {
		return err
	}
	if options.Password != nil { // which was asked for
		_, _ = io.WriteString(a.Raw(a.Out), redact.Lines(text))
	} else {
		a.Printf("%s", a.Block(text))
	}
	if a.Quiet || f.format == "json" {
		return nil
	}
	for _, note := range in.Notes {
		a.PrintErrf("%s %s\n", a.Paint(ui.Yellow, "note:"), note)
	}
	if in.Auth != nil && f.format == "url" && options.Password == nil {
		a.PrintErrf("%s the password is in the Secret %q, key %q; use --format env for the environment variables\n", a.Paint(ui.Yellow, "note:"), in.Auth.Secret, in.Auth.Key)
	}
	if in.Namespace == "" {
		a.PrintErrf("%s the namespace is not known from the files, so host names do not include it\n", a.Paint(ui.Yellow, "note:"))
	}
	return nil
}

// maxPassword is the size limit of a password that goes into a URL, in bytes.
const maxPassword = 64 << 10

// readPassword reads a password, without the line end that editors put behind it.
func readPassword(file string) (string, error) {
	src, err := inputfile.Read(file, maxPassword)
	if err != nil {
		return "", fmt.Errorf("--password-file: %w", err)
	}
	src = bytes.TrimSuffix(bytes.TrimSuffix(src, []byte("\n")), []byte("\r"))
	if len(src) == 0 {
		return "", fmt.Errorf("--password-file: %s is empty", file)
	}
	return string(src), nil
}
