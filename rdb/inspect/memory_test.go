package inspect

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// builtWith finds out the allocator of a server by how it rounds: an embedded string takes 20 bytes more than its text.
func builtWith(s *redistest.Server) rdb.Allocator {
	usage := func(n int) int64 {
		s.Do("SET", "k", strings.Repeat("x", n))
		size, _ := s.Do("MEMORY", "USAGE", "k").(int64)
		s.Do("DEL", "k")
		return size
	}
	switch first := usage(12); { // 32 bytes, of glibc 40
	case usage(13) == first && usage(20) == first:
		return rdb.Glibc
	case usage(13) == usage(28): // 33 and 48 bytes
		return rdb.SystemJemalloc
	}
	return rdb.OwnJemalloc
}

// TestUsedMemory: what the server takes for its own dump is within 5 percent of the estimate, for each kind of data.
func TestUsedMemory(t *testing.T) {
	empty := redistest.Start(t)
	base := empty.SettledMemory()
	server, _ := empty.Do("INFO", "server").(string)
	var layout *rdb.Layout
	for prefix, release := range map[string]rdb.Release{"6.": rdb.Redis60, "7.0.": rdb.Redis70, "7.2.": rdb.Redis72, "7.4.": rdb.Redis80, "8.0.": rdb.Redis80} {
		if strings.Contains(server, "redis_version:"+prefix) && !strings.Contains(server, "valkey") {
			layout = &rdb.Layout{Release: release, Allocator: builtWith(empty)}
		}
	}
	if layout == nil {
		t.Skip("redis-server is of a version whose layout is not known")
	}
	for _, kind := range redistest.Kinds {
		t.Run(kind, func(t *testing.T) {
			s := redistest.Start(t)
			dump := s.SavedAgain(kind)
			used := s.SettledMemory()
			info, err := Inspect(bytes.NewReader(dump), Options{Layout: layout})
			if err != nil {
				t.Fatal(err)
			}
			for name, pair := range map[string][2]uint64{"used_memory": {info.UsedMemory, used}, "data": {info.Total.Memory + info.Tables, used - base}} {
				off := 100 * (float64(pair[0])/float64(pair[1]) - 1)
				t.Logf("%s: the server %d, the estimate %d (%+.2f %%)", name, pair[1], pair[0], off)
				if off < -5 || off > 5 {
					t.Errorf("%s: the estimate is off by %+.1f %%", name, off)
				}
			}
		})
	}
}
