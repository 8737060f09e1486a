package redistest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Kinds are the kinds of data that [Server.SavedAgain] makes.
var Kinds = []string{"strings", "collections", "lists and streams"}

// fill puts about 5 MB of one of the kinds into a server by commands: many small strings; hashes, sets and sorted sets of mixed
// sizes; long lists, and streams with groups. A third of the keys expires.
func fill(s *Server, kind string) {
	s.TB.Helper()
	f := filler{s, rand.New(rand.NewPCG(7, 11))}
	switch kind {
	case "strings":
		for i := range 40_000 {
			value := f.text(f.random.IntN(120))
			if i%5 == 0 {
				value = strconv.Itoa(f.random.IntN(1_000_000))
			}
			f.expiring(i, "SET", fmt.Sprintf("user:%d:%s", i, f.text(f.random.IntN(12))), value)
		}
	case "collections":
		for i := range 900 {
			n := 1 + f.random.IntN(60)
			if i%50 == 0 {
				n = 300 + f.random.IntN(1500)
			}
			hash, set, zset, numbers := []string{"HSET", fmt.Sprint("hash:", i)}, []string{"SADD", fmt.Sprint("set:", i)}, []string{"ZADD", fmt.Sprint("zset:", i)}, []string{"SADD", fmt.Sprint("numbers:", i)}
			for j := range n {
				hash = append(hash, fmt.Sprint("field:", j), f.text(f.random.IntN(40+i%3*40)))
				set = append(set, fmt.Sprint("member:", j, f.text(f.random.IntN(30))))
				zset = append(zset, strconv.Itoa(f.random.IntN(100_000)), fmt.Sprint("member:", j, f.text(f.random.IntN(30+i%2*70))))
				numbers = append(numbers, strconv.Itoa(f.random.IntN(1<<30)))
			}
			for _, command := range [][]string{hash, set, zset, numbers} {
				f.expiring(i, command...)
			}
		}
	default:
		for i := range 100 {
			push := []string{"RPUSH", fmt.Sprint("list:", i)}
			for range 1 + i*5 {
				push = append(push, f.text(10+f.random.IntN(150)))
			}
			f.expiring(i, push...)
		}
		for i := range 60 {
			key := fmt.Sprint("stream:", i)
			for j := range 5 + i*7 {
				s.Do("XADD", key, fmt.Sprintf("%d-%d", 1_700_000_000_000+j*(100+i*10), j), "event", f.text(20+f.random.IntN(60)), "at", strconv.Itoa(j))
			}
			s.Do("XGROUP", "CREATE", key, "workers", "0")
			s.Do("XREADGROUP", "GROUP", "workers", "one", "COUNT", strconv.Itoa(1+i), "STREAMS", key, ">")
		}
	}
}

// A filler makes the same data each time.
type filler struct {
	server *Server
	random *rand.Rand
}

func (f filler) expiring(i int, command ...string) {
	f.server.TB.Helper()
	f.server.Do(command...)
	if i%3 == 0 {
		f.server.Do("PEXPIREAT", command[1], "4000000000000")
	}
}

func (f filler) text(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('a' + f.random.IntN(26)))
	}
	return b.String()
}

// UsedMemory is what INFO says.
func (s *Server) UsedMemory() uint64 {
	s.TB.Helper()
	info, _ := s.Do("INFO", "memory").(string)
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				s.TB.Fatal(err)
			}
			return n
		}
	}
	s.TB.Fatal("no used_memory")
	return 0
}

// SettledMemory is UsedMemory once hash tables have their size, which a server after its start changes bit by bit.
func (s *Server) SettledMemory() uint64 {
	s.TB.Helper()
	last, since := s.UsedMemory(), time.Now()
	Until(s.TB, "memory settles", func() bool {
		if n := s.UsedMemory(); max(n, last)-min(n, last) > 4<<10 || s.rehashing() {
			last, since = n, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
	return last
}

// rehashing reports whether a hash table of the databases still has its old buckets too, which servers since Redis 7.4 say.
func (s *Server) rehashing() bool {
	s.TB.Helper()
	stats, _ := s.Do("MEMORY", "STATS").([]any)
	for i := 0; i+1 < len(stats); i += 2 {
		if stats[i] == "db.dict.rehashing.count" {
			n, _ := stats[i+1].(int64)
			return n > 0
		}
	}
	return false
}

// SavedAgain fills an empty server with one of the kinds, and starts it again with what it saved, which is returned.
func (s *Server) SavedAgain(kind string) (dump []byte) {
	s.TB.Helper()
	fill(s, kind)
	s.Do("SAVE")
	dump, err := os.ReadFile(filepath.Join(s.Dir, "dump.rdb"))
	if err != nil {
		s.TB.Fatal(err)
	}
	s.Kill()
	s.Run()
	return dump
}
