package inspect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/rdb"
)

func opener(data []byte) func() (*rdb.Scanner, func() error, error) {
	return func() (*rdb.Scanner, func() error, error) {
		return rdb.NewScanner(bytes.NewReader(data), rdb.Options{}), func() error { return nil }, nil
	}
}

func changes(t *testing.T, before, after []byte, opts DiffOptions) (Differences, []string) {
	t.Helper()
	var list []string
	d, err := Diff(opener(before), opener(after), opts, func(c *Change) error {
		list = append(list, fmt.Sprint(c.Change, " ", c.DB, " ", c.Key, " ", c.What))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, list
}

// A dump does not differ from itself in another version, with any room; and each kind of change is found.
func TestDiff(t *testing.T) {
	var mixed bytes.Buffer
	if err := rdbmix.Write(&mixed, 3000); err != nil {
		t.Fatal(err)
	}
	var older bytes.Buffer
	if _, err := rdb.Copy(&older, rdb.NewScanner(bytes.NewReader(mixed.Bytes()), rdb.Options{}), rdb.CopyOptions{Version: 9}); err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 7, 1000, 2999, 3000} {
		d, list := changes(t, mixed.Bytes(), older.Bytes(), DiffOptions{Room: room})
		if d.Any() || d.Old != 3000 || d.New != 3000 {
			t.Errorf("room for %d: %+v, %.500v", room, d, list)
		}
	}
	text := func(db int, key, value string, expiry int64) rdb.Entry {
		return rdb.Entry{DB: db, Key: []byte(key), Type: rdb.TypeString, Raw: rdb.AppendString(nil, []byte(value)), Expiry: expiry}
	}
	before := dump(t, text(0, "same", "x", 0), text(0, "gone", "x", 0), text(0, "value", "x", 0), text(0, "expiry", "x", 5), text(0, "type", "x", 0), text(1, "moved", "x", 0))
	list := rdb.Entry{Key: []byte("type"), Type: rdb.TypeList, Raw: []byte{1, 1, 'x'}}
	after := dump(t, text(0, "same", "x", 0), text(0, "new", "x", 0), text(0, "value", "y", 0), text(0, "expiry", "x", 6), list, text(2, "moved", "x", 0))
	for _, room := range []int{0, 2} {
		d, got := changes(t, before, after, DiffOptions{Room: room})
		for _, want := range []string{"added 0 new []", "removed 0 gone []", "changed 0 value [value]", "changed 0 expiry [expiry]", "changed 0 type [type]", "removed 1 moved []", "added 2 moved []"} {
			if strings.Count(strings.Join(got, "\n"), want) != 1 {
				t.Errorf("room for %d: %q is not in %q", room, want, got)
			}
		}
		if d.Added != 2 || d.Removed != 2 || d.Changed != 3 {
			t.Errorf("room for %d: %+v", room, d)
		}
	}
	if d, _ := changes(t, before, after, DiffOptions{IgnoreTTL: true}); d.Changed != 2 {
		t.Errorf("without expiries: %+v", d)
	}
}

func TestEachKey(t *testing.T) {
	now := time.UnixMilli(10_000)
	data := dump(t,
		rdb.Entry{Key: []byte("a\xff"), Type: rdb.TypeString, Raw: []byte("\x01x"), Expiry: 15_000, HasIdle: true, Idle: 7},
		rdb.Entry{DB: 2, Key: []byte("l"), Type: rdb.TypeList, Raw: []byte{1, 1, 'x'}})
	var rows []KeyRow
	err := EachKey(rdb.NewScanner(bytes.NewReader(data), rdb.Options{}), &rdb.Filter{}, now, func(k *KeyRow) error { rows = append(rows, *k); return nil })
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	if k := rows[0]; k.Key.Key != `a\xff` || k.KeyBase64 != "Yf8=" || *k.TTL != 5 || *k.Idle != 7 || k.Freq != nil || k.Elements != 1 {
		t.Errorf("%+v", k)
	}
	if k := rows[1]; k.DB != 2 || k.Type != "list" || k.TTL != nil || k.KeyBase64 != "" {
		t.Errorf("%+v", k)
	}
	rows = nil
	if err := EachKey(rdb.NewScanner(bytes.NewReader(data), rdb.Options{}), &rdb.Filter{DBs: []int{2}}, now, func(k *KeyRow) error { rows = append(rows, *k); return nil }); err != nil || len(rows) != 1 {
		t.Error(rows, err)
	}
}

// The tree has every key once at its first depth, and no child is heavier than its parent.
func TestTree(t *testing.T) {
	var entries []rdb.Entry
	for i := range 300 {
		entries = append(entries, rdb.Entry{Key: fmt.Appendf(nil, "app%d:user:%d:%d", i%3, i%10, i), Type: rdb.TypeString, Raw: []byte("\x01x")})
	}
	entries = append(entries, rdb.Entry{Key: []byte("plain"), Type: rdb.TypeString, Raw: []byte("\x01x")})
	info, err := Inspect(bytes.NewReader(dump(t, entries...)), Options{Depth: 3, Top: 100})
	if err != nil {
		t.Fatal(err)
	}
	var keys, memory uint64
	for _, n := range info.Tree {
		keys += n.Keys
		memory += n.Memory
		if n.Prefix.Prefix == "" {
			continue
		}
		if len(n.Children) != 1 || n.Children[0].Memory != n.Memory || len(n.Children[0].Children) != 10 {
			t.Errorf("%+v", n)
		}
	}
	if keys != info.Total.Keys || memory != info.Total.Memory || len(info.Tree) != 4 {
		t.Errorf("%d keys and %d bytes in the tree, %+v", keys, memory, info.Total)
	}
	if info.MemoryLow >= info.Total.Memory || info.MemoryHigh <= info.Total.Memory {
		t.Errorf("%d to %d is not around %d", info.MemoryLow, info.MemoryHigh, info.Total.Memory)
	}
}
