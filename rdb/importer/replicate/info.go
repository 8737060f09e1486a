package replicate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// overLimit reports that a server has more in memory than it may.
func overLimit(info map[string]string) bool {
	limit, used := field("n="+info["maxmemory"], "n"), field("n="+info["used_memory"], "n")
	return limit > 0 && used > limit
}

// errorKinds lists the errors that were answered between two INFO, such as WRONGTYPE (3).
func errorKinds(before, after map[string]string) string {
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		kind, ok := strings.CutPrefix(name, "errorstat_")
		if !ok {
			continue
		}
		if n := field(after[name], "count") - field(before[name], "count"); n > 0 {
			kinds = append(kinds, fmt.Sprintf("%s (%d)", kind, n))
		}
	}
	if len(kinds) == 0 {
		return "of a kind it does not count"
	}
	return strings.Join(kinds, ", ")
}

// calls adds up what commandstats says of a command and its subcommands.
func calls(info map[string]string, name, what string) int64 {
	n := field(info["cmdstat_"+name], what)
	for key, value := range info {
		if strings.HasPrefix(key, "cmdstat_"+name+"|") {
			n += field(value, what)
		}
	}
	return n
}

// field reads one number of a line such as calls=3,usec=12.
func field(line, name string) int64 {
	for pair := range strings.SplitSeq(line, ",") {
		if text, ok := strings.CutPrefix(pair, name+"="); ok {
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		}
	}
	return 0
}

func delta(before, after map[string]string, name string) uint64 {
	a, _ := strconv.ParseUint(after[name], 10, 64)
	b, _ := strconv.ParseUint(before[name], 10, 64)
	return a - min(a, b)
}

// keyspace returns the number of keys of a line such as db0:keys=3,expires=1.
func keyspace(info map[string]string, name string) (uint64, bool) {
	if _, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err != nil || !strings.HasPrefix(name, "db") {
		return 0, false
	}
	return uint64(max(field(info[name], "keys"), 0)), strings.HasPrefix(info[name], "keys=")
}
