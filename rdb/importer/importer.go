// Package importer replays a dump into a running server: a Redis or Valkey, alone, behind Sentinels, or a cluster.
//
// [Import] reads the dump twice. The first pass, before anything is written, checks its checksum and counts what is in it,
// and the target is asked whether it can take that; all problems are reported at once. The second pass sends the values as
// they stand, by RESTORE, re-encoded where the target is older, or as plain commands where it has no RESTORE, over several connections with
// many commands under way. Every key is accounted for: its reply is read, and a [Checkpoint] moves on only when all keys
// before it have been answered. A connection that breaks is made anew and what was not answered is sent again; a key that
// was written by then answers BUSYKEY, which is how nothing is written twice (docs/adr/0003-import-resume.md).
package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A Source is a dump that can be read.
type Source struct {
	// Name is what people call it, without secrets.
	Name string
	// Size in bytes; 0 where it is not known.
	Size int64
	// Open gives the bytes of the dump from an offset on. With Once, it is called once, with 0.
	Open func(ctx context.Context, offset int64) (io.ReadCloser, error)
	// Once reports that the dump cannot be read a second time: a live snapshot. There is then no first pass, and nothing that
	// needs one: no estimate of memory, no going on after an interruption, no full verification.
	Once bool
	// Base is the file that the dump is in, where that is not Name.
	Base string
	// Parts are the files of commands that follow the dump, where the source is an append-only file. Commands may also
	// follow the dump in its own stream.
	Parts []aof.Part
	// NoDump reports that there are commands only: Open then gives a dump without keys.
	NoDump bool
	// Packed is the program that unpacks the file: gzip, zstd or "".
	Packed string
	// Notes are for the report, such as files that were not read.
	Notes []string
	// Live is what is known of the servers that the dump comes from as it is read; nil for a dump that lies somewhere.
	Live *Live
}

// Live is what is known of running servers that are a source.
type Live struct {
	// IDs are run and replication IDs of all of them (INFO, run_id, master_replid); none may be the target's.
	IDs []string
	// Clock is how far the clock of the source is ahead of the one here.
	Clock time.Duration
	// FieldTTL reports that there are hashes of which fields expire.
	FieldTTL bool
	// Modules are the names of its modules; those that are built in among them.
	Modules []string
	// FindTypes returns which of some types, by the names of TYPE, its keys have; it may be nil.
	FindTypes func(ctx context.Context, types []string) ([]string, error)
}

// A Store keeps the checkpoint of an import.
type Store interface {
	// Load returns what was saved last, or nil.
	Load() ([]byte, error)
	// Save replaces it as a whole, so that a loss of power leaves the old or the new one.
	Save([]byte) error
	// Remove is for an import that is done.
	Remove() error
}

// Existing describes what to do about keys that are there already.
type Existing uint8

// What to do about keys that are there already.
const (
	Refuse  Existing = iota // do not begin
	Replace                 // write over them
	Skip                    // leave them as they are
	Flush                   // empty the databases first that keys go to
)

// String returns the word of the command line.
func (e Existing) String() string {
	return [...]string{"refuse", "replace", "skip-existing", "flush"}[e]
}

// Method is how keys are written.
type Method uint8

// How keys are written.
const (
	Auto        Method = iota // RESTORE, and commands for what the target refuses
	Restore                   // RESTORE only
	Commands                  // commands only
	Replication               // the target becomes our replica for a moment and loads the dump itself
)

// String gives the word of the command line.
func (m Method) String() string { return [...]string{"auto", "restore", "commands", "replication"}[m] }

// Verify describes how much is compared afterwards.
type Verify uint8

// How much is compared afterwards.
const (
	VerifySample Verify = iota // some keys of all
	VerifyFull                 // every key
	VerifyOff
)

// String gives the word of the command line.
func (v Verify) String() string { return [...]string{"sample", "full", "off"}[v] }

// Options of [Import]. The zero value is the default.
type Options struct {
	Filter   rdb.Filter // Now is set by Import
	Existing Existing
	Method   Method
	Verify   Verify
	DryRun   bool // everything but the first write
	Resume   bool // go on from the checkpoint

	// Checkpoint may be nil: then an import that ends too early cannot be resumed.
	Checkpoint Store

	Connections int           // to each node; 0 stands for 4
	Window      int           // bytes of commands under way to all nodes; 0 stands for 4 MiB
	Rate        int64         // bytes of commands a second; 0 for no limit
	Patience    time.Duration // how long to try to reach a target that does not answer; 0 stands for 2 minutes
	IgnoreRoom  bool          // do not compare the estimate of memory with the target's
	Anonymous   bool          // take a target that does not say which process it is, and look for every key at the end
	// SourceClock is how far the clock of the server that wrote the dump was ahead; 0 where it was right, or is asked (Live).
	SourceClock time.Duration
	MaxFailures int // how many failures a Report names; 0 stands for 100

	// Replication is how the target reaches us; only for that Method.
	Replication ReplicationOptions

	// Progress is called now and then, from one goroutine at a time; it may be nil.
	Progress func(account.Progress)
	// Confirm is asked before databases are emptied; nil refuses.
	Confirm func(question string) error
}

const (
	defaultConnections = 4
	defaultWindow      = 4 << 20
	defaultPatience    = 2 * time.Minute
	defaultFailures    = 100
	// split is the size from which a value is written piece by piece under another name and then renamed, so that no
	// command keeps the target busy for long: 90,000 elements of a sorted set, which take 0.1 s.
	split = 256 << 10
)

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.MaxFailures <= 0 {
		o.MaxFailures = defaultFailures
	}
	return o
}

// Import writes the dump into the target. The report is as complete as it could be made also where there is an error.
//
// An error that stopped the import half way is an *[Interrupted], which says where it stopped and whether it can be gone on
// with; what was wrong before the first write comes as finding.Problems, all at once. Single keys that failed are in the
// report and no error.
func Import(ctx context.Context, source Source, target *redis.Target, opts Options) (*account.Report, error) {
	im := newImporter(source, target, opts)
	report := &account.Report{Source: source.Name, Target: target.String(), Method: im.opts.Method.String(), DryRun: opts.DryRun, Rows: []account.Row{}}
	im.Ledger.Report, im.Ledger.MaxFail = report, im.opts.MaxFailures
	stop := im.Progress.Report(im.opts.Progress)
	defer stop()
	err := im.all(ctx)
	report.Took = time.Since(im.began)
	im.Ledger.Fill(report)
	if err == nil && im.opts.Checkpoint != nil && im.saved && report.Failed() == 0 {
		err = im.opts.Checkpoint.Remove()
	}
	return report, err
}

func newImporter(source Source, target *redis.Target, opts Options) *importer {
	opts = opts.withDefaults()
	im := &importer{source: source, opts: opts, began: time.Now(), sent: account.NewOwnCommands()}
	im.Target, im.Patience, im.Anonymous = target, opts.Patience, opts.Anonymous
	return im
}

// Interrupted reports that an import stopped half way.
type Interrupted struct {
	Offset int64 // all keys before it are written; 0 for none
	Size   int64
	Resume bool // whether Options.Resume goes on from there
	Err    error
}

// Error explains why and where.
func (e *Interrupted) Error() string {
	at := fmt.Sprintf("stopped at byte %d", e.Offset)
	if e.Size > 0 {
		at += fmt.Sprintf(" of %d (%d %%)", e.Size, e.Offset*100/e.Size)
	}
	if e.Resume {
		at += "; use --resume to continue"
	}
	return fmt.Sprintf("%v\n%s", e.Err, at)
}

// Unwrap gives the reason.
func (e *Interrupted) Unwrap() error { return e.Err }

// An importer is one import under way.
type importer struct {
	server.Link

	source Source
	opts   Options
	began  time.Time

	survey  *survey
	methods map[rdb.Type]way // for types that were tried on the target
	modules map[string]bool  // of a live source: modules that the target has
	sum     string           // of the options that must not change between runs
	id      string           // of the import, in the names of temporary keys

	resumed   *checkpoint // what was loaded
	restarted bool        // the server that answers may have temporary keys that another one has confirmed to be gone
	begun     bool        // the ledger has what the checkpoint had
	saved     bool        // a checkpoint was written, by this run or the one before

	saving sync.Mutex
	limit  atomic.Int64 // no key from here on may be sent before a checkpoint says so
	names  atomic.Int64 // temporary keys so far

	leftovers leftovers

	sent      account.OwnCommands
	clock     time.Duration // the target's, ahead of the one here
	shift     int64         // milliseconds to add to each expiry of the dump
	lifetimes account.Lifetimes
	confirmed map[string]server.Identity // of the processes that confirmed all before the frontier, under the ledger's lock
	doubtful  account.Span               // keys that are there, but may be another's
	noDump    bool                       // nor DUMP
	uses      account.Losses

	// Of a dump that can be read once: what is left of it after its head, of which pending is the first entry.
	twice    duplicates
	head     *rdb.Scanner
	headBody io.Closer
	pending  *rdb.Entry

	pace     pace
	replicas replicas
	sampler  *sampler
}

func (im *importer) all(ctx context.Context) error {
	defer func() {
		if im.Control != nil {
			im.Control.Close()
		}
		if im.head != nil && im.headBody != nil { // nobody has read on
			im.headBody.Close()
		}
	}()
	if err := im.preflight(ctx); err != nil {
		return err
	}
	if im.opts.DryRun {
		im.Ledger.SetRows(im.survey.rows, "")
		if t := im.survey.tail; t != nil {
			im.Ledger.Report.Replay = &account.Replay{Commands: t.Commands}
		}
		return nil
	}
	if im.opts.Method == Replication {
		return im.replicate(ctx)
	}
	if err := im.flush(ctx); err != nil {
		return err
	}
	for {
		err := im.write(ctx)
		if e := im.tidy(ctx, err != nil); e != nil && err == nil {
			err = fmt.Errorf("cannot remove temporary keys: %w", e)
		}
		if err != nil {
			at, _, _ := im.Ledger.Position()
			return &Interrupted{Offset: at, Size: im.size(), Resume: im.saved && !im.source.Once, Err: err}
		}
		im.uses.Note(im.Server.Name, im.Server.Version, im.Ledger.Note)
		err = im.check(ctx)
		var restarted *server.RestartedError
		if errors.As(err, &restarted) && !im.source.Once { // after the last key, but before all of them were found
			err = im.repair(ctx, restarted)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("verification: %w", err)
		}
		return nil
	}
}

// repair has everything that was confirmed looked at again, because another process answers.
func (im *importer) repair(ctx context.Context, why error) error {
	im.restarted = true
	im.Ledger.Note("%v; all confirmed keys were checked again", why)
	old := im.Server.Identities()
	if err := im.Identify(ctx); err != nil {
		return err
	}
	if !server.Descends(old, im.Server.Identities()) {
		im.Foreign.Store(true)
	}
	im.Ledger.RepairFrom(im.Server.RunID)
	return nil
}

func (im *importer) size() int64 {
	if im.survey != nil && im.survey.size > 0 {
		return im.survey.size
	}
	return im.source.Size
}

// write makes passes over the dump until one comes to its end.
func (im *importer) write(ctx context.Context) error {
	if !im.begun {
		if err := im.begin(); err != nil {
			return err
		}
		im.begun = true
	}
	im.pace.rate = im.opts.Rate
	if im.sampler == nil && im.opts.Verify != VerifyOff && (im.opts.Verify == VerifySample || im.source.Once) {
		im.sampler = newSampler()
	}
	im.Progress.Stage("writing", im.size())
	for {
		err := im.pass(ctx)
		if err == nil {
			if err = im.SameServer(ctx); err == nil {
				return im.save()
			}
		}
		var restarted *server.RestartedError
		if !errors.As(err, &restarted) {
			return errors.Join(err, im.save())
		}
		if im.source.Once {
			im.restarted = true
			return errors.Join(fmt.Errorf("%w; a live snapshot cannot be read again: empty the target and restart the import", err), im.save())
		}
		if err := im.repair(ctx, err); err != nil {
			return errors.Join(err, im.save())
		}
	}
}
