package inspect

// spread is how far the memory of a running server may be from the estimate, as factors.
type spread struct{ low, high float64 }

// spreads are measured on servers that were filled with one kind of key each and compared with the estimate of its dump: Redis
// 6.0, 7.0 and 8.0 and Valkey 8.1 and 9.1 as Debian builds them, rounded outwards. The upper end is an allocator that rounds
// up to multiples of 16 bytes (Debian's jemalloc, libc); the lower end Valkey since 8.1, whose hash tables have no entry apart from
// the key, and sets of Redis since 7.2. The release that writes such a dump, with the jemalloc of its own source, is at the estimate.
var spreads = map[string]spread{
	"string":      {0.66, 1.13},
	"list":        {0.93, 1.04},
	"set":         {0.56, 1.23},
	"set packed":  {0.86, 1.07},
	"hash":        {0.80, 1.13},
	"hash packed": {0.92, 1.05},
	"zset":        {0.70, 1.27},
	"zset packed": {0.95, 1.04},
	"stream":      {0.95, 1.10},
	"module":      {0.50, 4}, // only the module knows
}

// bound describes between what the memory is.
func (info *Info) bound() {
	var low, high float64
	for _, t := range info.Types {
		name := t.Type
		switch t.Encoding {
		case "listpack", "ziplist", "intset", "zipmap", "listpack with field expiry", "listpack with field expiry, preview":
			if _, ok := spreads[name+" packed"]; ok {
				name += " packed"
			}
		}
		s := spreads[name]
		low += float64(t.Memory) * s.low
		high += float64(t.Memory) * s.high
	}
	low += float64(info.Tables)
	high += float64(info.Tables)
	info.MemoryLow, info.MemoryHigh = uint64(low), uint64(high)
}
