package importer

import (
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// What an import is to do, in plan.
type (
	// A Source is a dump that can be read.
	Source = plan.Source
	// Live is what is known of running servers that are a source.
	Live = plan.Live
	// A Store keeps the checkpoint of an import.
	Store = plan.Store
	// Options of [Import]. The zero value is the default.
	Options = plan.Options
	// ReplicationOptions say how the target reaches us.
	ReplicationOptions = plan.ReplicationOptions
	// Existing describes what to do about keys that are there already.
	Existing = plan.Existing
	// Method is how keys are written.
	Method = plan.Method
	// Verify describes how much is compared afterwards.
	Verify = plan.Verify
	// Needs are what a server must have that loads a dump itself.
	Needs = plan.Needs
)

// ClockTolerance is how much two clocks may differ before that is reported.
const ClockTolerance = plan.ClockTolerance

// The values of Existing, Method and Verify.
const (
	Refuse  = plan.Refuse
	Replace = plan.Replace
	Skip    = plan.Skip
	Flush   = plan.Flush

	Auto        = plan.Auto
	Restore     = plan.Restore
	Commands    = plan.Commands
	Replication = plan.Replication

	VerifySample = plan.VerifySample
	VerifyFull   = plan.VerifyFull
	VerifyOff    = plan.VerifyOff
)

// HasModule reports whether one of the modules has a type of a dump, such as "ReJSON-RL".
func HasModule(names []string, of string) bool { return plan.HasModule(names, of) }

// What is counted and reported, in account.
type (
	// A Report is what came of an import.
	Report = account.Report
	// Progress is how far an import is.
	Progress = account.Progress
	// Counts of keys.
	Counts = account.Counts
	// A Row counts the keys of one database and type.
	Row = account.Row
	// A Failure is one key that the target refused.
	Failure = account.Failure
	// A Difference is one key that is not in the target as it is in the dump.
	Difference = account.Difference
	// A Replay accounts for the commands of an append-only file.
	Replay = account.Replay
	// A Refusal is one reason not to begin.
	Refusal = account.Refusal
)
