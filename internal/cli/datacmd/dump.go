package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/backup"
	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

const dumpHelp = `Dump a running Redis or Valkey to an RDB file: a snapshot of all its data,
received like a replica. With Sentinel, or in Kubernetes, the snapshot comes
from a replica if one is available, to spare the master.

%s %s

FILE is written atomically after its checksum is verified; the extension .gz or
.zst compresses it, "-" is standard output. Only the owner can read it.

The server forks to create the snapshot. The user needs these permissions: ACL
SETUSER NAME +psync +replconf +ping +info +role +time, and for a cluster
+cluster|nodes +cluster|info. If the provider does not permit replication,
--scan reads the keys one by one instead: slower, with up to 150 bytes of memory
per key, and without a consistent snapshot, so writes during the dump may be
missing.

For a Redis Cluster, SOURCE is any node: FILE contains the keys of all masters,
each a snapshot taken at the same time, but not consistent across nodes. Every
master must be reachable at the address the cluster announces. The dump fails if
a slot is not served, or if slots or masters change meanwhile. --only-node dumps
the keys of one node.

%s

Examples:
  redis-gitops dump redis://localhost:6379 dump.rdb
  REDIS_PASSWORD=… redis-gitops dump rediss://redis.example.com dump.rdb.zst --username backup --scan
  redis-gitops dump redis+sentinel://rfs-shop:26379/mymaster - | redis-gitops rdb info -
  redis-gitops dump shop shop.rdb --namespace production
  redis-gitops dump shop pvc://dumps/shop.rdb --job --image registry.example.com/redis-gitops:1 | kubectl apply -f -`

// dumpOptions are those of dump and of backup create.
type dumpOptions struct {
	*env.Env
	server     flags.Server
	cluster    flags.Cluster
	job        jobFlags
	scan       bool
	onlyNode   bool
	fromMaster bool
	progress   string
}

// addSource adds the flags about what is read.
func (o *dumpOptions) addSource(c *cobra.Command) {
	o.server.Add(c)
	o.cluster.Add(c)
	set := c.Flags()
	set.BoolVar(&o.scan, "scan", false, "read key by key if the server does not permit replication")
	set.BoolVar(&o.onlyNode, "only-node", false, onlyNodeUsage)
	set.BoolVar(&o.fromMaster, "from-master", false, "read from the master even if a replica is available")
	set.StringVar(&o.progress, "progress", "auto", "progress on standard error: auto (a bar on a terminal, or else lines), json or none")
	flags.Complete(c, "progress", ui.ProgressModes)
}

func newDump(e *env.Env) *cobra.Command {
	o := &dumpOptions{Env: e}
	c := &cobra.Command{
		Use:   "dump SOURCE FILE",
		Short: "Dump a running Redis to an RDB file",
		Long:  fmt.Sprintf(dumpHelp, o.server.Help(), resolve.NamedServer, fmt.Sprintf(jobHelp, "")),
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case o.job.job:
				return makeJob(e, c, args[0], args[1], &o.job, &o.cluster, &o.server)
			case o.job.apply:
				return errApplyAlone
			}
			return o.run(c.Context(), args[0], args[1])
		},
	}
	o.addSource(c)
	o.job.add(c)
	return c
}

func (o *dumpOptions) run(ctx context.Context, from, to string) error {
	d, err := o.open(ctx, from)
	if err != nil {
		return err
	}
	defer d.show.End()
	err = writeOutput(o.Env, to, func(w io.Writer) error { return d.fill(ctx, w) })
	d.show.End()
	switch {
	case err != nil && ctx.Err() != nil:
		return ui.ErrInterrupted
	case err != nil:
		return err
	}
	summary := to + ": " + d.summary
	if to == "-" {
		o.PrintErrf("%s\n", d.summary)
	} else {
		o.Infof("%s", summary)
	}
	return nil
}

// open finds a server, and whether it is a node of a cluster.
func (o *dumpOptions) open(ctx context.Context, from string) (*dumper, error) {
	way := (*cluster.Cluster).ReplicaTarget
	if o.fromMaster {
		way = (*cluster.Cluster).MasterTarget
	}
	source, err := resolve.Server(ctx, o.Env, from, &o.server, &o.cluster, way)
	if err != nil {
		return nil, err
	}
	show, err := o.NewProgress(o.progress)
	if err != nil {
		return nil, err
	}
	var about snapshot.Source
	if !o.onlyNode {
		if about, err = snapshot.Describe(ctx, source, snapshot.Options{FromMaster: o.fromMaster}); err != nil {
			return nil, err
		}
	}
	if about.Cluster && source.Dial != nil { // a replica's target leads to that pod only; this one leads to each node by its address
		if source, err = resolve.Server(ctx, o.Env, from, &o.server, &o.cluster, (*cluster.Cluster).MasterTarget); err != nil {
			return nil, err
		}
	}
	d := &dumper{dumpOptions: o, source: source, about: about, show: show, began: time.Now()}
	d.clock(about)
	return d, nil
}

// A dumper fills one output.
type dumper struct {
	*dumpOptions
	source  *redis.Target
	about   snapshot.Source
	show    *ui.Progress
	began   time.Time
	summary string
	dumped  backup.Dump
}

func (d *dumper) warn(format string, args ...any) {
	d.show.End()
	d.PrintErrf("%s %s\n", d.Paint(ui.Yellow, "warning:"), ui.Trusted(d.Sprintf(format, args...)))
}

// fill writes the dump of the server, or of all masters of its cluster.
func (d *dumper) fill(ctx context.Context, w io.Writer) error {
	if d.about.Cluster {
		return d.wholeCluster(ctx, w)
	}
	return d.oneServer(ctx, w)
}

func (d *dumper) oneServer(ctx context.Context, w io.Writer) error {
	opts := snapshot.Options{FromMaster: d.fromMaster, Waiting: func() {
		d.show.Print(ui.Status{Stage: "waiting for the snapshot of the server", Elapsed: time.Since(d.began)})
	}}
	s, err := snapshot.Open(ctx, d.source, opts)
	if errors.Is(err, snapshot.ErrForbidden) {
		if !d.scan {
			return useScan(err)
		}
		d.warn("%v; reading key by key, which is not a consistent snapshot", err)
		return d.scanKeys(ctx, w, opts)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	d.note(s.Source)
	saved, err := rdb.Save(w, &progressReader{r: s, total: s.Size, d: d})
	if err != nil {
		return fmt.Errorf("cannot dump %s: %w", s.Source.Addr, err)
	}
	d.dumped = backup.Dump{RDB: saved.Version, Keys: saved.Keys, Counted: saved.Unknown == nil}
	checksum := "no checksum (rdbchecksum no)"
	if saved.Checksum {
		checksum = "checksum OK"
	}
	keys := finding.Count(saved.Keys, "key")
	if saved.Unknown != nil {
		keys = "keys not counted"
		d.warn("this version of redis-gitops cannot parse the whole dump, so only its checksum was verified: %v", saved.Unknown)
	}
	d.summary = fmt.Sprintf("%s, %s, RDB version %d, %s, from %s", keys, rdb.FormatBytes(uint64(saved.Bytes)), saved.Version, checksum, sourceName(s.Source))
	return nil
}

func (d *dumper) scanKeys(ctx context.Context, w io.Writer, opts snapshot.Options) error {
	stats, err := snapshot.Scan(ctx, d.source, w, opts, func(s *snapshot.ScanStats) {
		d.show.Print(ui.Status{Stage: "reading keys", Bytes: int64(s.Bytes), Keys: s.Keys, Elapsed: time.Since(d.began)})
	})
	if err != nil {
		return err
	}
	d.note(stats.Source)
	d.dumped = backup.Dump{RDB: stats.Version, Keys: stats.Keys, Counted: true}
	if stats.NoFunctions != nil {
		d.warn("function libraries are not in the dump: %v", stats.NoFunctions)
	}
	d.summary = fmt.Sprintf("%s, RDB version %d, read key by key from %s", finding.Count(stats.Keys, "key"), stats.Version, sourceName(stats.Source))
	if stats.Gone > 0 {
		d.summary += fmt.Sprintf("; %d were deleted or expired during the dump", stats.Gone)
	}
	return nil
}

// wholeCluster takes the dump of every master of a Redis Cluster.
func (d *dumper) wholeCluster(ctx context.Context, w io.Writer) error {
	opts := snapshot.Options{FromMaster: true, Waiting: func() {
		d.show.Print(ui.Status{Stage: "waiting for the snapshots of the nodes", Elapsed: time.Since(d.began)})
	}}
	told := func(stage string) func(*snapshot.ClusterStats) {
		return func(s *snapshot.ClusterStats) {
			d.show.Print(ui.Status{Stage: stage, Bytes: int64(s.Bytes), Keys: s.Keys, Elapsed: time.Since(d.began)})
		}
	}
	out := &firstWrite{w: w}
	stats, err := snapshot.Cluster(ctx, d.source, out, opts, told("receiving"))
	how := "taken"
	if errors.Is(err, snapshot.ErrForbidden) {
		if !d.scan {
			return useScan(err)
		}
		if out.written {
			return err
		}
		d.warn("%v; reading key by key, which is not a consistent snapshot", err)
		how = "read key by key"
		stats, err = snapshot.ClusterScan(ctx, d.source, w, opts, told("reading keys"))
	}
	if err != nil {
		return fmt.Errorf("cannot dump the cluster: %w", err)
	}
	d.dumped = backup.Dump{RDB: stats.Version, Keys: stats.Keys, Counted: true}
	for _, n := range stats.Notes {
		d.warn("%s", n)
	}
	if stats.NoFunctions != nil {
		d.warn("function libraries are not in the dump: %v", stats.NoFunctions)
	}
	d.summary = fmt.Sprintf("%s, RDB version %d, %s from %s of a cluster", finding.Count(stats.Keys, "key"), stats.Version, how, finding.Count(len(stats.Nodes), "master"))
	if how == "taken" {
		d.summary += fmt.Sprintf(" within %v", stats.Span.Round(time.Millisecond))
	}
	if stats.Gone > 0 {
		d.summary += fmt.Sprintf("; %d were deleted or expired during the dump", stats.Gone)
	}
	return nil
}

// clock warns of a server whose clock is wrong, because the dump has the expiry of keys as that clock counts.
func (d *dumper) clock(s snapshot.Source) {
	if off := s.Clock.Round(time.Second); s.Clock.Abs() > plan.ClockTolerance {
		d.warn("the clock of %s differs from the local clock by %v; import the dump with --source-clock %v to keep expiry times right", s.Addr, off, off)
	}
}

// note describes what is unexpected.
func (d *dumper) note(s snapshot.Source) {
	if s.Cluster {
		d.warn("%s is a node of a Redis Cluster; the dump contains only the keys of its own slots", s.Addr)
	}
	if d.source.Follows() && s.Role == "master" && !d.fromMaster {
		d.Debugf("no replica is available; dumping from the master")
	}
}

func sourceName(s snapshot.Source) string {
	switch s.Role {
	case "master":
		return "master " + s.Addr
	case "slave":
		return "replica " + s.Addr
	}
	return s.Addr
}

// progressReader shows how much was read.
type progressReader struct {
	r     io.Reader
	d     *dumper
	total int64 // -1: not known
	n     int64
	last  time.Time
}

const progressEvery = 200 * time.Millisecond

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	if now := time.Now(); now.Sub(p.last) >= progressEvery {
		p.last = now
		p.d.show.Print(ui.Status{Stage: "receiving", Bytes: p.n, Total: max(p.total, 0), Elapsed: now.Sub(p.d.began)})
	}
	return n, err
}
