package importer

import "github.com/redis-gitops/redis-gitops/rdb/importer/account"

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
