package rdb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter chooses entries of a dump and changes their database and expiry. The zero value keeps everything as it is.
type Filter struct {
	DBs     []int       // the databases to keep, by their number in the dump; empty: all
	MapDB   map[int]int // from the number in the dump to another
	Match   []string    // patterns of KEYS: one must match the key; empty: any key
	Exclude []string    // patterns of KEYS: none may match the key
	// Types are those of [Type.Kind] to keep, and "function"; empty: all.
	Types []string
	TTL   TTL
	// Now is the time of which the expiry is judged. With a zero time, keys that have expired are kept.
	Now time.Time
}

// TTL describes what becomes of a key's expiry. The zero value keeps it.
type TTL struct {
	None bool          // keys never expire
	Max  time.Duration // keys expire so long after [Filter.Now], which must be set, at the latest; 0 for no such limit
}

// Verdict is what [Filter.Apply] says of an entry.
type Verdict uint8

// The verdicts.
const (
	Kept     Verdict = iota
	Filtered         // left out by the choice of databases, keys or types
	Expired          // left out because it had expired at the time Now
)

// FilterTypes are the words that [Filter.Types] may have.
func FilterTypes() []string {
	return []string{"string", "list", "set", "zset", "hash", "stream", "module", "function"}
}

// Empty reports whether every entry is kept as it is.
func (f *Filter) Empty() bool { return f.keepsAll() && f.TTL == TTL{} && len(f.MapDB) == 0 }

func (f *Filter) keepsAll() bool {
	return len(f.DBs) == 0 && len(f.Match) == 0 && len(f.Exclude) == 0 && len(f.Types) == 0 && f.Now.IsZero()
}

// Apply judges an entry and gives a kept one its new database and expiry. Fields of the dump are kept; how many keys a
// database has only where no key is left out; functions where Types does not leave them out.
func (f *Filter) Apply(e *Entry) Verdict {
	switch e.Kind {
	case AuxEntry:
		return Kept
	case FunctionEntry:
		return f.kind("function")
	case ModuleAuxEntry:
		return f.kind("module")
	case ResizeEntry:
		if !f.keepsAll() {
			return Filtered
		}
	case KeyEntry:
		if v := f.key(e); v != Kept {
			return v
		}
	}
	if to, ok := f.MapDB[e.DB]; ok {
		e.DB = to
	}
	return Kept
}

func (f *Filter) kind(kind string) Verdict {
	if len(f.Types) > 0 && !slices.Contains(f.Types, kind) {
		return Filtered
	}
	return Kept
}

func (f *Filter) key(e *Entry) Verdict {
	matches := func(pattern string) bool { return MatchGlob(pattern, e.Key) }
	switch {
	case len(f.DBs) > 0 && !slices.Contains(f.DBs, e.DB),
		len(f.Match) > 0 && !slices.ContainsFunc(f.Match, matches),
		slices.ContainsFunc(f.Exclude, matches):
		return Filtered
	}
	if v := f.kind(e.Type.Kind()); v != Kept {
		return v
	}
	if !f.Now.IsZero() && e.Expiry != 0 && e.Expiry <= f.Now.UnixMilli() {
		return Expired
	}
	if f.TTL.None {
		e.Expiry = 0
	}
	if f.TTL.Max > 0 {
		if latest := f.Now.Add(f.TTL.Max).UnixMilli(); e.Expiry == 0 || e.Expiry > latest {
			e.Expiry = latest
		}
	}
	return Kept
}

// ParseTTL reads "keep", "none", or the longest time that a key may live, such as 90m, 24h or 7d.
func ParseTTL(text string) (TTL, error) {
	switch text {
	case "", "keep":
		return TTL{}, nil
	case "none":
		return TTL{None: true}, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return TTL{}, fmt.Errorf("invalid expiry %q; use \"keep\", \"none\", or a maximum TTL such as 90m or 7d", text)
	}
	return TTL{Max: d}, nil
}

// ParseDB reads the number of a database.
func ParseDB(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("invalid database number %q; databases start at 0", text)
	}
	return int(n), nil
}

// ParseMapDB reads pairs such as 0:3, the number of a database in the dump and its new one.
func ParseMapDB(pairs []string) (map[int]int, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	m := map[int]int{}
	for _, pair := range pairs {
		from, to, ok := strings.Cut(pair, ":")
		if !ok {
			return nil, fmt.Errorf("invalid mapping %q; use for example 0:3", pair)
		}
		a, err := ParseDB(from)
		b, err2 := ParseDB(to)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		if old, ok := m[a]; ok && old != b {
			return nil, fmt.Errorf("database %d is mapped to both %d and %d", a, old, b)
		}
		m[a] = b
	}
	return m, nil
}

// MatchGlob reports whether the whole of s matches a pattern of KEYS (redis src/util.c, stringmatchlen): * is any bytes, ?
// one byte, [a-z] one of them, [^a-z] one other, and \ takes the next byte as it is. It takes time in proportion to
// len(pattern)*len(s) at most.
func MatchGlob(pattern string, s []byte) bool {
	p, i := 0, 0
	star, from := -1, 0 // where to go on after the last *, and the first byte that it has not eaten yet
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, from = p, i
			continue
		}
		if next, ok := matchOne(pattern, p, s[i]); ok {
			p, i = next, i+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte with what is at pattern[p:], which is not a star, and gives where the pattern goes on.
func matchOne(pattern string, p int, b byte) (next int, ok bool) {
	if p == len(pattern) {
		return p, false
	}
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchClass(pattern, p+1, b)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == b
}

// matchClass reads a class after its bracket. One that is not closed ends with the pattern.
func matchClass(pattern string, p int, b byte) (next int, ok bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		low := pattern[p]
		switch {
		case low == '\\' && p+1 < len(pattern):
			p++
			ok = ok || pattern[p] == b
		case p+2 < len(pattern) && pattern[p+1] == '-':
			high := pattern[p+2]
			p += 2
			ok = ok || min(low, high) <= b && b <= max(low, high)
		default:
			ok = ok || low == b
		}
	}
	return min(p+1, len(pattern)), ok != not
}
