package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
	"github.com/redis-gitops/redis-gitops/rdb/source"
)

const importHelp = `Write the keys of a dump into a running Redis or Valkey: one server, the master behind Sentinels, a cluster, or a Redis that
runs in Kubernetes.

FILE is a dump.rdb or an append-only file, also compressed with gzip or zstd; the directory with the manifest of an
append-only file (appendonlydir); "-" for standard input; an http:// or https:// URL, such as a presigned one
of S3; @PATH, a file that holds such a URL, which no list of processes then shows; or a server: its data of one moment is then written as it arrives, without touching a disk, and the flags that begin
with --source- log in to it. Of a Redis Cluster every master is read, whichever node is given; --only-node reads that one.

%s
%s

Before the first write the whole dump is read and its checksum verified, and the target is asked whether it can take it:
role, version, memory, rights, keys that are there already. All problems are told at once. Every key is accounted for; what
was written is compared afterwards. An import that stops half way, also by SIGKILL, loss of power or a failover, goes on with
--resume; a checkpoint (without names of keys that went well, and without passwords) says from where.

The commands of an append-only file can only be replayed in order and as a whole: the target becomes a replica of this command
for that time (--method replication), so it has to be empty (or --flush), reachable in both directions, and not watched by
Sentinels. Filters do not apply. An interrupted replay starts again from the beginning.

No application should write to the databases meanwhile. At the end the keys are counted, and where the count does not prove that
all are there (the target evicted keys, other clients wrote or deleted, it was another process in between) every key is looked
for; keys that are missing are named.

Expiry is judged by the clock that set it: that of the server as FILE, which is asked for its time, or for a file the target's.
Where the clocks of source and target differ by more than 2 s, expiry times are moved by the difference; --source-clock says the
same of a file whose server's clock was wrong.

%s

Exit code: 0 all keys are there; 1 some failed or differ; 2 it could not begin, or stopped half way.

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
	server, source             serverFlags
	cluster                    clusterFlags
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
	f := &importFlags{source: serverFlags{prefix: "source-"}}
	c := &cobra.Command{
		Use:   "import FILE TARGET",
		Short: "Write the keys of a dump into a running Redis",
		Long:  fmt.Sprintf(importHelp, f.server.help(), namedServer, fmt.Sprintf(jobHelp, ", secret://NAME/KEY, a Secret\nwith the URL of a dump, or https://…")),
		Args:  fromUse,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.job.job && f.source != (serverFlags{prefix: f.source.prefix}):
				return errors.New("--source- flags are for a server as FILE, which a Job does not take")
			case f.job.job && f.flush && !f.yes:
				return errors.New("--flush of a Job needs --yes, because nobody is there to ask")
			case f.job.job:
				return a.makeJob(c, args[1], args[0], &f.job, &f.cluster, &f.server)
			case f.job.apply:
				return errApplyAlone
			}
			return a.runImport(c.Context(), args[0], args[1], f)
		},
	}
	f.filter.add(c)
	f.server.add(c)
	f.source.add(c)
	f.cluster.add(c)
	f.job.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.scan, "scan", false, "with a server as FILE: read it key by key where it forbids replication")
	flags.BoolVar(&f.onlyNode, "only-node", false, "with a server as FILE, "+onlyNodeUsage)
	flags.DurationVar(&f.sourceClock, "source-clock", 0, "how far the clock of the dump's server was ahead, such as -24h where it was a day behind: expiry times are moved by that (default: 0; of a server as FILE, it is asked for)")
	flags.BoolVar(&f.anonymous, "no-run-id", false, "take a target that does not tell its run_id (Dragonfly, a proxy): a restart of it is then not noticed at once, and every key is looked for at the end")
	flags.BoolVar(&f.replace, "replace", false, "write over keys that are there already")
	flags.BoolVar(&f.skip, "skip-existing", false, "leave keys that are there already as they are")
	flags.BoolVar(&f.flush, "flush", false, "empty the databases that keys go to first; asks for the target's name on a terminal")
	flags.BoolVar(&f.yes, "yes", false, "do not ask before --flush")
	c.MarkFlagsMutuallyExclusive("replace", "skip-existing", "flush")
	flags.StringVar(&f.method, "method", "auto", "restore (re-encoded for an older target), commands (slower, for servers without RESTORE), replication (an empty server loads the dump by itself, in half the time), or auto: restore, or commands where the target has no RESTORE")
	flags.StringVar(&f.verify, "verify", "sample", "compare afterwards: off, sample (1000 keys and the number of all) or full; servers before Redis 7.2 take what is compared for used")
	flags.BoolVar(&f.dryRun, "dry-run", false, "do all but writing")
	flags.BoolVar(&f.resume, "resume", false, "go on with an import that was interrupted")
	flags.StringVar(&f.checkpoint, "checkpoint", "", "the file that remembers how far the import is, or none (default: one for this dump and target in the user's folder of states)")
	flags.StringVar(&f.rate, "rate", "", "bytes a second at most, such as 20MB")
	flags.BoolVar(&f.ignoreRoom, "ignore-memory", false, "do not compare the estimate of memory with the target's maxmemory")
	flags.IntVar(&f.connections, "connections", 0, "connections to each server (default 4)")
	flags.DurationVar(&f.patience, "patience", 0, "how long to try to reach a target that does not answer (default 2m)")
	flags.StringVar(&f.listen, "listen", "", "with --method replication: the address to listen on for the target (default: any port of the address that it is reached from)")
	flags.StringVar(&f.announce, "announce", "", "with --method replication: the HOST:PORT where the target reaches that, if another")
	flags.StringVar(&f.progress, "progress", "auto", "auto (a bar on a terminal, else lines), json or none; on standard error")
	flags.StringVar(&f.output, "output", "text", "the report as text or json")
	complete(c, "method", []string{"auto", "restore", "commands", "replication"})
	complete(c, "verify", []string{"off", "sample", "full"})
	complete(c, "progress", []string{"auto", "json", "none"})
	complete(c, "output", []string{"text", "json"})
	return c
}

// heapGrowth is how much larger the heap may get before it is collected, in percent. An import makes little garbage and holds a
// few MB; half of the usual growth saves memory and costs nothing that could be measured.
const heapGrowth = 50

func (a *app) runImport(ctx context.Context, from, to string, f *importFlags) error {
	defer debug.SetGCPercent(debug.SetGCPercent(heapGrowth))
	opts, err := f.options()
	if err != nil {
		return err
	}
	target, err := a.master(ctx, to, &f.server, &f.cluster)
	if err != nil {
		return err
	}
	show, err := a.progressPrinter(f.progress)
	if err != nil {
		return err
	}
	defer show.end()
	src, release, err := a.importSource(ctx, from, f, show)
	if err != nil {
		return err
	}
	defer release()
	opts.Progress = show.print
	opts.Confirm = func(question string) error { return a.confirmFlush(question, target, f.yes, show) }
	if f.checkpoint != "none" && !opts.DryRun && !src.Once {
		store, err := newCheckpointFile(f.checkpoint, src.Name, target.String())
		if err != nil {
			return err
		}
		opts.Checkpoint = store
		defer func() { a.tell("checkpoint %s", store.path) }()
	}
	report, err := importer.Import(ctx, src, target, opts)
	show.end()
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
		return errCode(exitFindings)
	}
	return nil
}

// options gives what the flags say, all mistakes at once.
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
		errs = append(errs, errors.New("--connections: give 1 to 64"))
	}
	if f.output != "text" && f.output != "json" {
		errs = append(errs, fmt.Errorf("--output: unknown form %q; text or json", f.output))
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
	return values[0], fmt.Errorf("--%s: unknown value %q; %s%s", flag, word, diag.OneOf(words), diag.DidYouMean(word, words))
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
		return 0, fmt.Errorf("%q is no number of bytes; such as 500KB or 20MB", text)
	}
	return n * factor, nil
}

// importSource opens what is to be imported. What comes through a pipe or over the network is kept in a temporary file, because
// it is read twice; release removes that.
func (a *app) importSource(ctx context.Context, from string, f *importFlags, show *progressPrinter) (importer.Source, func(), error) {
	nothing := func() {}
	if file, ok := strings.CutPrefix(from, "@"); ok {
		text, err := readRegular(file, maxSecret)
		if err != nil {
			return importer.Source{}, nothing, err
		}
		if from = strings.TrimSpace(string(text)); !source.IsURL(from) {
			return importer.Source{}, nothing, fmt.Errorf("%s holds no URL of a dump; write one with http:// or https:// into it", file)
		}
	}
	switch {
	case source.IsURL(from):
		return a.spool(source.NameOf(from), func(w io.Writer) error {
			began := time.Now()
			return source.Download(ctx, nil, from, w, func(done, total int64) {
				show.print(importer.Progress{Stage: "downloading", Bytes: done, Total: total, Elapsed: time.Since(began)})
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
	server, err := a.target(from, &f.source)
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
	return fmt.Errorf("%w; the keys can be read one by one, slower and not of one moment, with --scan", err)
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

// piped gives what fill writes, and its error instead of an end.
func piped(fill func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(fill(w)) }()
	return r
}

// spool keeps what fill writes in a temporary file.
func (a *app) spool(name string, fill func(io.Writer) error) (importer.Source, func(), error) {
	f, err := os.CreateTemp("", "redis-gitops-*.rdb") // readable for its owner only
	if err != nil {
		return importer.Source{}, func() {}, err
	}
	done := a.leftovers.add(func() { os.Remove(f.Name()) })
	release := func() {
		f.Close()
		os.Remove(f.Name())
		done()
	}
	if err := fill(f); err != nil {
		release()
		return importer.Source{}, func() {}, err
	}
	info, err := f.Stat()
	if err != nil {
		release()
		return importer.Source{}, func() {}, err
	}
	s, err := source.File(name, info.Size(), func() (io.ReadSeekCloser, error) { return os.Open(f.Name()) })
	if err != nil {
		release()
		return importer.Source{}, func() {}, fmt.Errorf("%s: %w", name, err)
	}
	return s, release, nil
}

// confirmFlush has a person type the target's name.
func (a *app) confirmFlush(question string, target *redis.Target, yes bool, show *progressPrinter) error {
	if yes {
		return nil
	}
	if !a.terminal {
		return fmt.Errorf("%s; say --yes as well, because nobody is here to ask", question)
	}
	show.end()
	name := target.String()
	answer, err := a.ask(fmt.Sprintf("%s. Type %s to go on: ", question, name))
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
		return a.json(struct {
			*importer.Report
			Seconds float64 `json:"seconds"`
		}{r, r.Took.Seconds()})
	}
	for _, f := range r.Failures {
		a.errf("key %q of database %d (%s, offset %d): %s\n", f.Key, f.DB, f.Type, f.Offset, f.Reply)
	}
	if more := r.Total.Failed - min(r.Total.Failed, uint64(len(r.Failures))); more > 0 {
		a.errf("and %d more\n", more)
	}
	for _, d := range r.Differences {
		a.errf("key %q of database %d: %s\n", d.Key, d.DB, d.Reason)
	}
	for _, d := range r.Doubts {
		a.errf("%s %s\n", a.paint(red, "error:"), d)
	}
	for _, n := range r.Notes {
		a.errf("%s %s\n", a.paint(yellow, "note:"), n)
	}
	if a.quiet {
		return nil
	}
	w := a.table(tabwriter.AlignRight)
	w.row("db\ttype\tread\twritten\tskipped\texpired\tfiltered\tfailed\t")
	for _, row := range append(slices.Clone(r.Rows), importer.Row{DB: -1, Type: "all", Counts: r.Total}) {
		db := strconv.Itoa(row.DB)
		if row.DB < 0 {
			db = ""
		}
		w.row("%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t", db, row.Type, row.Read, row.Written, row.Skipped, row.Expired, row.Filtered, row.Failed)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.DryRun {
		if r.Replay != nil {
			a.say("then %d commands of the append-only file would be replayed", r.Replay.Commands)
		}
		a.say("nothing was written; the keys would take about %s in %s", rdb.FormatBytes(uint64(r.Estimate)), r.Target)
		return nil
	}
	rate := float64(r.Total.Written) / max(r.Took.Seconds(), 1e-3)
	line := fmt.Sprintf("%d keys in %.1f s (%.0f a second)", r.Total.Written, r.Took.Seconds(), rate)
	if r.Replay != nil {
		line = fmt.Sprintf("%d commands replayed, %d refused; ", r.Replay.Commands, r.Replay.Refused) + line
	}
	if r.Repaired > 0 {
		line += fmt.Sprintf("; %d were written again", r.Repaired)
	}
	if r.Verified > 0 {
		line += fmt.Sprintf("; %d compared, %d differ", r.Verified, r.Differing)
	}
	a.say("%s", line)
	return nil
}
