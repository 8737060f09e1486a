// Package inspect counts what is in a dump of Redis and shows it as text, JSON and a page of HTML.
//
// It reads any length of dump in constant memory. Counts, bytes and the largest keys are exact; memory is an estimate
// ([rdb.Measure]); prefixes are exact as long as a dump has no more of them than [Options] has room for, and beyond
// that each says how much of its figure may belong to others ([Prefix.AtMost]).
package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Options of [Inspect].
type Options struct {
	// Now is the time from which the time to live is counted.
	Now time.Time
	// AtDump counts it from when the dump was made instead, where the dump says so.
	AtDump bool
	// Top is how many of the largest keys and prefixes are kept; 0 stands for 20.
	Top int
	// Prefixes is how many prefixes of each depth are counted at a time; 0 stands for 4096.
	Prefixes int
	// Separator ends a part of a key; empty stands for ":".
	Separator string
	// Layout is that of the server whose memory is estimated; nil stands for the first release that writes the version of the dump.
	Layout *rdb.Layout
	// Depth is how many parts of a key are looked at; 0 stands for 3.
	Depth int
}

const (
	defaultTop       = 20
	defaultPrefixes  = 4096
	defaultSeparator = ":"
)

// Info is what is in a dump. Its JSON names are stable.
type Info struct {
	Version     int    `json:"version"` // of the RDB format
	Server      string `json:"server"`  // the first release that writes the version, such as "Redis 7.0"
	Compression string `json:"compression,omitempty"`
	Size        int64  `json:"size"` // bytes of the dump, unpacked
	Checksum    bool   `json:"checksum"`
	Aux         []Aux  `json:"aux"`

	Total     Totals     `json:"total"`
	Databases []Database `json:"databases"`
	Types     []TypeInfo `json:"types"`    // of all databases, the largest first
	TTL       []Bucket   `json:"ttl"`      // by time to live
	Sizes     []Bucket   `json:"sizes"`    // by size of the value in the dump
	Idle      []Bucket   `json:"idle"`     // by time since the last use; empty where the dump does not say
	Largest   []Key      `json:"largest"`  // by memory
	Longest   []Key      `json:"longest"`  // by elements
	Prefixes  []Prefix   `json:"prefixes"` // by memory
	Tree      []Node     `json:"tree,omitempty"`
	Functions int        `json:"functions"` // libraries
	Modules   []string   `json:"modules"`   // that wrote values or data outside of keys

	// Tables is about what the hash tables of the databases need, which belong to no key, and UsedMemory the used_memory of a
	// server that has loaded the dump.
	Tables     uint64 `json:"tables"`
	UsedMemory uint64 `json:"usedMemory"`

	// MemoryLow and MemoryHigh bound Total.Memory with Tables: it is that of Redis with its own jemalloc.
	MemoryLow  uint64 `json:"memoryLow"`
	MemoryHigh uint64 `json:"memoryHigh"`

	// PrefixesExact reports whether there was room for all prefixes.
	PrefixesExact bool      `json:"prefixesExact"`
	Separator     string    `json:"separator"`
	Now           time.Time `json:"now"`
}

// Aux is a fact that the server wrote at the head of the dump.
type Aux struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Totals are sums over keys.
type Totals struct {
	Keys     uint64 `json:"keys"`
	Elements uint64 `json:"elements"`
	Bytes    uint64 `json:"bytes"`  // of keys and values in the dump
	Memory   uint64 `json:"memory"` // about what a server needs
	Expires  uint64 `json:"expires"`
	Expired  uint64 `json:"expired"` // already, at Now
}

func (t *Totals) add(k *measured) {
	t.Keys++
	t.Elements += k.size.Elements
	t.Bytes += k.bytes
	t.Memory += k.memory
	if k.expiry != 0 {
		t.Expires++
		if k.expired {
			t.Expired++
		}
	}
}

// otherDatabases is the number under which databases are summed up that come after the first thousand.
const (
	otherDatabases = -1
	maxDatabases   = 1000
)

// Database sums up a database.
type Database struct {
	DB int `json:"db"`
	Totals
	Types []TypeInfo `json:"types"`
}

// TypeInfo sums up the keys of a type and encoding.
type TypeInfo struct {
	Type     string `json:"type"`
	Encoding string `json:"encoding,omitempty"`
	Totals
}

// Bucket is a bar of a histogram.
type Bucket struct {
	Label  string `json:"label"`
	Keys   uint64 `json:"keys"`
	Memory uint64 `json:"memory"`
}

// Key is a single key. Its name is cut after 200 bytes.
type Key struct {
	DB       int    `json:"db"`
	Key      string `json:"key"`
	Type     string `json:"type"`
	Encoding string `json:"encoding,omitempty"`
	Elements uint64 `json:"elements"`
	Bytes    uint64 `json:"bytes"`
	Memory   uint64 `json:"memory"`
	Expiry   int64  `json:"expiry,omitempty"` // Unix milliseconds
}

// Prefix sums up the keys that begin alike, up to and with a separator.
type Prefix struct {
	Prefix string `json:"prefix"` // empty: keys without a separator
	Keys   uint64 `json:"keys"`
	Memory uint64 `json:"memory"`
	// AtMost is how much of Memory may belong to other prefixes, because there was no room to count all of them; 0:
	// Memory and Keys are exact. Keys never counts those of others, but may miss some.
	AtMost uint64 `json:"atMost,omitempty"`
}

const maxShownKey = 200

// measured is a key with its size.
type measured struct {
	*rdb.Entry
	size    rdb.Size
	bytes   uint64
	memory  uint64
	expiry  int64
	expired bool
}

// Inspect reads a dump to its end and checks its checksum. An error of the dump is an *[rdb.Error].
func Inspect(r io.Reader, opts Options) (*Info, error) {
	opts.Top = cmp.Or(opts.Top, defaultTop)
	opts.Prefixes = cmp.Or(opts.Prefixes, defaultPrefixes)
	opts.Separator = cmp.Or(opts.Separator, defaultSeparator)
	in := &inspector{
		opts: opts,
		out: Info{ // lists that are never null in JSON
			Aux: []Aux{}, Databases: []Database{}, Types: []TypeInfo{}, Idle: []Bucket{}, Prefixes: []Prefix{}, Modules: []string{},
		},
		dbs: map[int]*Database{}, types: map[int]map[rdb.Type]*TypeInfo{},
		largest: top{n: opts.Top},
		longest: top{n: opts.Top},
	}
	for range cmp.Or(opts.Depth, prefixDepth) {
		in.prefixes = append(in.prefixes, sketch{room: opts.Prefixes})
	}
	unpacked, packing, err := rdb.Decompress(r)
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	s := rdb.NewScanner(unpacked, rdb.Options{})
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		in.layout = layoutOf(opts.Layout, s)
		if err := in.entry(e); err != nil {
			return nil, err
		}
	}
	info := in.info()
	info.Compression = packing.String()
	info.Version, info.Server = s.Version(), rdb.ServerOf(s.Version())
	info.Size, info.Checksum = s.Offset(), s.Checked()
	return info, nil
}

// An inspector adds up the entries of a dump.
type inspector struct {
	opts     Options
	out      Info
	dbs      map[int]*Database
	types    map[int]map[rdb.Type]*TypeInfo
	largest  top
	longest  top
	prefixes []sketch // by depth, so that many long prefixes do not drive out the short ones
	modules  map[string]bool
	ttl      [len(ttlLabels)]Bucket
	sizes    [len(sizeLabels)]Bucket
	idle     [len(idleLabels)]Bucket
	hasIdle  bool
	layout   rdb.Layout
	measured measured // the key that is being added, so that none is allocated
}

const maxAux = 100 // a server writes about ten

func (in *inspector) entry(e *rdb.Entry) error {
	switch e.Kind {
	case rdb.AuxEntry:
		if len(in.out.Aux) < maxAux {
			value := e.Raw[:min(len(e.Raw), maxShownKey)]
			if in.opts.AtDump && string(e.Key) == "ctime" {
				if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && n > 0 {
					in.opts.Now = time.Unix(n, 0)
				}
			}
			in.out.Aux = append(in.out.Aux, Aux{printable(e.Key[:min(len(e.Key), maxShownKey)]), printable(value)})
		}
	case rdb.FunctionEntry:
		in.out.Functions++
	case rdb.ModuleAuxEntry:
		in.module(e.Module)
	case rdb.KeyEntry:
		return in.key(e)
	}
	return nil
}

func (in *inspector) module(name string) {
	if in.modules == nil {
		in.modules = map[string]bool{}
	}
	if len(in.modules) < maxAux {
		in.modules[name] = true
	}
}

func (in *inspector) key(e *rdb.Entry) error {
	in.measured = measured{Entry: e, memory: in.layout.Key(e), expiry: e.Expiry}
	k := &in.measured
	var err error
	if k.size, err = in.layout.Measure(e); err != nil {
		return err
	}
	valueBytes := e.RawSize()
	k.bytes = valueBytes + uint64(len(e.Key))
	k.memory += k.size.Memory
	now := in.opts.Now.UnixMilli()
	k.expired = k.expiry != 0 && k.expiry <= now
	if e.Module != "" {
		in.module(e.Module)
	}

	in.out.Total.add(k)
	number := e.DB
	if in.dbs[number] == nil && len(in.dbs) >= maxDatabases {
		number = otherDatabases
	}
	db := in.dbs[number]
	if db == nil {
		db = &Database{DB: number}
		in.dbs[number] = db
		in.types[number] = map[rdb.Type]*TypeInfo{}
	}
	db.add(k)
	t := in.types[number][e.Type]
	if t == nil {
		t = &TypeInfo{Type: e.Type.Kind(), Encoding: e.Type.Encoding()}
		in.types[number][e.Type] = t
	}
	t.add(k)

	in.ttl[ttlBucket(k.expiry, now)].add(k)
	in.sizes[sizeBucket(valueBytes)].add(k)
	if e.HasIdle {
		in.hasIdle = true
		in.idle[idleBucket(e.Idle)].add(k)
	}
	in.largest.add(k, k.memory)
	in.longest.add(k, k.size.Elements)
	in.prefix(k)
	return nil
}

func (b *Bucket) add(k *measured) {
	b.Keys++
	b.Memory += k.memory
}

// The histograms. A label stands for what is below its bound and not below the one before.
var (
	ttlLabels = [...]string{"expired", "under 1 minute", "under 1 hour", "under 1 day", "under 7 days", "under 30 days", "under 1 year", "1 year and more", "never expires"}
	ttlBounds = [...]time.Duration{0, time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour}

	sizeLabels = [...]string{"up to 64 B", "up to 1 KiB", "up to 10 KiB", "up to 100 KiB", "up to 1 MiB", "up to 10 MiB", "up to 100 MiB", "larger"}
	sizeBounds = [...]uint64{64, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20, 100 << 20}

	idleLabels = [...]string{"under 1 hour", "under 1 day", "under 7 days", "under 30 days", "30 days and more"}
	idleBounds = [...]time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}
)

func ttlBucket(expiry, now int64) int {
	if expiry == 0 {
		return len(ttlLabels) - 1
	}
	left := expiry - now
	for i, bound := range ttlBounds {
		if left < bound.Milliseconds() || i == 0 && left <= 0 {
			return i
		}
	}
	return len(ttlBounds)
}

func sizeBucket(n uint64) int {
	i, _ := slices.BinarySearch(sizeBounds[:], n)
	return i
}

func idleBucket(seconds uint64) int {
	for i, bound := range idleBounds {
		if seconds < uint64(bound/time.Second) {
			return i
		}
	}
	return len(idleBounds)
}

func (in *inspector) info() *Info {
	out := &in.out
	out.Now, out.Separator = in.opts.Now.UTC(), in.opts.Separator
	all := map[rdb.Type]*TypeInfo{}
	for _, n := range slices.Sorted(maps.Keys(in.dbs)) {
		db := in.dbs[n]
		for t, info := range in.types[n] {
			db.Types = append(db.Types, *info)
			if all[t] == nil {
				all[t] = &TypeInfo{Type: info.Type, Encoding: info.Encoding}
			}
			all[t].plus(&info.Totals)
		}
		sortTypes(db.Types)
		out.Tables += in.layout.Database(db.Keys, db.Expires)
		out.Databases = append(out.Databases, *db)
	}
	for _, info := range all {
		out.Types = append(out.Types, *info)
	}
	sortTypes(out.Types)
	out.TTL = labelled(in.ttl[:], ttlLabels[:])
	out.Sizes = labelled(in.sizes[:], sizeLabels[:])
	if in.hasIdle {
		out.Idle = labelled(in.idle[:], idleLabels[:])
	}
	out.Largest, out.Longest = in.largest.sorted(), in.longest.sorted()
	out.Modules = slices.AppendSeq(out.Modules, maps.Keys(in.modules))
	slices.Sort(out.Modules)
	in.topPrefixes()
	if in.opts.Depth > 0 {
		out.Tree = in.tree()
	}
	out.UsedMemory = out.Total.Memory + out.Tables + in.layout.Server()
	out.bound()
	return out
}

// layoutOf is the layout that was asked for, or that of the server which writes such a dump.
func layoutOf(asked *rdb.Layout, s *rdb.Scanner) rdb.Layout {
	if asked != nil {
		return *asked
	}
	return rdb.LayoutOf(s.Version())
}

func (t *Totals) plus(o *Totals) {
	t.Keys += o.Keys
	t.Elements += o.Elements
	t.Bytes += o.Bytes
	t.Memory += o.Memory
	t.Expires += o.Expires
	t.Expired += o.Expired
}

func sortTypes(list []TypeInfo) {
	slices.SortFunc(list, func(a, b TypeInfo) int {
		return cmp.Or(cmp.Compare(b.Memory, a.Memory), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Encoding, b.Encoding))
	})
}

func labelled(buckets []Bucket, labels []string) []Bucket {
	for i := range buckets {
		buckets[i].Label = labels[i]
	}
	return buckets
}

// auxValue returns the text of a fact, or an empty string.
func (info *Info) auxValue(name string) string {
	for _, a := range info.Aux {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// usedMemory is what the server that wrote the dump used at that time, in bytes; 0 where it does not say.
func (info *Info) usedMemory() uint64 {
	n, err := strconv.ParseUint(info.auxValue("used-mem"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Created is when the dump was made, in UTC; the zero time where it does not say.
func (info *Info) Created() time.Time {
	n, err := strconv.ParseInt(info.auxValue("ctime"), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// Writer names the server that wrote the dump, such as "Redis 7.0.15", or what is known of it from the version.
func (info *Info) Writer() string {
	for _, known := range [...]struct{ aux, name string }{{"valkey-ver", "Valkey"}, {"redis-ver", "Redis"}} {
		if v := info.auxValue(known.aux); v != "" {
			return known.name + " " + v
		}
	}
	return info.Server + " or later"
}

// shownKey cuts a key that is very long.
func shownKey(key []byte) string {
	if len(key) > maxShownKey {
		return printable(key[:maxShownKey]) + fmt.Sprintf("… (%d bytes)", len(key))
	}
	return printable(key)
}

// printable returns text as it is, and other bytes in the way of Go: \xff.
func printable(p []byte) string {
	if utf8.Valid(p) {
		return string(p)
	}
	quoted := strconv.Quote(string(p))
	return quoted[1 : len(quoted)-1]
}
