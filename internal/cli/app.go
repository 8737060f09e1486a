// Package cli is the command line of redis-gitops: flags, then calls of the other packages, then output and an exit code.
package cli

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/redact"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// Exit codes. Other tools rely on them.
const (
	exitOK       = 0 // nothing found, or done
	exitFindings = 1 // a check said no
	exitError    = 2 // bad usage, or could not run
)

// Main runs a command in a process of its own and returns its exit code. The first interrupt stops the command, the second one
// ends the process.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := newApp()
	a.exit = os.Exit
	return a.run(ctx, args)
}

// app is the command line: streams, the world outside, and the flags of the whole tool.
type app struct {
	in       io.Reader
	out, err io.Writer
	terminal bool // a person is at both ends
	plugin   bool // kubectl calls it
	deps     scaffold.Deps
	secrets  *redact.Secrets // that nothing may print
	// openFs opens a folder as a file system that nothing can leave. Tests put one around it that dies on the way.
	openFs func(dir string) (lockedFs, error)

	ctx       context.Context // of the run: the first Ctrl-C ends it, and so do --timeout and --max-memory
	exit      func(code int)  // ends the process; nil in tests
	ended     func()          // what the run's limits need at their end; nil without one
	leftovers leftovers
	dying     sync.Once // ends the process
	limits    limits
	lines     *bufio.Reader // of in, once somebody was asked

	dir        string
	bare       string // the folder to work in when it is no repository; only lint sets it
	configFile string
	color      string
	colored    bool // what color comes to
	quiet      bool
	verbose    bool
}

// lockedFs is a file system that can be locked against other runs.
type lockedFs interface {
	afero.Fs
	Lock() error
	Close() error
}

func newApp() *app {
	return &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
		plugin:   strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-"),
		secrets:  &redact.Secrets{},
		deps:     scaffold.Deps{Random: rand.Reader, Now: time.Now()},
		openFs:   func(dir string) (lockedFs, error) { return rootfs.Open(dir) },
	}
}

// errCode ends a command with a code when everything has been said.
type errCode int

func (e errCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func (a *app) run(ctx context.Context, args []string) int {
	if a.secrets == nil {
		a.secrets = &redact.Secrets{}
	}
	for _, arg := range args {
		a.secrets.Add(redact.Argument(arg)...)
	}
	out := a.newDoor(a.out)
	a.ctx, a.out, a.err = ctx, out, a.newDoor(a.err)
	root := a.rootCommand()
	root.SetArgs(args)
	defer a.watch(ctx, signalGrace)()
	err := root.ExecuteContext(ctx)
	if a.ended != nil {
		defer a.ended()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if a.ctx.Err() != nil {
			err = stopReason(a.ctx)
		}
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("cannot write the output: %w", out.err)
	}
	var code errCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	for _, p := range finding.All(err) {
		a.errf("%s %v\n", a.paint(red, "error:"), p)
	}
	return exitError
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "redis-gitops",
		Short:         "Scaffold, lint and connect to Redis in GitOps repositories",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "directory", "C", ".", "use the repository that contains this directory")
	f.StringVar(&a.configFile, "config", "", "configuration file in the repository (default "+cue.ConfigFile+")")
	f.StringVar(&a.color, "color", "auto", "color output: auto, always or never")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "only print errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "print the repository, configuration and generator in use")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if err := a.setColor(); err != nil {
			return err
		}
		return a.limitRun(c)
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w; see redis-gitops --help", err)
	})
	complete(root, "color", colorModes)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"scaffold", "Scaffold", []*cobra.Command{a.addLimits(a.initCommand()), a.addLimits(a.generateCommand()),
			a.addLimits(a.listCommand()), a.addLimits(a.destroyCommand()), a.addLimits(a.undoCommand())}},
		{"lint", "Lint", []*cobra.Command{a.addLimits(a.lintCommand()), a.addLimits(a.renderCommand()), a.rulesCommand()}},
		{"connect", "Connect", []*cobra.Command{a.addLimits(a.urlCommand()), a.addLimits(a.sentinelURLCommand()), a.cliCommand(), a.sentinelCLICommand(),
			a.portForwardCommand(), a.primariesCommand(), a.failoverCommand(), a.doctorCommand(), a.addLimits(a.operatorsCommand())}},
		{"data", "Data", []*cobra.Command{a.importCommand(), a.dumpCommand(), a.rdbCommand()}},
		{"extend", "Extend", []*cobra.Command{a.policyCommand(), a.webCommand()}},
		{"", "", []*cobra.Command{a.evaluateCommand(), a.versionCommand()}},
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

// say prints a line for people.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		a.outf(format+"\n", args...)
	}
}

// tell prints a line for people who asked for more.
func (a *app) tell(format string, args ...any) {
	if a.verbose {
		a.errf(format+"\n", args...)
	}
}

// opened is a repository with its configuration.
type opened struct {
	*repo.Repo
	config *cue.Config
	fs     lockedFs
	dir    string // the repository's folder on disk; never printed in reports
}

// open finds the repository that holds the folder of -C, locks it when the command writes, finishes or undoes what a killed
// run left, and reads the configuration.
func (a *app) open(write bool) (*opened, error) {
	root := a.bare
	if root == "" {
		var err error
		if root, err = findRoot(a.dir); err != nil {
			return nil, err
		}
	}
	on, err := a.openFs(root)
	if err != nil {
		return nil, err
	}
	fs := watch(on, a.secrets)
	o := &opened{fs: fs, dir: root}
	if err := a.load(o, write); err != nil {
		return nil, errors.Join(err, fs.Close()) // and with it the lock, which the next request to the same process needs
	}
	return o, nil
}

// load reads the configuration of an opened folder and the tree of its repository, after it finished what an earlier run left.
func (a *app) load(o *opened, write bool) error {
	fs, root := o.fs, o.dir
	if write {
		if err := a.recover(fs); err != nil {
			return err
		}
	}
	file := cue.ConfigFile
	if a.configFile != "" {
		file = filepath.ToSlash(filepath.Clean(a.configFile))
	}
	var err error
	if o.config, err = readConfig(fs, file, a.configFile != ""); err != nil {
		return err
	}
	a.tell("repository %s", root)
	l := o.config.Layout
	o.Repo, err = repo.Open(fs, repo.Options{Layout: repo.Layout{
		Applications: l.Applications, Generators: l.Generators, Platform: l.Platform, PlatformApplications: l.PlatformApplications,
	}, Secret: a.secretIn})
	if err != nil {
		return located(fs, file, err)
	}
	return nil
}

// located puts problems of a configuration, identified by their paths, at their lines.
func located(fs afero.Fs, file string, err error) error {
	problems := finding.All(err)
	plain, openErr := repo.Open(fs, repo.Options{})
	if openErr != nil {
		return err
	}
	docs, docsErr := plain.Documents(file)
	for _, p := range problems {
		if p.Path == "" || p.File != "" || docsErr != nil || len(docs) == 0 {
			continue
		}
		p.File = file
		if n := docs[0].Get(strings.Split(p.Path, ".")...); n != nil {
			p.Position = docs[0].At(n)
		}
	}
	return err
}

// recover locks the repository and finishes or undoes what a killed run left, and says so.
func (a *app) recover(fs lockedFs) error {
	if err := a.lock(fs); err != nil {
		return err
	}
	recovery, err := repo.Recover(fs)
	if err != nil || recovery == nil {
		return err
	}
	done := "rolled back; the repository is unchanged"
	if recovery.Finished {
		done = "finished"
	}
	a.errf("the interrupted `%s` was %s: %s\n", recovery.Command, done, strings.Join(recovery.Files, ", "))
	return nil
}

// lockWait is how long a run waits for another one, which takes milliseconds unless it asks its user something.
const lockWait = 10 * time.Second

// lock keeps other runs out of the repository, and waits for one that is at work.
func (a *app) lock(fs lockedFs) error {
	ctx, cancel := context.WithTimeout(a.ctx, lockWait)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for waits := false; ; waits = true {
		err := fs.Lock()
		if !errors.Is(err, rootfs.ErrLocked) {
			return err
		}
		if !waits {
			a.tell("waiting for another redis-gitops process to finish")
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return cmp.Or(a.ctx.Err(), err)
		}
	}
}

func readConfig(fs afero.Fs, file string, must bool) (*cue.Config, error) {
	plain, err := repo.Open(fs, repo.Options{})
	if err != nil {
		return nil, err
	}
	src, err := plain.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && !must {
		return cue.LoadConfig(file, nil)
	}
	if err != nil {
		return nil, err
	}
	// The same words and lines for broken YAML as in every other file.
	if _, err := repo.ParseDocuments(file, src); err != nil {
		return nil, err
	}
	return cue.LoadConfig(file, src)
}

var errNoRepository = errors.New("not in a GitOps repository")

// findRoot goes up from dir to the folder with the configuration or, failing that, with .git.
func findRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(start); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory; pass one with -C", dir)
	}
	for at := start; ; at = filepath.Dir(at) {
		for _, mark := range []string{cue.ConfigFile, ".git"} {
			if _, err := os.Lstat(filepath.Join(at, mark)); err == nil {
				return at, nil
			}
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%w: no .git or %s in this or any parent directory; change directory or use -C", errNoRepository, cue.ConfigFile)
		}
	}
}
