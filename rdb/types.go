package rdb

import (
	"fmt"
	"strconv"
	"strings"
)

// A Type is the encoding of a value: the type byte of the dump. Where Redis and Valkey use one byte for two encodings,
// Valkey's has [valkeyOnly] added.
type Type uint16

const valkeyOnly = 0x100

// The types (redis src/rdb.h, valkey src/rdb.h), in brackets the first RDB version and Redis version that has it.
const (
	TypeString         Type = 0  // (1) a string
	TypeList           Type = 1  // (1) a list of strings
	TypeSet            Type = 2  // (1) a list of strings
	TypeZSet           Type = 3  // (1) strings with scores in ASCII
	TypeHash           Type = 4  // (1) pairs of strings
	TypeZSet2          Type = 5  // (8, 4.0) strings with scores of 8 bytes
	TypeModulePreGA    Type = 6  // (8, release candidates of 4.0) a module's value whose end only the module knows
	TypeModule2        Type = 7  // (8, 4.0) a module's value as a list of opcodes
	TypeHashZipmap     Type = 9  // (2, 2.4)
	TypeListZiplist    Type = 10 // (2, 2.4)
	TypeSetIntset      Type = 11 // (2, 2.4)
	TypeZSetZiplist    Type = 12 // (2, 2.4)
	TypeHashZiplist    Type = 13 // (4, 2.6)
	TypeListQuicklist  Type = 14 // (7, 3.2) ziplists
	TypeStream         Type = 15 // (9, 5.0)
	TypeHashListpack   Type = 16 // (10, 7.0)
	TypeZSetListpack   Type = 17 // (10, 7.0)
	TypeListQuicklist2 Type = 18 // (10, 7.0) listpacks and plain nodes
	TypeStream2        Type = 19 // (10, 7.0) adds first ID, last deleted ID, entries added and read
	TypeSetListpack    Type = 20 // (11, 7.2)
	TypeStream3        Type = 21 // (11, 7.2) adds the consumers' active time
	TypeHashTTLPreGA   Type = 22 // (12, release candidates of 7.4) fields with expiry
	TypeHashTTLLPPreGA Type = 23 // (12, release candidates of 7.4) the same as a listpack
	TypeHashTTL        Type = 24 // (12, 7.4) fields with expiry
	TypeHashTTLLP      Type = 25 // (12, 7.4) the same as a listpack

	TypeValkeyHashTTL Type = valkeyOnly | 22 // (80, Valkey 9.0) fields with expiry
)

// The RDB versions that this package reads. Redis and Valkey parted at 11; Valkey counts from 80 on since its 9.0.
const (
	maxRedisVersion  = 15 // Redis 8.10
	minValkeyVersion = 80 // Valkey 9.0
	maxValkeyVersion = 81 // Valkey 9.2
)

// HasVectorSets reports whether a release of [Releases], or a server of an RDB version that is written as a number, has vector
// sets: Redis since 8.0, which shares RDB version 12 with 7.4, so that the number 12 does not say so (redis
// modules/vector-sets).
func HasVectorSets(release string) bool {
	if v, err := strconv.Atoi(release); err == nil {
		return v > 12 && v <= maxRedisVersion
	}
	return strings.HasPrefix(release, "8.") && VersionFor(release) != 0
}

// ServerOf names the first release that writes an RDB version, such as "Redis 7.0" for 10 (redis and valkey src/rdb.h by
// tag). It is empty for an unknown version.
func ServerOf(version int) string {
	switch {
	case version == minValkeyVersion:
		return "Valkey 9.0"
	case version > minValkeyVersion && version <= maxValkeyVersion:
		return "Valkey 9.2"
	case version < 1 || version > maxRedisVersion:
		return ""
	}
	return "Redis " + [...]string{"1.2", "2.4", "2.6", "2.6", "2.6", "2.6", "3.2", "4.0", "5.0", "7.0", "7.2", "7.4", "8.6", "8.8", "8.10"}[version-1]
}

// releases and the RDB version that each writes (redis and valkey src/rdb.h by tag).
var releases = [...]struct {
	name    string
	version int
}{
	{"2.6", 6}, {"2.8", 6}, {"3.0", 6}, {"3.2", 7}, {"4.0", 8}, {"5.0", 9}, {"6.0", 9}, {"6.2", 9}, {"7.0", 10}, {"7.2", 11},
	{"7.4", 12}, {"8.0", 12}, {"8.2", 12}, {"8.4", 12}, {"8.6", 13}, {"8.8", 14}, {"8.10", 15},
	{"valkey-7.2", 11}, {"valkey-8.0", 11}, {"valkey-8.1", 11}, {"valkey-9.0", minValkeyVersion}, {"valkey-9.1", minValkeyVersion}, {"valkey-9.2", maxValkeyVersion},
}

// Releases are the names that [VersionFor] knows, the oldest first.
func Releases() []string {
	var names []string
	for _, r := range releases {
		names = append(names, r.name)
	}
	return names
}

// VersionFor returns the RDB version that a release of Redis writes, such as "6.2", or of Valkey, such as "valkey-8.0"; 0 for
// one that is not known.
func VersionFor(release string) int {
	for _, r := range releases {
		if r.name == release {
			return r.version
		}
	}
	return 0
}

// types is indexed by Type; what has no kind cannot be read.
var types = [...]struct {
	kind, encoding string
	since          int
}{
	TypeString:         {"string", "", 1},
	TypeList:           {"list", "linked list", 1},
	TypeSet:            {"set", "hash table", 1},
	TypeZSet:           {"zset", "skip list, ASCII scores", 1},
	TypeHash:           {"hash", "hash table", 1},
	TypeZSet2:          {"zset", "skip list", 8},
	TypeModule2:        {"module", "", 8},
	TypeHashZipmap:     {"hash", "zipmap", 2},
	TypeListZiplist:    {"list", "ziplist", 2},
	TypeSetIntset:      {"set", "intset", 2},
	TypeZSetZiplist:    {"zset", "ziplist", 2},
	TypeHashZiplist:    {"hash", "ziplist", 4},
	TypeListQuicklist:  {"list", "quicklist of ziplists", 7},
	TypeStream:         {"stream", "version 1", 9},
	TypeHashListpack:   {"hash", "listpack", 10},
	TypeZSetListpack:   {"zset", "listpack", 10},
	TypeListQuicklist2: {"list", "quicklist of listpacks", 10},
	TypeStream2:        {"stream", "version 2", 10},
	TypeSetListpack:    {"set", "listpack", 11},
	TypeStream3:        {"stream", "version 3", 11},
	TypeHashTTLPreGA:   {"hash", "hash table with field expiry, preview", 12},
	TypeHashTTLLPPreGA: {"hash", "listpack with field expiry, preview", 12},
	TypeHashTTL:        {"hash", "hash table with field expiry", 12},
	TypeHashTTLLP:      {"hash", "listpack with field expiry", 12},
	TypeValkeyHashTTL:  {"hash", "hash table with field expiry, Valkey", 80},
}

// newTypes names what newer servers write and this package refuses, because its layout could not be tried on a server.
var newTypes = [...]struct {
	valkey bool
	number byte
	name   string
}{
	{false, byte(TypeModulePreGA), "module (Redis 4.0 release candidate)"},
	{true, 23, "hash by path, Valkey 9.2"},
	{false, 26, "stream, Redis 8.6"},
	{false, 27, "stream, Redis 8.8"},
	{false, 28, "array, Redis 8.8"},
	{false, 29, "hash template, Redis 8.10"},
}

// Byte gives the type byte in the dump.
func (t Type) Byte() byte { return byte(t) }

// Kind is what TYPE answers: string, list, set, zset, hash, stream; or module. It is empty for an unknown type.
func (t Type) Kind() string {
	if int(t) < len(types) {
		return types[t].kind
	}
	return ""
}

// Encoding describes how the value is written, such as "listpack". It is empty where a kind has only one way.
func (t Type) Encoding() string {
	if int(t) < len(types) {
		return types[t].encoding
	}
	return ""
}

// Since is the first RDB version that has the type; 0 for an unknown type.
func (t Type) Since() int {
	if int(t) < len(types) {
		return types[t].since
	}
	return 0
}

// FieldExpiry reports whether it is a hash of which fields expire on their own. Servers write one of these types only where
// a field does.
func (t Type) FieldExpiry() bool {
	switch t {
	case TypeHashTTLPreGA, TypeHashTTLLPPreGA, TypeHashTTL, TypeHashTTLLP, TypeValkeyHashTTL:
		return true
	}
	return false
}

// String returns the kind and the encoding, such as "hash (listpack)".
func (t Type) String() string {
	switch {
	case t.Kind() == "":
		return fmt.Sprintf("type %d", t.Byte())
	case t.Encoding() == "":
		return t.Kind()
	}
	return t.Kind() + " (" + t.Encoding() + ")"
}

// typeOf returns the type of a type byte in a dump of the version, or what is wrong with it.
func typeOf(b byte, version int) (Type, string) {
	t, valkey := Type(b), version >= minValkeyVersion
	if valkey && t > TypeStream3 {
		t |= valkeyOnly
	}
	if t.Kind() != "" {
		return t, ""
	}
	for _, n := range newTypes {
		if n.number == b && (n.valkey == valkey || b == byte(TypeModulePreGA)) {
			return t, fmt.Sprintf("type %d (%s) is not supported", b, n.name)
		}
	}
	return t, fmt.Sprintf("unknown type %d", b)
}
