package server

import "sync"

// Known is what is known of the target.
type Known struct {
	Abilities
	Cluster bool
	DBs     []int // that had keys before
	NoDump  bool  // it has no DUMP
	Info    map[string]string

	mu    sync.Mutex
	fixed bool                // ids are those of the target, and no more are added
	ids   map[string]Identity // by node, "" for a server alone
	RunID string              // of all of them
}

// Abilities are what a target can do; of a cluster, what all of its masters can.
type Abilities struct {
	Name      string // such as "Redis 7.0.15"
	Release   string // such as "7.0.15" or "valkey-8.1.1"; "" where it is not known
	Version   int    // the newest RDB version that it reads
	AbsTTL    bool   // RESTORE knows ABSTTL: Redis 5.0
	NoRestore bool   // it has no RESTORE that we may use
}

// And returns what both can do. The older one names both.
func (a Abilities) And(b Abilities) Abilities {
	if a.Version != 0 && a.Version <= b.Version {
		a, b = b, a
	}
	b.AbsTTL, b.NoRestore = (a.AbsTTL || a.Version == 0) && b.AbsTTL, a.NoRestore || b.NoRestore
	return b
}
