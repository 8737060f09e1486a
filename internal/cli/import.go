package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/internal/spool"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
	"github.com/redis-gitops/redis-gitops/rdb/source"
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

Exit codes: 0 all keys were imported; 1 some keys failed or differ; 2 the import
did not start, or was interrupted.

Examples:
  redis-gitops import dump.rdb redis://localhost:6379
  redis-gitops import dump.rdb.gz rediss://redis.example.com/3 --map-db 0:3 --tls-ca ca.pem --password-file secret
  redis-gitops import dump.rdb redis+sentinel://rfs-shop:26379/mymaster --resume
  redis-gitops import dump.rdb shop --namespace production
  redis-gitops import pvc://dumps/shop.rdb shop --job --image registry.example.com/redis-gitops:1 | kubectl apply -f -
  redis-gitops import pvc://dumps/shop.rdb shop --job --apply --image registry.example.com/redis-gitops:1
  redis-gitops import rediss://old.example.com redis://new --source-username backup --source-password-file secret
  redis-gitops import https://bucket.s3.amazonaws.com/dump.rdb?X-Amz-Signature=… redis://localhost --match 'user:*' --dry-run`

// importFlags are those of import.
type importFlags struct {
	server, source             flags.Server
	cluster                    flags.Cluster
	job                        jobFlags
	scan, onlyNode             bool
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
}

func (a *app) importCommand() *cobra.Command {
	f := &importFlags{source: flags.Server{Prefix: "source-"}}
	c := &cobra.Command{
		Use:   "import FILE TARGET",
		Short: "Import an RDB file into a running Redis",
		Long:  fmt.Sprintf(importHelp, f.server.Help(), resolve.NamedServer, fmt.Sprintf(jobHelp, ", secret://NAME/KEY, a Secret\nwith the URL of a dump, or https://…")),
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.job.job && f.source.Given():
				return errors.New("--source-* flags require a server as FILE, which --job does not support")
			case f.job.job && f.flush && !f.yes:
				return errors.New("--flush with --job needs --yes (a Job cannot prompt)")
			case f.job.job:
				return a.makeJob(c, args[1], args[0], &f.job, &f.cluster, &f.server)
			case f.job.apply:
				return errApplyAlone
			}
			return a.runImport(c.Context(), args[0], args[1], f)
		},
	}
	f.filter.add(c)
	f.server.Add(c)
	f.source.Add(c)
	f.cluster.Add(c)
	f.job.add(c)
	set := c.Flags()
	set.BoolVar(&f.scan, "scan", false, "with a server as FILE: read it key by key if it does not permit replication")
	set.BoolVar(&f.onlyNode, "only-node", false, "with a server as FILE, "+onlyNodeUsage)
	set.DurationVar(&f.sourceClock, "source-clock", 0, "how far the clock of the server that wrote the dump was ahead, such as -24h if it was a day behind; expiry times are adjusted by it (default: 0, or measured if FILE is a server)")
	set.BoolVar(&f.anonymous, "no-run-id", false, "allow a target without a run_id (Dragonfly, a proxy): restarts are then not detected at once, and every key is looked up at the end")
	set.BoolVar(&f.replace, "replace", false, "overwrite existing keys")
	set.BoolVar(&f.skip, "skip-existing", false, "keep existing keys")
	set.BoolVar(&f.flush, "flush", false, "delete all keys of the target databases first; prompts for the name of the target on a terminal")
	set.BoolVar(&f.yes, "yes", false, "do not prompt before --flush")
	c.MarkFlagsMutuallyExclusive("replace", "skip-existing", "flush")
	set.StringVar(&f.method, "method", "auto", "restore (re-encoded for older targets), commands (slower, for servers without RESTORE), replication (an empty server loads the dump as a replica, in half the time), or auto: restore, or else commands if the target has no RESTORE")
	set.StringVar(&f.verify, "verify", "sample", "verify afterwards: off, sample (1000 keys and the key count) or full; before Redis 7.2, this updates the LRU and LFU of the compared keys")
	set.BoolVar(&f.dryRun, "dry-run", false, "check everything, write nothing")
	set.BoolVar(&f.resume, "resume", false, "continue an interrupted import")
	set.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint file, or none (default: a file for this dump and target in the user's state directory)")
	set.StringVar(&f.rate, "rate", "", "limit of bytes per second, such as 20MB")
	set.BoolVar(&f.ignoreRoom, "ignore-memory", false, "skip the check that the data fits into the target's maxmemory")
	set.IntVar(&f.connections, "connections", 0, "connections per server (default 4)")
	set.DurationVar(&f.patience, "patience", 0, "how long to retry while the target is unreachable (default 2m)")
	set.StringVar(&f.listen, "listen", "", "with --method replication: address the target connects back to (default: a free port on the local address)")
	set.StringVar(&f.announce, "announce", "", "with --method replication: HOST:PORT that the target connects to, if different from --listen")
	set.StringVar(&f.progress, "progress", "auto", "progress on standard error: auto (a bar on a terminal, or else lines), json or none")
	flags.AddOutput(c, &f.output, "text", "json")
	flags.Complete(c, "method", []string{"auto", "restore", "commands", "replication"})
	flags.Complete(c, "verify", []string{"off", "sample", "full"})
	flags.Complete(c, "progress", ui.ProgressModes)
	return c
}

func (a *app) runImport(ctx context.Context, from, to string, f *importFlags) error {
	defer memlimit.CollectOften()()
	opts, err := f.options()
	if err != nil {
		return err
	}
	target, err := resolve.Master(ctx, a.Env, to, &f.server, &f.cluster)
	if err != nil {
		return err
	}
	show, err := a.NewProgress(f.progress)
	if err != nil {
		return err
	}
	defer show.End()
	src, release, err := a.importSource(ctx, from, f, show)
	if err != nil {
		return err
	}
	defer release()
	opts.Progress = func(now importer.Progress) { show.Print(ui.Status(now)) }
	opts.Confirm = func(question string) error { return a.confirmFlush(ctx, question, target, f.yes, show) }
	if f.checkpoint != "none" && !opts.DryRun && !src.Once {
		store, err := newCheckpointFile(f.checkpoint, src.Name, target.String())
		if err != nil {
			return err
		}
		opts.Checkpoint = store
		defer func() { a.Debugf("checkpoint %s", store.path) }()
	}
	report, err := importer.Import(ctx, src, target, opts)
	show.End()
	var stopped *importer.Interrupted
	begun := err == nil || errors.As(err, &stopped) || report.Total.Read > 0
	if begun {
		if e := a.printImport(report, f.output); e != nil {
			return e
		}
	}
	switch {
	case err != nil && ctx.Err() != nil && stopped != nil:
		stopped.Err = errors.New("interrupted")
		return stopped
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted before the first write")
	case err != nil:
		return err
	case report.Failed() > 0:
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

// options returns what the flags say, all mistakes at once.
func (f *importFlags) options() (importer.Options, error) {
	var errs []error
	filter, err := f.filter.filter()
	if err != nil {
		errs = append(errs, err)
	}
	opts := importer.Options{
		Filter: filter, DryRun: f.dryRun, Resume: f.resume, IgnoreRoom: f.ignoreRoom, SourceClock: f.sourceClock, Anonymous: f.anonymous, Connections: f.connections, Patience: f.patience,
		Replication: importer.ReplicationOptions{Listen: f.listen, Announce: f.announce},
	}
	switch {
	case f.replace:
		opts.Existing = importer.Replace
	case f.skip:
		opts.Existing = importer.Skip
	case f.flush:
		opts.Existing = importer.Flush
	}
	if opts.Method, err = oneOf("method", f.method, importer.Auto, importer.Restore, importer.Commands, importer.Replication); err != nil {
		errs = append(errs, err)
	}
	if opts.Verify, err = oneOf("verify", f.verify, importer.VerifySample, importer.VerifyFull, importer.VerifyOff); err != nil {
		errs = append(errs, err)
	}
	if opts.Rate, err = parseBytes(f.rate); err != nil {
		errs = append(errs, fmt.Errorf("--rate: %w", err))
	}
	if f.connections < 0 || f.connections > 64 {
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

// importSource opens what is to be imported. What comes through a pipe or over the network is kept in a temporary file, because
// it is read twice; release removes that.
func (a *app) importSource(ctx context.Context, from string, f *importFlags, show *ui.Progress) (importer.Source, func(), error) {
	nothing := func() {}
	if file, ok := strings.CutPrefix(from, "@"); ok {
		text, err := inputfile.Read(file, inputfile.MaxSecret)
		if err != nil {
			return importer.Source{}, nothing, err
		}
		if from = strings.TrimSpace(string(text)); !source.IsURL(from) {
			return importer.Source{}, nothing, fmt.Errorf("%s does not contain an http:// or https:// URL", file)
		}
	}
	switch {
	case source.IsURL(from):
		return a.spool(source.NameOf(from), func(w io.Writer) error {
			began := time.Now()
			return source.Download(ctx, nil, from, w, func(done, total int64) {
				show.Print(ui.Status{Stage: "downloading", Bytes: done, Total: total, Elapsed: time.Since(began)})
			})
		})
	case from == "-":
		in, err := a.openDump(from)
		if err != nil {
			return importer.Source{}, nothing, err
		}
		return a.spool("standard input", func(w io.Writer) error {
			_, err := io.Copy(w, in)
			return err
		})
	case redis.IsTarget(from):
		s, err := a.liveSource(ctx, from, f)
		return s, nothing, err
	}
	if err := source.Check(from); err != nil {
		return importer.Source{}, nothing, err
	}
	if info, err := os.Stat(from); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
		s, err := fileSource(from, info)
		return s, nothing, inFile(from, err)
	}
	in, err := a.openDump(from)
	if err != nil {
		return importer.Source{}, nothing, err
	}
	return a.spool(from, func(w io.Writer) error { // a pipe or device
		defer in.Close()
		_, err := io.Copy(w, in)
		return err
	})
}

// liveSource is the data of a running server, as it arrives.
func (a *app) liveSource(ctx context.Context, from string, f *importFlags) (importer.Source, error) {
	server, err := f.source.Target(a.UI, from)
	if err != nil {
		return importer.Source{}, err
	}
	var about snapshot.Source
	if !f.onlyNode {
		if about, err = snapshot.Describe(ctx, server, snapshot.Options{FromMaster: true}); err != nil {
			return importer.Source{}, err
		}
	}
	live := &importer.Live{Clock: about.Clock, FieldTTL: about.FieldTTL}
	if live.Modules, err = snapshot.Modules(ctx, server); err != nil {
		return importer.Source{}, err
	}
	live.FindTypes = func(ctx context.Context, types []string) ([]string, error) {
		return snapshot.FindTypes(ctx, server, about.Cluster, types)
	}
	s := importer.Source{Name: server.String(), Once: true, Live: live}
	for _, id := range []string{about.RunID, about.ReplID} {
		if id != "" {
			live.IDs = append(live.IDs, id)
		}
	}
	if about.Cluster {
		if live.IDs, err = snapshot.ClusterIDs(ctx, server); err != nil {
			return importer.Source{}, err
		}
	}
	s.Open = func(ctx context.Context, _ int64) (io.ReadCloser, error) {
		if about.Cluster {
			return clusterStream(ctx, server, f.scan)
		}
		return serverStream(ctx, server, f.scan)
	}
	return s, nil
}

// useScan adds to a refusal that there is another way.
func useScan(err error) error {
	return fmt.Errorf("%w; use --scan to read the keys one by one (slower, and not a consistent snapshot)", err)
}

// serverStream is the data of one server.
func serverStream(ctx context.Context, server *redis.Target, scan bool) (io.ReadCloser, error) {
	live, err := snapshot.Open(ctx, server, snapshot.Options{})
	if err == nil {
		return live, nil
	}
	if !errors.Is(err, snapshot.ErrForbidden) {
		return nil, err
	}
	if !scan {
		return nil, useScan(err)
	}
	return piped(func(w io.Writer) error {
		_, err := snapshot.Scan(ctx, server, w, snapshot.Options{}, nil)
		return err
	}), nil
}

// clusterStream is the data of every master of a cluster, as one dump.
func clusterStream(ctx context.Context, server *redis.Target, scan bool) (io.ReadCloser, error) {
	return piped(func(w io.Writer) error {
		out := &firstWrite{w: w}
		_, err := snapshot.Cluster(ctx, server, out, snapshot.Options{FromMaster: true}, nil)
		if !errors.Is(err, snapshot.ErrForbidden) {
			return err
		}
		if !scan {
			return useScan(err)
		}
		if out.written {
			return err
		}
		_, err = snapshot.ClusterScan(ctx, server, w, snapshot.Options{}, nil)
		return err
	}), nil
}

// piped returns what fill writes, and its error instead of an end.
func piped(fill func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(fill(w)) }()
	return r
}

// spool keeps what fill writes in a temporary file.
func (a *app) spool(name string, fill func(io.Writer) error) (importer.Source, func(), error) {
	f, err := spool.Create("redis-gitops-*.rdb")
	if err != nil {
		return importer.Source{}, func() {}, err
	}
	done := a.AtExit(f.Remove)
	release := func() {
		f.Remove()
		done()
	}
	if err := fill(f); err != nil {
		release()
		return importer.Source{}, func() {}, err
	}
	size, err := f.Size()
	if err != nil {
		release()
		return importer.Source{}, func() {}, err
	}
	s, err := source.File(name, size, f.Open)
	if err != nil {
		release()
		return importer.Source{}, func() {}, fmt.Errorf("%s: %w", name, err)
	}
	return s, release, nil
}

// confirmFlush has a person type the target's name.
func (a *app) confirmFlush(ctx context.Context, question string, target *redis.Target, yes bool, show *ui.Progress) error {
	if yes {
		return nil
	}
	if !a.Terminal {
		return fmt.Errorf("%s; add --yes to confirm (no terminal to prompt)", question)
	}
	show.End()
	name := target.String()
	answer, err := a.Ask(ctx, fmt.Sprintf("%s. Type %s to continue: ", question, name))
	if err != nil {
		return err
	}
	if answer != name {
		return errors.New("not confirmed; nothing was written")
	}
	return nil
}

func (a *app) printImport(r *importer.Report, form string) error {
	if form == "json" {
		return a.JSON(struct {
			*importer.Report
			Seconds float64 `json:"seconds"`
		}{r, r.Took.Seconds()})
	}
	for _, f := range r.Failures {
		where := fmt.Sprintf(" (%s, offset %d)", f.Type, f.Offset)
		if f.Type == "any" { // a key that commands made
			where = ""
		}
		a.PrintErrf("key %q in database %d%s: %s\n", f.Key, f.DB, where, f.Reply)
	}
	if more := r.Total.Failed - min(r.Total.Failed, uint64(len(r.Failures))); more > 0 {
		a.PrintErrf("and %d more\n", more)
	}
	for _, d := range r.Differences {
		a.PrintErrf("key %q in database %d: %s\n", d.Key, d.DB, d.Reason)
	}
	for _, d := range r.Doubts {
		a.PrintErrf("%s %s\n", a.Paint(ui.Red, "error:"), d)
	}
	for _, n := range r.Notes {
		a.PrintErrf("%s %s\n", a.Paint(ui.Yellow, "note:"), n)
	}
	if a.Quiet {
		return nil
	}
	w := a.Table(tabwriter.AlignRight)
	w.Row("db\ttype\tread\twritten\tskipped\texpired\tfiltered\tfailed\t")
	for _, row := range append(slices.Clone(r.Rows), importer.Row{DB: -1, Type: "all", Counts: r.Total}) {
		db := strconv.Itoa(row.DB)
		if row.DB < 0 {
			db = ""
		}
		w.Row("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t", db, row.Type, row.Read, row.Written, row.Skipped, row.Expired, row.Filtered, row.Failed)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.DryRun {
		if r.Replay != nil {
			a.Infof("then %s of the append-only file would be replayed", finding.Count(r.Replay.Commands, "command"))
		}
		a.Infof("nothing was written; the keys need about %s in %s", rdb.FormatBytes(uint64(r.Estimate)), r.Target)
		return nil
	}
	rate := float64(r.Total.Written) / max(r.Took.Seconds(), 1e-3)
	line := fmt.Sprintf("%s in %.1f s (%.0f/s)", finding.Count(r.Total.Written, "key"), r.Took.Seconds(), rate)
	if r.Replay != nil {
		line = fmt.Sprintf("%s replayed, %d refused; ", finding.Count(r.Replay.Commands, "command"), r.Replay.Refused) + line
	}
	if r.Repaired > 0 {
		line += fmt.Sprintf("; %d were rewritten", r.Repaired)
	}
	if r.Verified > 0 {
		line += fmt.Sprintf("; %d compared, %d differ", r.Verified, r.Differing)
	}
	a.Infof("%s", line)
	return nil
}
