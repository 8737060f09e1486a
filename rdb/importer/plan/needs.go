package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// Needs are what a server must have that loads a dump itself, from its master or its own directory. One that lacks any of it
// does not skip the key: its process ends. The zero value is for a dump without entries.
type Needs struct {
	since   int
	modules map[string]uint64
	loads   rdb.LoadCheck
}

// Add takes account of an entry. The error says that no server would survive loading it.
func (n *Needs) Add(e *rdb.Entry) error {
	switch e.Kind {
	case rdb.FunctionEntry:
		n.since = max(n.since, 10)
	case rdb.ModuleAuxEntry:
		n.module(e.Module, 0)
	case rdb.KeyEntry:
		n.since = max(n.since, e.Type.Since())
		if e.Type == rdb.TypeModule2 {
			n.module(e.Module, 1)
		}
		return n.loads.Entry(e)
	}
	return nil
}

func (n *Needs) module(name string, keys uint64) {
	if n.modules == nil {
		n.modules = map[string]uint64{}
	}
	n.modules[name] += keys
}

// VectorSet is the name under which Redis 8 writes its vector sets: as values of a module that is built in.
const VectorSet = "vectorset"

// Servers names the releases that can load a dump of an RDB version, apart from its [Needs.Modules]. Redis and Valkey parted
// at RDB version 11: neither loads what the other writes since.
func (n *Needs) Servers(version int) string {
	version = max(version, n.since)
	_, vectors := n.modules[VectorSet]
	switch from := rdb.ServerOf(version); {
	case vectors && version <= 12:
		return "Redis 8.0 and later can load, but not Valkey, because it has vector sets"
	case version >= 80:
		return from + " and later can load, but not Redis"
	case version > 11:
		return from + " and later can load, but not Valkey"
	default:
		return from + " and later, and Valkey, can load"
	}
}

// Modules names the types of modules whose data the dump has, vector sets ("vectorset") among them.
func (n *Needs) Modules() []string { return slices.Sorted(maps.Keys(n.modules)) }

// Missing names those of them that none of the modules has.
func (n *Needs) Missing(modules []string) []string {
	return slices.DeleteFunc(n.Modules(), func(of string) bool { return HasModule(modules, of) })
}

// ModuleNames are modules by the prefix of the types that they make (their source, RedisModule_CreateDataType).
var ModuleNames = map[string]string{
	"ReJSON-RL": "ReJSON json", "MBbloom--": "bf", "MBbloomCF": "bf", "CMSk-TYPE": "bf", "TopK-TYPE": "bf", "TDIS-TYPE": "bf", "bloomfltr": "bf",
	"TSDB-TYPE": "timeseries", "graphdata": "graph", "ft_index0": "search ft", "ft_invidx": "search ft", "numericdx": "search ft",
	"scdtype00": "search ft", "trietype0": "search ft", "vectorset": "vectorset",
}

// HasModule reports whether one of the modules, by the name of MODULE LIST or of the type that it makes, has a type of a dump,
// such as "ReJSON-RL".
func HasModule(names []string, of string) bool {
	return slices.Contains(names, of) || ModuleListed(names, of)
}

// ModuleListed reports whether a type, such as "ReJSON-RL", is of one of the modules. A type that is not known here may be of
// any whose name begins alike.
func ModuleListed(have []string, of string) bool {
	names := strings.Fields(ModuleNames[of])
	return slices.ContainsFunc(have, func(name string) bool {
		if len(names) > 0 {
			return slices.Contains(names, name)
		}
		n := min(len(name), len(of), 4)
		return n > 0 && strings.EqualFold(name[:n], of[:n])
	})
}
