package rdbmix

import (
	"bytes"
	"io"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// A server loads the dump, and so do we; it is the same each time.
func TestWrite(t *testing.T) {
	const keys = 3000
	var one, two bytes.Buffer
	for _, w := range []*bytes.Buffer{&one, &two} {
		if err := WriteLarge(w, keys, 6); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two dumps of as many keys differ")
	}
	kinds := map[string]int{}
	elements := 0
	s := rdb.NewScanner(&two, rdb.Options{})
	for {
		e, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != rdb.KeyEntry {
			continue
		}
		kinds[e.Type.Kind()]++
		if err := rdb.Decode(e, func(*rdb.Element) error { elements++; return nil }); err != nil {
			t.Fatalf("%q: %v", e.Key, err)
		}
	}
	t.Log(one.Len()/keys, "bytes a key;", kinds, elements, "elements")
	if len(kinds) != 6 {
		t.Errorf("kinds %v", kinds)
	}
	server := redistest.StartDump(t, one.Bytes(), "--sanitize-dump-payload", "yes")
	if n := server.Do("DBSIZE"); n != int64(keys) {
		t.Errorf("the server has %v keys", n)
	}
	if n := server.Do("SAVE"); n != "OK" {
		t.Error(n)
	}
}
