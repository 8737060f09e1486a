package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

const dumpHelp = `Take a dump of a running Redis or Valkey: all its data as of one moment, as a replica gets it. With Sentinels, or in
Kubernetes, it comes from a replica where there is one that is up, so that the master is spared.

%s
%s

FILE is written whole or not at all, and its checksum is verified before; .gz or .zst at its end packs it, "-" is standard
output. It is for its owner's eyes only.

The server makes a child process for the dump, and a user needs the right to it: ACL SETUSER NAME +psync +replconf +ping +info +role +time,
and for a cluster +cluster|nodes +cluster|info.
Providers may forbid that. With --scan, the keys are then read one by one: slower, with up to 150 bytes of memory for each
key, and not of one moment, so that what is written meanwhile is in the dump or not.

Of a Redis Cluster every master gives its snapshot, all at the same time, and FILE has the keys of all: any node may be SOURCE,
and each must be reachable at the address that the cluster announces. Each node's keys are of one moment, those of two nodes are
not. The dump fails where a slot is not served, or where slots or masters change meanwhile. --only-node takes the keys of one node.

%s

Examples:
  redis-gitops dump redis://localhost:6379 dump.rdb
  REDIS_PASSWORD=… redis-gitops dump rediss://redis.example.com dump.rdb.zst --username backup --scan
  redis-gitops dump redis+sentinel://rfs-shop:26379/mymaster - | redis-gitops rdb info -
  redis-gitops dump shop shop.rdb --namespace production
  redis-gitops dump shop pvc://dumps/shop.rdb --job --image registry.example.com/redis-gitops:1 | kubectl apply -f -`

type dumpFlags struct {
	server     serverFlags
	cluster    clusterFlags
	job        jobFlags
	scan       bool
	onlyNode   bool
	fromMaster bool
	progress   string
}

func (a *app) dumpCommand() *cobra.Command {
	var f dumpFlags
	c := &cobra.Command{
		Use:   "dump SOURCE FILE",
		Short: "Take a dump of a running Redis",
		Long:  fmt.Sprintf(dumpHelp, f.server.help(), namedServer, fmt.Sprintf(jobHelp, "")),
		Args:  fromUse,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.job.job:
				return a.makeJob(c, args[0], args[1], &f.job, &f.cluster, &f.server)
			case f.job.apply:
				return errApplyAlone
			}
			return a.runDump(c.Context(), args[0], args[1], &f)
		},
	}
	f.server.add(c)
	f.cluster.add(c)
	f.job.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.scan, "scan", false, "read key by key where the server forbids replication")
	flags.BoolVar(&f.onlyNode, "only-node", false, onlyNodeUsage)
	flags.BoolVar(&f.fromMaster, "from-master", false, "read from the master, even where there is a replica")
	flags.StringVar(&f.progress, "progress", "auto", "auto (a bar on a terminal, else lines), json or none; on standard error")
	complete(c, "progress", []string{"auto", "json", "none"})
	return c
}

// onlyNodeUsage is of dump and import.
const onlyNodeUsage = "of a Redis Cluster: read the keys of the given node only, instead of those of every master"

func (a *app) runDump(ctx context.Context, from, to string, f *dumpFlags) error {
	way := (*cluster.Cluster).ReplicaTarget
	if f.fromMaster {
		way = (*cluster.Cluster).MasterTarget
	}
	source, err := a.server(ctx, from, &f.server, &f.cluster, way)
	if err != nil {
		return err
	}
	show, err := a.progressPrinter(f.progress)
	if err != nil {
		return err
	}
	defer show.end()
	var about snapshot.Source
	if !f.onlyNode {
		if about, err = snapshot.Describe(ctx, source, snapshot.Options{FromMaster: f.fromMaster}); err != nil {
			return err
		}
	}
	if about.Cluster && source.Dial != nil { // a replica's target leads to that pod only; this one leads to each node by its address
		if source, err = a.server(ctx, from, &f.server, &f.cluster, (*cluster.Cluster).MasterTarget); err != nil {
			return err
		}
	}
	d := dumper{app: a, source: source, flags: f, show: show, began: time.Now()}
	d.clock(about)
	err = a.writeOutput(to, func(w io.Writer) error {
		if about.Cluster {
			return d.wholeCluster(ctx, w)
		}
		return d.fill(ctx, w)
	})
	show.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	}
	summary := to + ": " + d.summary
	if to == "-" {
		a.errf("%s\n", d.summary)
	} else {
		a.say("%s", summary)
	}
	return nil
}

// A dumper fills one output.
type dumper struct {
	app     *app
	source  *redis.Target
	flags   *dumpFlags
	show    *progressPrinter
	began   time.Time
	summary string
}

func (d *dumper) warn(format string, args ...any) {
	d.show.end()
	d.app.errf("%s %s\n", d.app.paint(yellow, "warning:"), trusted(d.app.sprintf(format, args...)))
}

func (d *dumper) fill(ctx context.Context, w io.Writer) error {
	opts := snapshot.Options{FromMaster: d.flags.fromMaster, Waiting: func() {
		d.show.print(importer.Progress{Stage: "waiting for the server's snapshot", Elapsed: time.Since(d.began)})
	}}
	s, err := snapshot.Open(ctx, d.source, opts)
	if errors.Is(err, snapshot.ErrForbidden) {
		if !d.flags.scan {
			return fmt.Errorf("%w; the keys can be read one by one, slower and not of one moment, with --scan", err)
		}
		d.warn("%v; reading key by key, which is not of one moment", err)
		return d.scan(ctx, w, opts)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	d.note(s.Source)
	saved, err := rdb.Save(w, &progressReader{r: s, total: s.Size, d: d})
	if err != nil {
		return fmt.Errorf("the dump of %s: %w", s.Source.Addr, err)
	}
	checksum := "no checksum (rdbchecksum no)"
	if saved.Checksum {
		checksum = "checksum right"
	}
	keys := fmt.Sprintf("%d keys", saved.Keys)
	if saved.Unknown != nil {
		keys = "keys not counted"
		d.warn("this version of redis-gitops cannot read all of the dump, only its checksum was verified: %v", saved.Unknown)
	}
	d.summary = fmt.Sprintf("%s, %s, RDB version %d, %s, from %s", keys, rdb.FormatBytes(uint64(saved.Bytes)), saved.Version, checksum, sourceName(s.Source))
	return nil
}

func (d *dumper) scan(ctx context.Context, w io.Writer, opts snapshot.Options) error {
	stats, err := snapshot.Scan(ctx, d.source, w, opts, func(s *snapshot.ScanStats) {
		d.show.print(importer.Progress{Stage: "reading keys", Bytes: int64(s.Bytes), Keys: s.Keys, Elapsed: time.Since(d.began)})
	})
	if err != nil {
		return err
	}
	d.note(stats.Source)
	if stats.NoFunctions != nil {
		d.warn("libraries of functions are not in the dump: %v", stats.NoFunctions)
	}
	d.summary = fmt.Sprintf("%d keys, RDB version %d, read key by key from %s", stats.Keys, stats.Version, sourceName(stats.Source))
	if stats.Gone > 0 {
		d.summary += fmt.Sprintf("; %d were deleted or expired meanwhile", stats.Gone)
	}
	return nil
}

// wholeCluster takes the dump of every master of a Redis Cluster.
func (d *dumper) wholeCluster(ctx context.Context, w io.Writer) error {
	opts := snapshot.Options{FromMaster: true, Waiting: func() {
		d.show.print(importer.Progress{Stage: "waiting for the nodes' snapshots", Elapsed: time.Since(d.began)})
	}}
	told := func(stage string) func(*snapshot.ClusterStats) {
		return func(s *snapshot.ClusterStats) {
			d.show.print(importer.Progress{Stage: stage, Bytes: int64(s.Bytes), Keys: s.Keys, Elapsed: time.Since(d.began)})
		}
	}
	out := &firstWrite{w: w}
	stats, err := snapshot.Cluster(ctx, d.source, out, opts, told("receiving"))
	how := "taken"
	if errors.Is(err, snapshot.ErrForbidden) {
		if !d.flags.scan {
			return fmt.Errorf("%w; the keys can be read one by one, slower and not of one moment, with --scan", err)
		}
		if out.written {
			return err
		}
		d.warn("%v; reading key by key, which is not of one moment", err)
		how = "read key by key"
		stats, err = snapshot.ClusterScan(ctx, d.source, w, opts, told("reading keys"))
	}
	if err != nil {
		return fmt.Errorf("the dump of the cluster: %w", err)
	}
	for _, n := range stats.Notes {
		d.warn("%s", n)
	}
	if stats.NoFunctions != nil {
		d.warn("libraries of functions are not in the dump: %v", stats.NoFunctions)
	}
	d.summary = fmt.Sprintf("%d keys, RDB version %d, %s from %d masters of a cluster", stats.Keys, stats.Version, how, len(stats.Nodes))
	if how == "taken" {
		d.summary += fmt.Sprintf(" within %v", stats.Span.Round(time.Millisecond))
	}
	if stats.Gone > 0 {
		d.summary += fmt.Sprintf("; %d were deleted or expired meanwhile", stats.Gone)
	}
	return nil
}

// firstWrite knows whether anything was written.
type firstWrite struct {
	w       io.Writer
	written bool
}

func (f *firstWrite) Write(p []byte) (int, error) {
	f.written = true
	return f.w.Write(p)
}

// clock warns of a server whose clock is wrong, because the dump has the expiry of keys as that clock counts.
func (d *dumper) clock(s snapshot.Source) {
	if off := s.Clock.Round(time.Second); s.Clock.Abs() > importer.ClockTolerance {
		d.warn("the clock of %s differs by %v from the one here; keys expire by that clock, so import the dump with --source-clock %v", s.Addr, off, off)
	}
}

// note says what is not as one would expect.
func (d *dumper) note(s snapshot.Source) {
	if s.Cluster {
		d.warn("%s is a node of a Redis Cluster; the dump has the keys of its own slots only", s.Addr)
	}
	if d.source.Follows() && s.Role == "master" && !d.flags.fromMaster {
		d.app.tell("no replica is known that is up; the dump comes from the master")
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
		p.d.show.print(importer.Progress{Stage: "receiving", Bytes: p.n, Total: max(p.total, 0), Elapsed: now.Sub(p.d.began)})
	}
	return n, err
}
