package datacmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const importHelp = `Import an RDB file into a running Redis or Valkey: a single server, a master
behind Sentinel, a cluster, or a Redis that runs in Kubernetes.

FILE is an RDB file (dump.rdb) or an append-only file, optionally compressed
with gzip or zstd; a directory with the manifest of a multi-part append-only
file (appendonlydir); "-" for standard input; an http:// or https:// URL, such
as a presigned S3 URL; @PATH, a file that contains such a URL, to keep it out of
the process list; or a server, whose snapshot is imported as it arrives, without
temporary files, using the --source-* flags to connect. For a Redis Cluster, all
masters are read, whichever node is given; --only-node reads only that node.

%s %s

Before the first write, the whole dump is read, its checksum is verified, and
the target is checked: role, version, memory, permissions and existing keys.
Reports all problems at once, accounts for every key, and verifies what was
written. Use --resume to continue an interrupted import, even after SIGKILL,
power loss or a failover; the checkpoint contains no passwords and no names of
imported keys.

The commands of an append-only file are replayed in order and as a whole: the
target temporarily becomes a replica of this command (--method replication), so
it must be empty (or use --flush), able to connect back, and not monitored by
Sentinel. Filters do not apply. An interrupted replay restarts from the
beginning.

Stop other writers to these databases during the import. The keys are counted at
the end. If the count cannot prove that all keys exist (the target evicted keys,
other clients wrote or deleted keys, or it restarted), every key is looked up,
and missing keys are listed.

Expiry times are relative to the clock that set them: of the source server, if
FILE is one, or else of the target. If the clocks of source and target differ by
more than 2 s, expiry times are adjusted by the difference; use --source-clock
if the clock of the server that wrote the file was wrong.

%s

%s

Exit codes: 0 all keys were imported, and with --follow the target is equal at
the cut-over; 1 some keys failed or differ; 2 the import did not start, or was
interrupted.

Examples:
  redis-gitops import dump.rdb redis://localhost:6379
  redis-gitops import dump.rdb.gz rediss://redis.example.com/3 --map-db 0:3 --tls-ca ca.pem --password-file secret
  redis-gitops import dump.rdb redis+sentinel://rfs-shop:26379/mymaster --resume
  redis-gitops import dump.rdb shop --namespace production
  redis-gitops import pvc://dumps/shop.rdb shop --job --image registry.example.com/redis-gitops:1 | kubectl apply -f -
  redis-gitops import pvc://dumps/shop.rdb shop --job --apply --image registry.example.com/redis-gitops:1
  redis-gitops import redis://old.example.com shop --namespace production --follow --cutover
  redis-gitops import rediss://old.example.com redis://new --source-username backup --source-password-file secret
  redis-gitops import https://bucket.s3.amazonaws.com/dump.rdb?X-Amz-Signature=… redis://localhost --match 'user:*' --dry-run`

// importOptions are those of import.
type importOptions struct {
	*env.Env
	server                     flags.Server
	source                     importSource
	cluster                    flags.Cluster
	job                        jobFlags
	sourceClock                time.Duration
	anonymous                  bool
	filter                     filterFlags
	replace, skip, flush, yes  bool
	method, verify             string
	dryRun, resume, ignoreRoom bool
	checkpoint, rate           string
	progress, output           string
	connections                int
	listen, announce           string
	patience                   time.Duration
	follow                     followFlags
}

func newImport(e *env.Env) *cobra.Command {
	o := &importOptions{Env: e, source: importSource{server: flags.Server{Prefix: "source-"}}}
	c := &cobra.Command{
		Use:   "import FILE TARGET",
		Short: "Import an RDB file into a running Redis",
		Long:  fmt.Sprintf(importHelp, o.server.Help(), resolve.NamedServer, followHelp, fmt.Sprintf(jobHelp, ", secret://NAME/KEY, a Secret\nwith the URL of a dump, or https://…")),
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case o.job.job && o.follow.follow:
				return o.follow.check(c, args[0])
			case o.job.job && o.source.server.Given():
				return errors.New("--source-* flags require a server as FILE, which --job does not support")
			case o.job.job && o.flush && !o.yes:
				return errors.New("--flush with --job needs --yes (a Job cannot prompt)")
			case o.job.job:
				return makeJob(e, c, args[1], args[0], &o.job, &o.cluster, &o.server)
			case o.job.apply:
				return errApplyAlone
			}
			if err := o.follow.check(c, args[0]); err != nil {
				return err
			}
			return o.run(c.Context(), args[0], args[1])
		},
	}
	o.filter.add(c)
	o.follow.add(c)
	o.server.Add(c)
	o.source.server.Add(c)
	o.cluster.Add(c)
	o.job.add(c)
	o.addSending(c)
	set := c.Flags()
	set.BoolVar(&o.source.scan, "scan", false, "with a server as FILE: read it key by key if it does not permit replication")
	set.BoolVar(&o.source.onlyNode, "only-node", false, "with a server as FILE, "+onlyNodeUsage)
	set.DurationVar(&o.sourceClock, "source-clock", 0, "how far the clock of the server that wrote the dump was ahead, such as -24h if it was a day behind; expiry times are adjusted by it (default: 0, or measured if FILE is a server)")
	set.BoolVar(&o.anonymous, "no-run-id", false, "allow a target without a run_id (Dragonfly, a proxy): restarts are then not detected at once, and every key is looked up at the end")
	set.StringVar(&o.method, "method", "auto", "restore (re-encoded for older targets), commands (slower, for servers without RESTORE), replication (an empty server loads the dump as a replica, in half the time), or auto: restore, or else commands if the target has no RESTORE")
	set.BoolVar(&o.resume, "resume", false, "continue an interrupted import")
	set.StringVar(&o.checkpoint, "checkpoint", "", "checkpoint file, or none (default: a file for this dump and target in the user's state directory)")
	set.StringVar(&o.listen, "listen", "", "with --method replication: address the target connects back to (default: a free port on the local address)")
	set.StringVar(&o.announce, "announce", "", "with --method replication: HOST:PORT that the target connects to, if different from --listen")
	flags.AddOutput(c, &o.output, "text", "json")
	flags.Complete(c, "method", []string{"auto", "restore", "commands", "replication"})
	return c
}

// addSending adds the flags about the target: the keys that it has, and how others are sent and verified.
func (o *importOptions) addSending(c *cobra.Command) {
	set := c.Flags()
	set.BoolVar(&o.replace, "replace", false, "overwrite existing keys")
	set.BoolVar(&o.skip, "skip-existing", false, "keep existing keys")
	set.BoolVar(&o.flush, "flush", false, "delete all keys of the target databases first; prompts for the name of the target on a terminal")
	set.BoolVar(&o.yes, "yes", false, "do not prompt before --flush")
	c.MarkFlagsMutuallyExclusive("replace", "skip-existing", "flush")
	set.BoolVar(&o.dryRun, "dry-run", false, "check everything, write nothing")
	set.BoolVar(&o.ignoreRoom, "ignore-memory", false, "skip the check that the data fits into the target's maxmemory")
	set.StringVar(&o.verify, "verify", "sample", "verify afterwards: off, sample (1000 keys and the key count) or full; before Redis 7.2, this updates the LRU and LFU of the compared keys")
	set.StringVar(&o.rate, "rate", "", "limit of bytes per second, such as 20MB")
	set.IntVar(&o.connections, "connections", 0, "connections per server (default 4)")
	set.DurationVar(&o.patience, "patience", 0, "how long to retry while the target is unreachable (default 2m)")
	set.StringVar(&o.progress, "progress", "auto", "progress on standard error: auto (a bar on a terminal, or else lines), json or none")
	flags.Complete(c, "verify", []string{"off", "sample", "full"})
	flags.Complete(c, "progress", ui.ProgressModes)
}

func (o *importOptions) run(ctx context.Context, from, to string) error {
	defer memlimit.CollectOften()()
	opts, err := o.options()
	if err != nil {
		return err
	}
	target, err := resolve.Master(ctx, o.Env, to, &o.server, &o.cluster)
	if err != nil {
		return err
	}
	show, err := o.NewProgress(o.progress)
	if err != nil {
		return err
	}
	defer show.End()
	if o.follow.follow {
		opts.Progress = func(now account.Progress) { show.Print(importStatus(now)) }
		opts.Confirm = func(question string) error { return o.confirm(ctx, question, target, show) }
		return o.follow.run(ctx, o.Env, from, &o.source, target, opts, show, o.output)
	}
	src, release, err := o.source.open(ctx, o.Env, from, show)
	if err != nil {
		return err
	}
	defer release()
	_, err = o.into(ctx, src, target, opts, show)
	return err
}

// into imports a source that is open and prints the report.
func (o *importOptions) into(ctx context.Context, src plan.Source, target *redis.Target, opts plan.Options, show *ui.Progress) (*account.Report, error) {
	opts.Progress = func(now account.Progress) { show.Print(importStatus(now)) }
	opts.Confirm = func(question string) error { return o.confirm(ctx, question, target, show) }
	if o.checkpoint != "none" && !opts.DryRun && !src.Once {
		store, err := newCheckpointFile(o.checkpoint, src.Name, target.String())
		if err != nil {
			return nil, err
		}
		opts.Checkpoint = store
		defer func() { o.Debugf("checkpoint %s", store.path) }()
	}
	report, err := importer.Import(ctx, src, target, opts)
	show.End()
	var stopped *importer.Interrupted
	begun := err == nil || errors.As(err, &stopped) || report.Total.Read > 0
	if begun {
		if e := printImport(o.Env, report, o.output); e != nil {
			return report, e
		}
	}
	switch {
	case err != nil && ctx.Err() != nil && stopped != nil:
		stopped.Err = errors.New("interrupted")
		return report, stopped
	case err != nil && ctx.Err() != nil:
		return report, errors.New("interrupted before the first write")
	case err != nil:
		return report, err
	case report.Failed() > 0:
		return report, exitcode.Code(exitcode.Findings)
	}
	return report, nil
}

// options returns what the flags say, all mistakes at once.
func (o *importOptions) options() (plan.Options, error) {
	var errs []error
	filter, err := o.filter.filter()
	if err != nil {
		errs = append(errs, err)
	}
	opts := plan.Options{
		Filter: filter, DryRun: o.dryRun, Resume: o.resume, IgnoreRoom: o.ignoreRoom, SourceClock: o.sourceClock, Anonymous: o.anonymous, Connections: o.connections, Patience: o.patience,
		Replication: plan.ReplicationOptions{Listen: o.listen, Announce: o.announce},
	}
	switch {
	case o.replace:
		opts.Existing = plan.Replace
	case o.skip:
		opts.Existing = plan.Skip
	case o.flush:
		opts.Existing = plan.Flush
	}
	if opts.Method, err = oneOf("method", o.method, plan.Auto, plan.Restore, plan.Commands, plan.Replication); err != nil {
		errs = append(errs, err)
	}
	if opts.Verify, err = oneOf("verify", o.verify, plan.VerifySample, plan.VerifyFull, plan.VerifyOff); err != nil {
		errs = append(errs, err)
	}
	if opts.Rate, err = parseBytes(o.rate); err != nil {
		errs = append(errs, fmt.Errorf("--rate: %w", err))
	}
	if o.connections < 0 || o.connections > 64 {
		errs = append(errs, errors.New("--connections must be between 1 and 64"))
	}
	return opts, errors.Join(errs...)
}

// oneOf finds the value whose word it is.
func oneOf[T fmt.Stringer](flag, word string, values ...T) (T, error) {
	var words []string
	for _, v := range values {
		if v.String() == word {
			return v, nil
		}
		words = append(words, v.String())
	}
	return values[0], fmt.Errorf("--%s: unknown value %q; %s%s", flag, word, finding.OneOf(words), finding.DidYouMean(word, words))
}

// parseBytes reads a number of bytes, with KB, MB or GB (steps of 1024) where it is large.
func parseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number, factor := strings.ToUpper(text), int64(1)
	for unit, f := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, factor = n, f
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("invalid size %q; use for example 500KB or 20MB", text)
	}
	return n * factor, nil
}

// confirm has a person type the target's name.
func (o *importOptions) confirm(ctx context.Context, question string, target *redis.Target, show *ui.Progress) error {
	if o.yes {
		return nil
	}
	if !o.Terminal {
		return fmt.Errorf("%s; add --yes to confirm (no terminal to prompt)", question)
	}
	show.End()
	name := target.String()
	answer, err := o.Ask(ctx, fmt.Sprintf("%s. Type %s to continue: ", question, name))
	if err != nil {
		return err
	}
	if answer != name {
		return errors.New("not confirmed; nothing was written")
	}
	return nil
}
