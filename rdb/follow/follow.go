// Package follow imports a running server into another one and goes on with the writes of the source until a cut-over.
//
// The source sends a snapshot and after it every write, as to a replica (docs/adr/0011-follow.md). Both are kept in temporary files,
// so that the source has little to keep. The writes are carried out in their order, over one connection, in transactions that
// also store the offset reached in the target: after any break it is known which write is next, and none is carried out twice.
package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
	"github.com/redis-gitops/redis-gitops/rdb/source"
)

// Options of a [Follower].
type Options struct {
	// Import is how the snapshot is imported. Existing is Refuse or Flush, and there is no filter. Verify is also how much is
	// compared at the cut-over.
	Import plan.Options
	// Temp creates a temporary file.
	Temp func() (File, error)
	// Cutover has the cut-over made as soon as the target has caught up; without, [Follower.Cutover] asks for it.
	Cutover bool
	// MaxPause is how long the source keeps its writers waiting; 0 stands for a minute.
	MaxPause time.Duration
	// Quiet is how long no write may have arrived for the cut-over of a source that does not pause its writers; 0 stands for 5 s.
	Quiet time.Duration
	// Resume goes on with a target that was followed before.
	Resume bool
	// Show is called now and then, and Log at events; both may be nil.
	Show func(Status)
	Log  func(text string)
	// Paused is called when the source is about to pause its writers, with what ends that; may be nil.
	Paused func(unpause func())
}

// A Status is how far a follower is.
type Status struct {
	Stage    string
	Bytes    int64 // of the snapshot, or of the stream that were carried out
	Total    int64 // 0 where it is not known
	Lag      int64 // bytes of the stream that the target is behind; -1 where that is not known
	Commands uint64
	Elapsed  time.Duration
}

// A Report is what came of it.
type Report struct {
	// Import is that of the last snapshot.
	Import *account.Report `json:"-"`
	// Begun reports that the target has data of the source, from this run or the one that it resumed.
	Begun bool `json:"-"`
	// Resumable reports that the target has a position to resume from.
	Resumable bool `json:"resumable"`
	// Snapshots that were imported, and breaks of the link after which the source went on.
	Snapshots int `json:"snapshots"`
	Resumed   int `json:"resumed"`
	// Commands that were carried out, and the offset of the source that the target has.
	Commands uint64 `json:"commands"`
	Offset   int64  `json:"offset"`
	// CutOver reports that the target is equal to the source.
	CutOver bool `json:"cutOver"`
	// Pause is how long writers had to wait until the target was found equal; nil where the source did not pause them.
	Pause *time.Duration `json:"-"`
	// PausedUntil is when the source takes writes again; zero where it does.
	PausedUntil time.Time `json:"pausedUntil,omitzero"`
	// Compared keys at the cut-over, and those that differ, as many as are named.
	Compared    uint64               `json:"compared"`
	Differing   uint64               `json:"differing"`
	Differences []account.Difference `json:"differences,omitempty"`
	Notes       []string             `json:"notes,omitempty"`
}

const (
	defaultMaxPause = time.Minute
	defaultQuiet    = 5 * time.Second
	statusEvery     = 100 * time.Millisecond
	// maxSnapshots bounds snapshots one after the other without catching up in between.
	maxSnapshots = 4
)

// A Follower is one continuous import.
type Follower struct {
	source *redis.Target
	about  plan.Source // what is known of the source before
	opts   Options
	report Report
	link   server.Link // to the target
	plan   *plan.Plan  // the clocks

	applied   atomic.Int64 // offset of the source that the target has
	commands  atomic.Uint64
	asked     atomic.Bool // for the cut-over
	absolute  bool        // the source has PEXPIRETIME: Redis 7.0
	wrote     bool        // to the target
	following atomic.Bool // has caught up
	cutting   atomic.Bool
	monitor   monitor
	began     time.Time
	shown     time.Time // when the lag was shown last

	receiver *receiver
	applier  *applier
}

// New returns a follower. about has the name of the source and what is known of it; its Open is not used.
func New(from *redis.Target, about plan.Source, to *redis.Target, opts Options) *Follower {
	if opts.MaxPause <= 0 {
		opts.MaxPause = defaultMaxPause
	}
	if opts.Quiet <= 0 {
		opts.Quiet = defaultQuiet
	}
	f := &Follower{source: from, about: about, opts: opts, began: time.Now()}
	f.plan = plan.New(about, opts.Import)
	f.link.Target, f.link.Patience = to, f.plan.Options.Patience
	f.link.Ledger.Report = &account.Report{}
	f.link.Sent = account.NewOwnCommands()
	f.asked.Store(opts.Cutover)
	return f
}

// Cutover asks for the cut-over. It is false, and nothing is asked, where the target has not caught up or the cut-over has begun.
func (f *Follower) Cutover() bool {
	return f.following.Load() && !f.cutting.Load() && f.caughtUp() && f.asked.CompareAndSwap(false, true)
}

func (f *Follower) log(format string, args ...any) {
	if f.opts.Log != nil {
		f.opts.Log(fmt.Sprintf(format, args...))
	}
}

func (f *Follower) show(s Status) {
	if f.opts.Show != nil {
		f.opts.Show(s)
	}
}

// Run imports and follows until the cut-over. Without an error, the target is equal to the source if [Report.CutOver] is set; else
// the report has the keys that failed or differ. Whatever happens, the source takes writes again, unless the target is
// equal: then writers wait up to MaxPause, so that none is lost on the way to the target.
func (f *Follower) Run(ctx context.Context) (*Report, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := f.run(ctx)
	if f.receiver != nil {
		if fresh := f.receiver.close(); fresh != nil {
			fresh.Close()
		}
		f.report.Resumed += f.receiver.resumed
	}
	if f.applier != nil {
		f.applier.disconnect()
	}
	f.report.Commands, f.report.Offset = f.commands.Load(), f.applied.Load()
	return &f.report, err
}

func (f *Follower) run(ctx context.Context) error {
	if err := f.check(ctx); err != nil {
		return err
	}
	if f.opts.Import.DryRun {
		return f.dryRun(ctx)
	}
	watching := f.monitor.watch(ctx, f.source)
	defer watching()
	var from *mark
	dirty := false
	if f.opts.Resume {
		var err error
		if from, err = f.readMark(ctx); err != nil {
			return err
		}
		if from == nil {
			return errors.New("the target has no position to resume from; remove --resume, and use --flush if it has keys of an earlier attempt")
		}
		dirty, f.report.Begun, f.report.Resumable = true, true, true
	}
	var stream *snapshot.Stream
	for snapshots := 0; ; {
		if stream == nil {
			var err error
			if stream, err = open(ctx, f.source, from.position(), f.link.Patience); err != nil {
				return err
			}
		}
		if stream.Dump != nil {
			if snapshots++; snapshots > maxSnapshots {
				stream.Close()
				return f.endless()
			}
			if dirty {
				f.log("the source does not have the writes since then; a new snapshot replaces the keys of the target")
			}
		} else {
			f.log("resumed at offset %d of the source (partial resynchronization)", from.Offset)
			f.report.Resumed++
		}
		err := f.round(ctx, stream, from, dirty)
		stream, from = nil, nil
		if f.receiver != nil {
			stream = f.receiver.close()
			f.report.Resumed += f.receiver.resumed
			f.receiver = nil
		}
		dirty = dirty || f.wrote
		if f.following.Swap(false) {
			snapshots = 0
		}
		var older *olderError
		var broken *brokenError
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, context.Cause(ctx))
		case errors.Is(err, errAnew):
		case errors.As(err, &older):
			f.log("%v", older)
			from = older.mark
		case errors.As(err, &broken):
			f.log("%v; another is requested", broken)
		default:
			return err
		}
	}
}

// endless reports that snapshots lead to nothing.
func (f *Follower) endless() error {
	size := "1mb by default"
	if n := f.monitor.backlog.Load(); n > 0 {
		size = "now " + rdb.FormatBytes(uint64(n))
	}
	return fmt.Errorf("the source had to send %d snapshots in a row, because the link broke and its backlog did not reach back; raise repl-backlog-size (%s) and client-output-buffer-limit replica of the source", maxSnapshots, size)
}

// A brokenError reports that the link broke within a snapshot.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return fmt.Sprintf("the snapshot was interrupted: %v", e.err) }
func (e *brokenError) Unwrap() error { return e.err }

// round imports the snapshot of a stream, if it has one, and follows the stream.
func (f *Follower) round(ctx context.Context, stream *snapshot.Stream, from *mark, dirty bool) error {
	if stream.Dump == nil {
		f.applied.Store(from.Offset)
		f.receiver, _ = f.receive(ctx, stream)
		f.start(*from)
		return f.follow(ctx)
	}
	taken := time.Now()
	file, size, err := f.spool(stream)
	if err != nil {
		stream.Close()
		var local *localError
		if errors.As(err, &local) || ctx.Err() != nil {
			return err
		}
		return &brokenError{err}
	}
	defer file.Remove()
	f.applied.Store(stream.From.Offset)
	var flowing context.Context
	f.receiver, flowing = f.receive(ctx, stream)
	if dirty {
		if err := f.empty(ctx); err != nil {
			return err
		}
	}
	dump, err := f.dump(file, size, taken)
	if err != nil {
		return err
	}
	if err := f.load(flowing, dump, taken); err != nil {
		if cause := context.Cause(flowing); cause != nil && ctx.Err() == nil {
			return cause
		}
		return err
	}
	file.Remove()
	f.start(mark{Position: stream.From})
	if err := f.setMark(ctx); err != nil {
		return err
	}
	f.report.Resumable = true
	return f.follow(ctx)
}

// dump is the snapshot in a file as the source of an import.
func (f *Follower) dump(file File, size int64, taken time.Time) (plan.Source, error) {
	dump, err := source.File(f.about.Name, size, func() (io.ReadSeekCloser, error) { return file.Open() })
	dump.Live = f.about.Live
	return dump, err
}

// load imports a snapshot. The expiry of keys is held, since writes that prolong their life arrive later.
func (f *Follower) load(ctx context.Context, dump plan.Source, taken time.Time) error {
	opts := f.opts.Import
	opts.Taken, opts.Whole, opts.Hold, opts.Resume = taken, true, held, false
	if f.wrote || f.opts.Resume {
		opts.Existing = plan.Refuse // it was emptied
	}
	f.wrote = !opts.DryRun
	report, err := importer.Import(ctx, dump, f.link.Target, opts)
	f.report.Import = report
	if report.Total.Read > 0 || err == nil {
		f.report.Begun = !opts.DryRun
		f.report.Snapshots++
	}
	if err != nil {
		return err
	}
	if report.Failed() > 0 {
		return errDiffers
	}
	return nil
}

// errDiffers reports that the target is not equal; how is in the report.
var errDiffers = errors.New("the target differs from the source")

// IsDifferent reports that a follower ended because the target is not equal to the source.
func IsDifferent(err error) bool { return errors.Is(err, errDiffers) }

// dryRun reads a snapshot and checks whether it can be imported.
func (f *Follower) dryRun(ctx context.Context) error {
	stream, err := open(ctx, f.source, nil, f.link.Patience)
	if err != nil {
		return err
	}
	defer stream.Close()
	taken := time.Now()
	file, size, err := f.spool(stream)
	if err != nil {
		return err
	}
	defer file.Remove()
	stream.Close()
	dump, err := f.dump(file, size, taken)
	if err != nil {
		return err
	}
	return f.load(ctx, dump, taken)
}

// check looks before the first write whether source and target can do all that is needed.
func (f *Follower) check(ctx context.Context) error {
	var problems finding.Problems
	add := func(err error) {
		if err != nil {
			problems = append(problems, finding.All(err)...)
		}
	}
	add(f.checkSource(ctx))
	add(f.checkTarget(ctx))
	return problems.Err()
}

// checkTarget learns what the target is, and its clock.
func (f *Follower) checkTarget(ctx context.Context) error {
	conn, err := f.link.TryConnect(ctx, "")
	if err != nil {
		return server.Advise(err)
	}
	defer conn.Close()
	f.link.Control = conn
	defer func() { f.link.Control = nil }()
	ahead, took, err := conn.Clock(ctx)
	if err != nil {
		return err
	}
	if ahead.Abs() <= plan.ClockTolerance+took {
		ahead = 0
	}
	f.plan.SetClocks(ahead, func(string, ...any) {})
	if info, err := conn.Info(ctx, "cluster"); err == nil && info["cluster_enabled"] == "1" {
		return errors.New("the target is a cluster, in which the writes of a transaction may belong to several nodes; --follow requires a single server or Sentinel")
	}
	var problems finding.Problems
	ways := capability.New(&f.link, f.plan)
	if !ways.Learn(ctx, conn, []byte(markKey), func(err error) { problems = append(problems, finding.All(err)...) }) {
		return problems.Err()
	}
	if f.opts.Resume {
		return nil
	}
	have, err := server.Libraries(ctx, conn)
	if err == nil && len(have) > 0 {
		return errors.New("the target has function libraries, and --follow makes it equal to the source; delete them with FUNCTION FLUSH")
	}
	return server.UnlessRefused(err)
}

// checkSource refuses a source that cannot be followed.
func (f *Follower) checkSource(ctx context.Context) error {
	conn, err := f.source.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	info, err := conn.Info(ctx, "")
	switch {
	case redis.Code(err) == "NOPERM":
		return fmt.Errorf("%w; --follow needs the offset of the source, so grant +info", err)
	case err != nil:
		return err
	case info["role"] == "slave":
		return fmt.Errorf("%s is a replica, on which writes cannot be paused; pass its master, or Sentinel (redis+sentinel://HOST/MASTER)", conn.Addr())
	case info["cluster_enabled"] == "1":
		return fmt.Errorf("%s is a node of a cluster, whose masters each have a stream of their own; stop the writers and import without --follow", conn.Addr())
	}
	if major, _, _ := strings.Cut(info["redis_version"], "."); major != "" {
		n, err := strconv.Atoi(major)
		if f.absolute = n >= 7; err == nil && n < 6 {
			return fmt.Errorf("%s is Redis %s, but --follow requires Redis 6.0 or later; upgrade it first, or stop the writers and import without --follow", conn.Addr(), info["redis_version"])
		}
	}
	f.monitor.note(info)
	user, err := conn.Text(ctx, "ACL", "WHOAMI")
	if err == nil { // Redis 7.0 says before whether it would pause writers
		reply, err := conn.Text(ctx, "ACL", "DRYRUN", user, "CLIENT", "PAUSE", "1", "WRITE")
		if err == nil && reply != "OK" {
			f.note("the user of the source may not pause writers (+client|pause +client|unpause), so you have to stop them at the cut-over")
		}
	}
	if err := f.limitPause(ctx, conn); err != nil {
		return err
	}
	if f.opts.Import.Verify == plan.VerifyOff {
		return server.UnlessRefused(err)
	}
	for _, command := range [][]string{{"SCAN", "0", "COUNT", "1"}, {"DUMP", markKey}, {"PTTL", markKey}} {
		if _, err := conn.Do(ctx, command...); redis.Code(err) == "NOPERM" {
			return fmt.Errorf("the source: %w; the cut-over compares keys, so grant +scan +dump +pttl +pexpiretime +exists ~*, or use --verify off", err)
		} else if server.UnlessRefused(err) != nil {
			return err
		}
	}
	return nil
}

// limitPause keeps the pause shorter than Sentinels wait for their master. A pause holds up the PUBLISH that they send over the
// connection of their PING (redis src/sentinel.c, sentinelSendHello; PUBLISH may replicate, so that it is postponed), and a replica
// that they promote takes writes.
func (f *Follower) limitPause(ctx context.Context, conn *redis.Conn) error {
	after, err := f.source.DownAfter(ctx)
	if err != nil {
		return err
	}
	if after > 0 {
		if limit := max(after-2*time.Second, after/2); f.opts.MaxPause > limit {
			f.note("the source keeps writers waiting for at most %v, because Sentinel would promote a replica after %v (down-after-milliseconds)", limit, after)
			f.opts.MaxPause = limit
		}
		return nil
	}
	clients, err := conn.Text(ctx, "CLIENT", "LIST")
	if strings.Contains(clients, " name=sentinel-") {
		f.note("the source is monitored by Sentinel, which promotes a replica during a pause longer than its down-after-milliseconds; pass the source as redis+sentinel://HOST/MASTER, or set --max-pause below that")
	}
	return server.UnlessRefused(err)
}

func (f *Follower) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(f.report.Notes, text) {
		f.report.Notes = append(f.report.Notes, text)
		f.log("%s", text)
	}
}
