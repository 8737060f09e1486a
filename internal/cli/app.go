// Package cli is the command line of redis-gitops: the root command with its groups, and the exit code of a run.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/connectcmd"
	"github.com/redis-gitops/redis-gitops/internal/cli/datacmd"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/fncmd"
	"github.com/redis-gitops/redis-gitops/internal/cli/lintcmd"
	"github.com/redis-gitops/redis-gitops/internal/cli/rulescmd"
	"github.com/redis-gitops/redis-gitops/internal/cli/scaffoldcmd"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/cli/webcmd"
	"github.com/redis-gitops/redis-gitops/redact"
)

// Main runs a command in a process of its own and returns its exit code. The first interrupt stops the command, the second one
// ends the process.
func Main(args []string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	a := newApp()
	a.Exit = os.Exit
	go func() {
		for s := range signals {
			if s != os.Interrupt || !a.Interrupted() {
				signal.Stop(signals)
				cancel()
				return
			}
		}
	}()
	return a.run(ctx, args)
}

// app is the command line: what its commands have around them, and their run.
type app struct {
	*env.Env
	plugin bool            // kubectl calls it
	ctx    context.Context // of the run: the first Ctrl-C ends it, and so do --timeout and --max-memory
	end    func()          // what the run's limits need at their end
}

func newApp() *app {
	e := env.New()
	info, _ := debug.ReadBuildInfo()
	e.Version = versionText(info, true)
	return &app{Env: e, plugin: strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-"), end: func() {}}
}

func (a *app) run(ctx context.Context, args []string) int {
	for _, arg := range args {
		a.Secrets.Add(redact.Argument(arg)...)
	}
	a.Guard()
	a.ctx = ctx
	root := a.rootCommand()
	root.SetArgs(args)
	defer a.WatchSignal(ctx)()
	err := root.ExecuteContext(ctx)
	defer a.end()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if a.ctx.Err() != nil {
			err = env.StopReason(a.ctx)
		}
	}
	if e := a.WriteError(); err == nil && e != nil {
		err = fmt.Errorf("cannot write the output: %w", e)
	}
	var code exitcode.Code
	switch {
	case err == nil:
		return exitcode.OK
	case errors.As(err, &code):
		return int(code)
	}
	if wantsJSON(args) {
		a.JSONErrors(finding.All(err))
		return exitcode.Error
	}
	for _, p := range finding.All(err) {
		a.PrintErrf("%s %v\n", a.Paint(ui.Red, "error:"), p)
	}
	return exitcode.Error
}

// wantsJSON reports whether arguments ask for JSON, also those that cannot be parsed.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		switch {
		case arg == "--":
			return false
		case arg == "--output=json", arg == "-o=json", arg == "-ojson":
			return true
		case (arg == "--output" || arg == "-o") && i+1 < len(args):
			return args[i+1] == "json"
		}
	}
	return false
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "redis-gitops",
		Short:         "Scaffold, lint and connect to Redis in GitOps repositories",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          flags.Subcommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	f := root.PersistentFlags()
	f.StringVarP(&a.Dir, "directory", "C", ".", "use the repository that contains this directory")
	f.StringVar(&a.ConfigFile, "config", "", "configuration file in the repository (default "+cue.ConfigFile+")")
	f.StringVar(&a.Color, "color", "auto", "color output: auto, always or never")
	f.BoolVarP(&a.Quiet, "quiet", "q", false, "only print errors")
	f.BoolVarP(&a.Verbose, "verbose", "v", false, "print the repository, configuration and generator in use")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if err := a.SetColor(); err != nil {
			return err
		}
		if err := flags.Exclusive(c); err != nil {
			return err
		}
		end, err := a.LimitRun(c)
		if err == nil {
			a.end, a.ctx = end, c.Context()
		}
		return err
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w; see redis-gitops --help", err)
	})
	flags.Complete(root, "color", ui.ColorModes)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"scaffold", "Scaffold", append(scaffoldcmd.Commands(a.Env), scaffoldcmd.NewSize(a.Env, datacmd.InspectDump))},
		{"lint", "Lint", append(lintcmd.Commands(a.Env, version), rulescmd.New(a.Env))},
		{"connect", "Connect", connectcmd.Commands(a.Env)},
		{"data", "Data", datacmd.Commands(a.Env)},
		{"extend", "Extend", []*cobra.Command{rulescmd.NewPolicy(a.Env), rulescmd.NewSchema(a.Env), fncmd.New(a.Env), webcmd.New(a.Env)}},
		{"", "", []*cobra.Command{lintcmd.NewEvaluate(a.Env), newVersion(a.Env)}},
	} {
		if g.id != "" {
			root.AddGroup(&cobra.Group{ID: g.id, Title: g.title + ":"})
		}
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	info, _ := debug.ReadBuildInfo()
	root.Version = versionText(info, false)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	if a.plugin {
		asPlugin(root)
	}
	return root
}

// asPlugin lets help and usage show how kubectl calls the commands.
func asPlugin(root *cobra.Command) {
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + root.Name()}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		c.Long = strings.ReplaceAll(c.Long, "\n  "+root.Name()+" ", "\n  kubectl "+root.Name()+" ")
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
}
