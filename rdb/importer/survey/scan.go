package survey

import (
	"bytes"
	"context"
	"io"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// Scan reads the whole dump and checks its checksum. It counts in the account which keys expire soon.
func Scan(ctx context.Context, p *plan.Plan, a *account.Account) (*Survey, error) {
	body, err := p.Source.Open(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	scanner := rdb.NewScanner(body, rdb.Options{Window: plan.Split, Rest: true})
	y := &surveyor{Survey: newSurvey(), plan: p, account: a, scanner: scanner, tally: map[tallyName]*tallied{}}
	y.whole = p.Options.Whole
	if p.Options.Method == plan.Replication {
		y.Sampler, y.loads = NewSampler(), &rdb.LoadCheck{}
	}
	for n := 0; ; n++ {
		if n%4096 == 0 {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			a.Progress.Set(scanner.Offset(), y.all, y.name.db)
			y.now = p.Now()
		}
		e, err := scanner.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if e.Kind != rdb.KeyEntry {
			if e.Kind == rdb.ResizeEntry {
				if y.loads == nil {
					y.Duplicates.Expect(e.Keys)
				} else {
					y.loads.Expect(e.Keys)
				}
			}
			y.other(e, &p.Options.Filter)
			continue
		}
		if err := y.key(e); err != nil {
			return nil, err
		}
	}
	s := y.Survey
	s.take(y.tally)
	s.Duplicates.Forget()
	s.Duplicates.Full = s.Duplicates.Full || y.loads != nil && y.loads.Full()
	s.Version, s.Size, s.sum = scanner.Version(), scanner.Offset(), scanner.Checksum()
	s.Tail, err = p.Source.Commands(ctx, scanner)
	return s, err
}

// A surveyor adds the keys of a dump to a survey.
type surveyor struct {
	*Survey
	plan    *plan.Plan
	account *account.Account
	scanner *rdb.Scanner
	tally   map[tallyName]*tallied
	name    tallyName      // of the last key
	t       *tallied       // that of name
	now     int64          // Unix milliseconds, by the target's clock, a few thousand keys ago
	loads   *rdb.LoadCheck // nil where the target does not load the dump itself
}

func (s *surveyor) key(e *rdb.Entry) error {
	filter, losses := &s.plan.Options.Filter, &s.account.Losses
	losses.Known = losses.Known || e.HasIdle || e.HasFreq
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
	s.plan.ShiftExpiry(e)
	s.account.Lifetimes.Add(e.DB, e.Expiry, s.now)
	t.keys++
	t.Bytes += uint64(size)
	if e.Expiry == 0 {
		t.Lasting++
	}
	s.keys++
	s.raw += uint64(size)
	s.Expiring = s.Expiring || e.Expiry != 0
	if size > plan.Split {
		s.Large[e.Type.Kind()]++
		s.Huge = s.Huge || size > plan.MaxWhole && e.Type.Kind() == "stream"
	}
	if s.Sampler != nil {
		s.Sampler.Offer(e, from, s.scanner.Version())
	}
	if s.loads == nil { // which has looked for them
		s.Duplicates.Add(e)
	}
	s.sample(e, size)
	return nil
}

// maxSample is the size in bytes up to which a value is kept to try its type on the target.
const maxSample = 16 << 10

// sample keeps one value of each type to try on the target, and takes an empty one back.
func (s *surveyor) sample(e *rdb.Entry, size int64) {
	t := s.t
	if e.Type == rdb.TypeModule2 {
		s.Modules[e.Module]++
		s.sampleModule(e)
	} else if e.Raw != nil && size < plan.MaxEmpty && plan.IsEmpty(e) {
		t.Skipped++
		if e.Expiry == 0 {
			t.Lasting--
		}
		return
	}
	if t.sampled || e.Raw == nil || size > maxSample {
		return
	}
	if t.sampled = true; s.Samples[e.Type] == nil {
		c := *e
		c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
		s.Samples[e.Type] = &c
	}
}

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
func (s *Survey) take(tally map[tallyName]*tallied) {
	index := map[account.RowName]int{}
	for name, t := range tally {
		if t.keys > 0 {
			s.dbs[name.db] += t.keys
			s.Types[name.of] += t.keys
		}
		row := account.RowName{DB: name.db, Kind: name.of.Kind()}
		i, ok := index[row]
		if !ok {
			i = len(s.Rows)
			index[row] = i
			s.Rows = append(s.Rows, account.Row{DB: row.DB, Type: row.Kind})
		}
		s.Rows[i].Counts.Add(t.Counts)
	}
}

// sampleModule keeps the smallest value of each module, of those that fit the window.
func (s *Survey) sampleModule(e *rdb.Entry) {
	if old := s.ModuleSamples[e.Module]; e.Raw == nil || old != nil && len(old.Raw) <= len(e.Raw) {
		return
	}
	c := *e
	c.Key, c.Raw = bytes.Clone(e.Key), bytes.Clone(e.Raw)
	s.ModuleSamples[e.Module] = &c
}

// lengthOf measures a large value, and keeps the length where it is needed again.
func (s *Survey) lengthOf(e *rdb.Entry) (int64, error) {
	var n int64
	err := e.Chunks(func(p []byte) error { n += int64(len(p)); return nil })
	if e.Type == rdb.TypeModule2 || e.Type.Kind() == "stream" {
		s.lengths[e.Offset] = n
	}
	return n, err
}
