// Package survey reads a dump before it is imported and reports what is in it: its checksum, keys by database and type, what they
// need of a server, and samples of their values.
package survey

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// A Survey is what is known of a dump before its keys are written. Of a dump that is read once, that is only what comes before its
// first key: see [ReadHead].
type Survey struct {
	Version   int   // RDB version
	Size      int64 // bytes of the dump
	sum       uint64
	Aux       map[string]string
	dbs       map[int]uint64 // keys that will be written, by database of the target
	keys      uint64         // those
	all       uint64         // keys of the dump
	raw       uint64         // bytes of the values of keys that will be written
	allRaw    uint64
	Libraries []server.Library  // of functions, those that will be loaded
	Modules   map[string]uint64 // keys that will be written, by module
	ModuleAux map[string]bool   // modules with data outside of keys
	// ModuleSamples are a small value of each module, to try it on the target.
	ModuleSamples map[string]*rdb.Entry
	Types         map[rdb.Type]uint64
	Rows          []account.Row           // what will be written, skipped and so on, if nothing goes wrong
	Sampler       *Sampler                // for a target that loads the dump by itself
	Samples       map[rdb.Type]*rdb.Entry // one of each that will be written, not large where there is one
	Tail          *aof.Tail               // commands that follow the dump; nil for none
	lengths       map[int64]int64         // of large values that are best sent whole, by the offset of their entry
	Large         map[string]uint64       // keys that will be written whose value is larger than plan.Split, by kind
	Huge          bool                    // some stream is larger than what is sent whole
	Expiring      bool                    // some key that will be written expires
	Duplicates    plan.Duplicates

	once  bool // the dump cannot be read a second time
	whole bool // the target is to have nothing else
}

func newSurvey() *Survey {
	return &Survey{
		Aux: map[string]string{}, dbs: map[int]uint64{}, Modules: map[string]uint64{}, Types: map[rdb.Type]uint64{},
		Samples: map[rdb.Type]*rdb.Entry{}, lengths: map[int64]int64{}, ModuleAux: map[string]bool{}, ModuleSamples: map[string]*rdb.Entry{},
		Large: map[string]uint64{},
	}
}

// Checksum returns the checksum of the dump, in hexadecimal.
func (s *Survey) Checksum() string { return fmt.Sprintf("%016x", s.sum) }

func (s *Survey) other(e *rdb.Entry, f *rdb.Filter) {
	switch {
	case e.Kind == rdb.AuxEntry && len(e.Raw) < 256:
		s.Aux[string(e.Key)] = string(e.Raw)
	case e.Kind == rdb.FunctionEntry && f.Apply(e) == rdb.Kept:
		s.Libraries = append(s.Libraries, server.ParseLibrary(string(e.Raw)))
	case e.Kind == rdb.ModuleAuxEntry:
		s.ModuleAux[e.Module] = true
	}
}

// Length returns the length of a value in bytes. That of a large one is known where Scan has measured it.
func (s *Survey) Length(e *rdb.Entry) (n int64, known bool) {
	if e.Raw != nil {
		return int64(len(e.Raw)), true
	}
	n, known = s.lengths[e.Offset]
	return n, known
}

// Databases returns the numbers of the target's databases that keys go to, in order. Of a dump that is read once that is not known
// beforehand: then, and for plan.Options.Whole, these are all that had keys, and those that got some.
func (s *Survey) Databases(l *server.Link) []int {
	var list []int
	if s.once {
		list = slices.Concat(l.Server.DBs, l.Ledger.Databases())
		slices.Sort(list)
		return slices.Compact(list)
	}
	for db, n := range s.dbs {
		if n > 0 {
			list = append(list, db)
		}
	}
	if s.whole {
		list = append(list, l.Server.DBs...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Around each key and value Redis spends about this much (dictionary entry, object, name, allocator), on a server of 64 bits.
const keyOverhead = 90

// Memory estimates the bytes that the keys will take in the target: what they took when the dump was made, as far as they are
// written, or, where the dump does not say, their size and an overhead each.
func (s *Survey) Memory() int64 {
	if s.once {
		used, _ := strconv.ParseInt(s.Aux["used-mem"], 10, 64)
		return used
	}
	if s.Tail != nil {
		return s.dumpMemory() + s.Tail.Memory
	}
	return s.dumpMemory()
}

func (s *Survey) dumpMemory() int64 {
	byType := s.raw*3/2 + s.keys*keyOverhead
	used, err := strconv.ParseUint(s.Aux["used-mem"], 10, 63)
	if err != nil || s.allRaw == 0 {
		return int64(byType)
	}
	// The dump's own number has the base memory of that server in it, which is more than all of a small dump.
	share := float64(s.raw+s.keys*keyOverhead) / float64(s.allRaw+s.all*keyOverhead)
	return int64(min(float64(used)*share, float64(byType)*4))
}

// LikeKey returns a key of the dump, or "x" where none is known: a user may be kept to some names.
func (s *Survey) LikeKey() []byte {
	if s == nil {
		return []byte("x")
	}
	for _, t := range slices.Sorted(maps.Keys(s.Samples)) {
		return s.Samples[t].Key
	}
	return []byte("x")
}
