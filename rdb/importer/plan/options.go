package plan

import (
	"slices"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
)

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

// Options of an import. The zero value is the default.
type Options struct {
	Filter   rdb.Filter // Now is set by SetClocks
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
	// Hold is added to the expiry of keys, in milliseconds: they live on until somebody takes it off again. That of hash fields is as in
	// the dump.
	Hold int64
	// Taken is when the dump was taken, by the clock here: keys that had expired by then are left out. Zero stands for now.
	Taken time.Time
	// Whole reports that the target must have no other keys, in no database: all are checked or flushed, not only those of the dump.
	Whole       bool
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
	// Split is the size from which a value is written piece by piece under another name and then renamed, so that no
	// command keeps the target busy for long: 90,000 elements of a sorted set, which take 0.1 s.
	Split = 256 << 10
	// MaxWhole is the size up to which a stream is sent in one piece; 64 MB of listpacks are read in about 50 ms.
	MaxWhole = 64 << 20
)

// withDefaults returns the options with their defaults in place of zeros.
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

// Wants reports whether the filter keeps values of a type.
func (o *Options) Wants(kind string) bool {
	return len(o.Filter.Types) == 0 || slices.Contains(o.Filter.Types, kind)
}

// ReplicationOptions say how the target reaches us.
type ReplicationOptions struct {
	// Listen is the address that we listen on; "" stands for any port of the address that the connection to the target is
	// made from.
	Listen string
	// Announce is the host:port under which the target reaches that; "" stands for the address listened on.
	Announce string
}
