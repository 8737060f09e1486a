package importer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/aof"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// A survey is what the first pass learns of a dump.
type survey struct {
	version   int
	size      int64 // bytes of the dump
	sum       uint64
	aux       map[string]string
	dbs       map[int]uint64 // keys that will be written, by database of the target
	keys      uint64         // those
	all       uint64         // keys of the dump
	raw       uint64         // bytes of the values of keys that will be written
	allRaw    uint64
	libraries []server.Library  // of functions, those that will be loaded
	modules   map[string]uint64 // keys that will be written, by module
	moduleAux map[string]bool   // modules with data outside of keys
	// moduleSamples are a small value of each module, to try it on the target.
	moduleSamples map[string]*rdb.Entry
	types         map[rdb.Type]uint64
	rows          []account.Row           // what will be written, skipped and so on, if nothing goes wrong
	sampler       *sampler                // for a target that loads the dump by itself
	samples       map[rdb.Type]*rdb.Entry // one of each that will be written, not large where there is one
	tail          *aof.Tail               // commands that follow the dump; nil for none
	lengths       map[int64]int64         // of large values that are best sent whole, by the offset of their entry
	large         map[string]uint64       // keys that will be written whose value is larger than plan.Split, by kind
	huge          bool                    // some stream is larger than what is sent whole
	expiring      bool                    // some key that will be written expires
	duplicates    plan.Duplicates
}

// maxSample is the size up to which a value is kept to try its type on the target.
const maxSample = 16 << 10

func newSurvey() *survey {
	return &survey{
		aux: map[string]string{}, dbs: map[int]uint64{}, modules: map[string]uint64{}, types: map[rdb.Type]uint64{},
		samples: map[rdb.Type]*rdb.Entry{}, lengths: map[int64]int64{}, moduleAux: map[string]bool{}, moduleSamples: map[string]*rdb.Entry{},
		large: map[string]uint64{},
	}
}

func (s *survey) checksum() string { return fmt.Sprintf("%016x", s.sum) }

// scanDump reads the whole dump, and checks its checksum.
func (im *importer) scanDump(ctx context.Context) (*survey, error) {
	body, err := im.Source.Open(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	scanner := rdb.NewScanner(body, rdb.Options{Window: plan.Split, Rest: true})
	y := &surveyor{survey: newSurvey(), im: im, scanner: scanner, tally: map[tallyName]*tallied{}}
	if im.Options.Method == plan.Replication {
		y.sampler, y.loads = newSampler(), &rdb.LoadCheck{}
	}
	for n := 0; ; n++ {
		if n%4096 == 0 {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			im.Progress.Set(scanner.Offset(), y.all, y.name.db)
		}
		e, err := scanner.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if e.Kind != rdb.KeyEntry {
			y.other(e, &im.Options.Filter)
			continue
		}
		if err := y.key(e); err != nil {
			return nil, err
		}
	}
	s := y.survey
	s.take(y.tally)
	s.duplicates.Forget()
	s.version, s.size, s.sum = scanner.Version(), scanner.Offset(), scanner.Checksum()
	s.tail, err = im.Source.Commands(ctx, scanner)
	return s, err
}

// A surveyor adds the keys of a dump to a survey.
type surveyor struct {
	*survey
	im      *importer
	scanner *rdb.Scanner
	tally   map[tallyName]*tallied
	name    tallyName      // of the last key
	t       *tallied       // that of name
	loads   *rdb.LoadCheck // nil where the target does not load the dump itself
}

func (s *surveyor) key(e *rdb.Entry) error {
	im, filter := s.im, &s.im.Options.Filter
	im.Losses.Known = im.Losses.Known || e.HasIdle || e.HasFreq
	size := int64(len(e.Raw))
	if s.loads != nil {
		if err := s.loads.Entry(e); err != nil {
			return err
		}
		size = int64(e.RawSize()) // read, where it is large
	}
	if e.Unread() {
		var err error
		if size, err = s.lengthOf(e); err != nil {
			return err
		}
	}
	s.all++
	s.allRaw += uint64(size)
	from := e.DB
	verdict := filter.Apply(e)
	if to, ok := filter.MapDB[from]; ok {
		e.DB = to
	}
	if now := (tallyName{e.DB, e.Type}); s.t == nil || now != s.name {
		s.name = now
		if s.t = s.tally[now]; s.t == nil {
			s.t = &tallied{}
			s.tally[now] = s.t
		}
	}
	t := s.t
	t.Read++
	switch verdict {
	case rdb.Expired:
		t.Expired++
		return nil
	case rdb.Filtered:
		t.Filtered++
		return nil
	}
	im.ShiftExpiry(e)
	im.Lifetimes.Add(e.DB, e.Expiry, im.Now())
	t.keys++
	t.Bytes += uint64(size)
	if e.Expiry == 0 {
		t.Lasting++
	}
	s.keys++
	s.raw += uint64(size)
	s.expiring = s.expiring || e.Expiry != 0
	if size > plan.Split {
		s.large[e.Type.Kind()]++
		s.huge = s.huge || size > maxWhole && e.Type.Kind() == "stream"
	}
	if s.sampler != nil {
		s.sampler.offer(e, from, s.scanner.Version())
	}
	s.duplicates.Add(e)
	s.sample(e, size)
	return nil
}

// sample keeps one value of each type to try on the target, and takes an empty one back.
func (s *surveyor) sample(e *rdb.Entry, size int64) {
	t := s.t
	if e.Type == rdb.TypeModule2 {
		s.modules[e.Module]++
		s.sampleModule(e)
	} else if e.Raw != nil && size < maxEmpty && isEmptyEntry(e) {
		t.Skipped++
		if e.Expiry == 0 {
			t.Lasting--
		}
		return
	}
	if t.sampled || e.Raw == nil || size > maxSample {
		return
	}
	if t.sampled = true; s.samples[e.Type] == nil {
		c := *e
		c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
		s.samples[e.Type] = &c
	}
}

// maxEmpty is more than any encoding takes that has no element.
const maxEmpty = 24

type tallyName struct {
	db int
	of rdb.Type
}

// tallied counts what was met of one database and type.
type tallied struct {
	account.Counts
	keys    uint64 // that will be written
	sampled bool
}

// take sums up by database, type and kind.
func (s *survey) take(tally map[tallyName]*tallied) {
	index := map[account.RowName]int{}
	for name, t := range tally {
		if t.keys > 0 {
			s.dbs[name.db] += t.keys
			s.types[name.of] += t.keys
		}
		row := account.RowName{DB: name.db, Kind: name.of.Kind()}
		i, ok := index[row]
		if !ok {
			i = len(s.rows)
			index[row] = i
			s.rows = append(s.rows, account.Row{DB: row.DB, Type: row.Kind})
		}
		s.rows[i].Counts.Add(t.Counts)
	}
}

func (s *survey) other(e *rdb.Entry, f *rdb.Filter) {
	switch {
	case e.Kind == rdb.AuxEntry && len(e.Raw) < 256:
		s.aux[string(e.Key)] = string(e.Raw)
	case e.Kind == rdb.FunctionEntry && f.Apply(e) == rdb.Kept:
		s.libraries = append(s.libraries, server.ParseLibrary(string(e.Raw)))
	case e.Kind == rdb.ModuleAuxEntry:
		s.moduleAux[e.Module] = true
	}
}

// sampleModule keeps the smallest value of each module, of those that fit the window.
func (s *survey) sampleModule(e *rdb.Entry) {
	if old := s.moduleSamples[e.Module]; e.Raw == nil || old != nil && len(old.Raw) <= len(e.Raw) {
		return
	}
	c := *e
	c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
	s.moduleSamples[e.Module] = &c
}

// lengthOf measures a large value, and keeps the length where it is needed again.
func (s *survey) lengthOf(e *rdb.Entry) (int64, error) {
	var n int64
	err := e.Chunks(func(p []byte) error { n += int64(len(p)); return nil })
	if e.Type == rdb.TypeModule2 || e.Type.Kind() == "stream" {
		s.lengths[e.Offset] = n
	}
	return n, err
}

// lengthOf returns the length of a large value that the first pass has measured.
func (im *importer) lengthOf(e *rdb.Entry) (int64, bool) {
	if e.Raw != nil {
		return int64(len(e.Raw)), true
	}
	n, ok := im.survey.lengths[e.Offset]
	return n, ok
}

// databases returns the numbers of the target's databases that keys go to, in order.
func (s *survey) databases() []int {
	var list []int
	for db, n := range s.dbs {
		if n > 0 {
			list = append(list, db)
		}
	}
	slices.Sort(list)
	return list
}

// Around each key and value Redis spends about this much (dictionary entry, object, name, allocator), on a server of 64 bits.
const keyOverhead = 90

// memory estimates what the keys will take in the target: what they took when the dump was made, as far as they are written,
// or, where the dump does not say, their size and an overhead each.
func (s *survey) memory() int64 {
	if s.tail != nil {
		return s.dumpMemory() + s.tail.Memory
	}
	return s.dumpMemory()
}

func (s *survey) dumpMemory() int64 {
	byType := s.raw*3/2 + s.keys*keyOverhead
	used, err := strconv.ParseUint(s.aux["used-mem"], 10, 63)
	if err != nil || s.allRaw == 0 {
		return int64(byType)
	}
	// The dump's own number has the base memory of that server in it, which is more than all of a small dump.
	share := float64(s.raw+s.keys*keyOverhead) / float64(s.allRaw+s.all*keyOverhead)
	return int64(min(float64(used)*share, float64(byType)*4))
}
