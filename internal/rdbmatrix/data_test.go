//go:build integration

package rdbmatrix

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// makeDatasets starts a server of a release for what every version has, and one for each feature that it has.
func makeDatasets(t *testing.T, r release) []*dataset {
	t.Helper()
	sets := []*dataset{makeDataset(t, r, "", plainData)}
	if r.fieldTTL {
		sets = append(sets, makeDataset(t, r, " field-ttl", func(s *redistest.Server) {
			for i := range 2000 {
				if i < 20 {
					s.Do("HSET", "small", fmt.Sprint("f", i), "v")
				}
				s.Do("HSET", "large", fmt.Sprint("f", i), strings.Repeat("v", 200))
			}
			for _, key := range []string{"small", "large"} {
				s.Do("HPEXPIREAT", key, "4000000000000", "FIELDS", "2", "f1", "f2")
				s.Do("HPEXPIREAT", key, "4100000000000", "FIELDS", "1", "f3")
			}
		}))
	}
	if r.functions {
		sets = append(sets, makeDataset(t, r, " functions", func(s *redistest.Server) {
			s.Do("FUNCTION", "LOAD", "#!lua name=one\nredis.register_function('first', function() return 1 end)")
			s.Do("FUNCTION", "LOAD", "#!lua name=two\nredis.register_function('second', function() return 2 end)")
			s.Do("SET", "a", "b")
		}))
	}
	if r.vectors {
		sets = append(sets, makeDataset(t, r, " vectors", func(s *redistest.Server) {
			for i := range 50 {
				s.Do("VADD", "vectors", "VALUES", "3", fmt.Sprint(i), "1", "2", fmt.Sprint("e", i), "SETATTR", `{"n":1}`)
			}
			s.Do("SET", "a", "b")
		}))
	}
	return sets
}

func makeDataset(t *testing.T, r release, name string, fill func(*redistest.Server)) *dataset {
	t.Helper()
	s := redistest.StartProgram(t, r.program, nil, "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes", "--appendfsync", "no")
	fill(s)
	s.Do("BGREWRITEAOF")
	redistest.Until(t, "the append-only file is written anew", func() bool {
		info, _ := s.Do("INFO", "persistence").(string)
		return strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") && strings.Contains(info, "aof_last_bgrewrite_status:ok")
	})
	s.Do("SET", "after the rewrite", "text") // a command in the append-only file; a number would be an object that servers share, with any idle time
	s.Do("SAVE")
	d := &dataset{from: r, name: name, server: s, dump: filepath.Join(t.TempDir(), "dump.rdb"), state: readState(s, r, r)}
	if err := os.Rename(filepath.Join(s.Dir, "dump.rdb"), d.dump); err != nil {
		t.Fatal(err)
	}
	d.aof = filepath.Join(s.Dir, "appendonly.aof")
	if r.listOfFiles {
		d.aof = filepath.Join(s.Dir, "appendonlydir")
	}
	return d
}

// plainData has every type in every encoding that sizes and contents lead to.
func plainData(s *redistest.Server) {
	random := rand.New(rand.NewPCG(1, 2))
	bytesOf := func(n int) string {
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		return string(p)
	}
	s.Do("SET", "string:number", "12345")
	s.Do("SET", "string:negative", "-1")
	s.Do("SET", "string:empty", "")
	s.Do("SET", "string:random", bytesOf(5000))
	s.Do("SET", "string:packed", strings.Repeat("abc ", 100_000))
	s.Do("SET", "string:large", bytesOf(400_000))
	s.Do("SET", "string:expires", "x")
	s.Do("PEXPIREAT", "string:expires", "4000000000123")
	s.Do("SET", "string:gone", "x", "PX", "1")
	s.Do("SET", "\x00\xff key \r\n\"", "binary")
	for _, n := range []int{5, 700} {
		size := strconv.Itoa(n)
		var list, ints, set, zset, hash []string
		for i := range n {
			text := strconv.Itoa(i)
			list = append(list, text, "item "+text)
			ints = append(ints, strconv.Itoa(i*70_001-30))
			set = append(set, "member "+text)
			zset = append(zset, strconv.FormatFloat(float64(i)*1.1-3, 'g', -1, 64), "member "+text)
			hash = append(hash, "field "+text, text)
		}
		s.Do(append([]string{"RPUSH", "list:" + size}, list...)...)
		s.Do(append([]string{"SADD", "set:ints:" + size}, ints...)...)
		s.Do(append([]string{"SADD", "set:" + size}, set...)...)
		s.Do(append([]string{"ZADD", "zset:" + size, "inf", "top", "-inf", "bottom"}, zset...)...)
		s.Do(append([]string{"HSET", "hash:" + size}, hash...)...)
		stream(s, "stream:"+size, n)
	}
	large := []string{"HSET", "hash:large"}
	for i := range 3000 { // written in pieces
		large = append(large, fmt.Sprint("field ", i), strings.Repeat("v", 120))
		s.Do("XADD", "stream:large", fmt.Sprintf("%d-1", i+1), "field", strings.Repeat("v", 120))
	}
	s.Do(large...)
	s.Do("XGROUP", "CREATE", "stream:large", "workers", "0")
	s.Do("XREADGROUP", "GROUP", "workers", "one", "COUNT", "20", "STREAMS", "stream:large", ">")
	s.Do("XDEL", "stream:large", "1-1", "7-1", "2000-1")
	s.Do("RPUSH", "list:long items", bytesOf(20_000), "a", bytesOf(9000), "b")
	s.Do("HSET", "hash:long value", "f", bytesOf(300), "g", "")
	s.Do("SADD", "set:mixed", "1", "2", "three", "")
	s.Do("PEXPIREAT", "hash:5", "4000000000456")
	s.Do("XADD", "stream:empty", "MAXLEN", "0", "7-7", "a", "b")
	s.Do("XGROUP", "CREATE", "stream:empty", "g", "$")
	payload, _ := s.Do("DUMP", "set:5").(string)
	s.Do("RESTORE", "idle set", "0", payload, "IDLETIME", "90000")
	payload, _ = s.Do("DUMP", "list:700").(string)
	s.Do("RESTORE", "idle list", "0", payload, "IDLETIME", "90000")
	s.Do("SELECT", "3")
	s.Do("SET", "of database 3", "x")
	s.Do("SELECT", "0")
}

// stream makes a stream with a group whose consumers have items pending, of which some are deleted, and one with none.
func stream(s *redistest.Server, key string, n int) {
	for i := range n {
		s.Do("XADD", key, fmt.Sprintf("%d-%d", 1000+i/3, 1+i%3), "field", fmt.Sprint("value ", i), "same", strings.Repeat("x", i%50))
	}
	s.Do("XGROUP", "CREATE", key, "workers", "0")
	s.Do("XGROUP", "CREATE", key, "nobody", "1000-2")
	for _, consumer := range []string{"one", "two", "done"} {
		s.Do("XREADGROUP", "GROUP", "workers", consumer, "COUNT", strconv.Itoa(max(n/10, 1)), "STREAMS", key, ">")
	}
	pending, _ := s.Do("XPENDING", key, "workers", "-", "+", strconv.Itoa(n), "done").([]any)
	for _, p := range pending {
		s.Do("XACK", key, "workers", p.([]any)[0].(string))
	}
	s.Do("XDEL", key, "1000-1", "1000-2", fmt.Sprintf("%d-1", 1000+n/2))
	s.Do("XTRIM", key, "MAXLEN", strconv.Itoa(n-n/20-1))
}
