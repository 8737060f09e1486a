package rdb

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// CopyOptions of [Copy].
type CopyOptions struct {
	// Version of the dump that is written; 0: that of the one that is read, or 6 where that is older than 5.
	Version int
	Filter  Filter
	// DropFieldTTL and Now are those of [ReencodeOptions].
	DropFieldTTL bool
	Now          time.Time
	// HasModule reports whether the server that will load the dump has a module, by the name of its type; a server that
	// lacks one does not start. With nil, values of any module are kept.
	HasModule func(name string) bool
	// Refused is called for each entry that Version cannot hold, with the reason. It is left out, unless Refused returns
	// an error, which ends the copy. With nil, the reason does.
	Refused func(e *Entry, reason error) error
	// Unloadable, if not nil, is called for each entry at which a server that loads the dump would end its process ([LoadCheck]),
	// with the reason. It is left out, unless Unloadable returns an error, which ends the copy. With nil, the reason does.
	// A value larger than the window of the scanner is not looked into.
	Unloadable func(e *Entry, reason error) error
	// Lost, if not nil, is called for each key that was written and lost something.
	Lost func(e *Entry, lost Loss)
}

// CopyStats counts what became of the keys.
type CopyStats struct {
	Version   int    `json:"version"` // that was written
	Keys      uint64 `json:"keys"`    // read
	Written   uint64 `json:"written"`
	Reencoded uint64 `json:"reencoded"` // of those, in another type than before
	Filtered  uint64 `json:"filtered"`
	Expired   uint64 `json:"expired"`
	Refused   uint64 `json:"refused"` // keys, libraries of functions and data of modules that Version cannot hold
	// Unloadable counts keys at which a server that loads the dump ends: damaged ones, and the second of two.
	Unloadable uint64 `json:"unloadable"`
	Unsearched bool   `json:"-"` // there were too many keys to notice each that is there twice
	// Lost counts the keys written that lost something by their new encoding, by what they lost.
	Lost map[Loss]uint64 `json:"-"`
}

func (s *CopyStats) lose(lost Loss) {
	for _, l := range Losses() {
		if lost&l != 0 {
			if s.Lost == nil {
				s.Lost = map[Loss]uint64{}
			}
			s.Lost[l]++
		}
	}
}

// Copy writes the entries that a filter keeps as a dump of a version, with a checksum. A value whose type the version
// has not is written in another ([Reencode]), and is in memory as a whole for that. The stats are right after an error too.
func Copy(w io.Writer, s *Scanner, opts CopyOptions) (CopyStats, error) {
	var stats CopyStats
	first, err := s.Next() // which makes the version known
	if err != nil && err != io.EOF {
		return stats, err
	}
	stats.Version = opts.Version
	if stats.Version == 0 {
		stats.Version = s.Version()
		if stats.Version < minWriterVersion {
			stats.Version = oldWriterVersion
		}
	}
	out, werr := NewWriter(w, stats.Version)
	if werr != nil {
		return stats, werr
	}
	c := copier{opts: opts, out: out, stats: &stats, from: map[int]int{}}
	for e := first; err == nil; e, err = s.Next() {
		if err := c.entry(e); err != nil {
			return stats, err
		}
	}
	if err != io.EOF {
		return stats, err
	}
	return stats, out.Close()
}

// The version of a dump that is written anew because its own is older than a Writer knows.
const oldWriterVersion = 6

type copier struct {
	opts  CopyOptions
	out   *Writer
	stats *CopyStats
	from  map[int]int // the old number of each new database
	loads LoadCheck
}

func (c *copier) entry(e *Entry) error {
	isKey, db := e.Kind == KeyEntry, e.DB
	if isKey {
		c.stats.Keys++
	}
	switch verdict := c.opts.Filter.Apply(e); {
	case verdict == Filtered && isKey:
		c.stats.Filtered++
		return nil
	case verdict == Expired:
		c.stats.Expired++
		return nil
	case verdict != Kept:
		return nil
	}
	if isKey && len(c.opts.Filter.MapDB) > 0 {
		if other, ok := c.from[e.DB]; ok && other != db {
			return fmt.Errorf("databases %d and %d would both become %d, so keys could collide; map them to different databases", other, db, e.DB)
		}
		c.from[e.DB] = db
	}
	if err := c.loadable(e); err != nil {
		c.stats.Unloadable++
		if c.opts.Unloadable == nil {
			return err
		}
		return c.opts.Unloadable(e, err)
	}
	typ := e.Type
	written, lost, err := c.reencode(e)
	if err == nil && written == nil {
		c.stats.Expired++ // all its fields have
		return nil
	}
	if err == nil {
		err = c.out.Write(written)
	}
	switch {
	case errors.Is(err, ErrTarget), errors.Is(err, ErrUnsupported) && !errors.Is(err, io.ErrUnexpectedEOF):
		c.stats.Refused++
		if c.opts.Refused == nil {
			return err
		}
		return c.opts.Refused(e, err)
	case err != nil || !isKey:
		return err
	}
	c.stats.Written++
	if written.Type != typ {
		c.stats.Reencoded++
	}
	if (e.HasIdle || e.HasFreq) && c.stats.Version < 9 {
		lost |= LossUse
	}
	if lost != 0 && c.opts.Lost != nil {
		c.opts.Lost(e, lost)
	}
	c.stats.lose(lost)
	return nil
}

// loadable judges an entry that is kept. A large value can be read only once, and is needed for that.
func (c *copier) loadable(e *Entry) error {
	err := c.loads.Key(e)
	c.stats.Unsearched = c.loads.Full()
	if err == nil && e.Raw != nil {
		err = c.loads.Value(e)
	}
	return err
}

func (c *copier) reencode(e *Entry) (*Entry, Loss, error) {
	if has := c.opts.HasModule; has != nil && e.Module != "" && !has(e.Module) {
		what := fmt.Sprintf("data of module %q", e.Module)
		if e.Module == vectorSet {
			what = "vector sets, which require Redis 8.0 or later"
		}
		return nil, 0, &Error{e.Offset, what + "; a server without it cannot load the dump", ErrTarget}
	}
	return Reencode(e, ReencodeOptions{Version: c.stats.Version, DropFieldTTL: c.opts.DropFieldTTL, Now: c.opts.Now})
}

// vectorSet is the name of the type of vector sets, which Redis 8 writes as values of a module (redis modules/vector-sets,
// vset.c).
const vectorSet = "vectorset"
