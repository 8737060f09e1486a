package survey

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// key is a string of so many bytes.
func key(db int, name string, size int) rdb.Entry {
	return rdb.Entry{DB: db, Key: []byte(name), Type: rdb.TypeString, Raw: rdb.AppendString(nil, bytes.Repeat([]byte{'x'}, size))}
}

// A body is a dump that notices whether it was closed.
type body struct {
	io.Reader
	closed *int
}

func (b body) Close() error { *b.closed++; return nil }

// source returns a dump of entries, and how often a reader of it was closed.
func source(t *testing.T, entries ...rdb.Entry) (s plan.Source, closed *int) {
	t.Helper()
	var b bytes.Buffer
	w, err := rdb.NewWriter(&b, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		err = errors.Join(err, w.Write(&entries[i]))
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	closed = new(int)
	return plan.Source{Name: "dump", Size: int64(b.Len()), Open: func(_ context.Context, at int64) (io.ReadCloser, error) {
		return body{bytes.NewReader(b.Bytes()[at:]), closed}, nil
	}}, closed
}

func TestScan(t *testing.T) {
	over, later := key(0, "over", 1), key(0, "later", 1)
	over.Expiry, later.Expiry = 1, 4_000_000_000_000
	src, closed := source(t, key(0, "a", 10), over, later, key(1, "b", 2*plan.Split), key(2, "c", 1),
		rdb.Entry{DB: 1, Key: []byte("empty"), Type: rdb.TypeList, Raw: []byte{0}})
	p := plan.New(src, plan.Options{Filter: rdb.Filter{DBs: []int{0, 1}, MapDB: map[int]int{1: 7}}})
	p.SetClocks(0, nil)
	var a account.Account
	s, err := Scan(t.Context(), p, &a)
	if err != nil {
		t.Fatal(err)
	}
	if *closed != 1 {
		t.Errorf("the dump was closed %d times", *closed)
	}
	if got, want := s.Databases(&server.Link{}), []int{0, 7}; !reflect.DeepEqual(got, want) {
		t.Errorf("databases %v, want %v", got, want)
	}
	rows := map[account.RowName]account.Counts{}
	for _, r := range s.Rows {
		r.Bytes = 0
		rows[account.RowName{DB: r.DB, Kind: r.Type}] = r.Counts
	}
	if want := map[account.RowName]account.Counts{
		{DB: 0, Kind: "string"}: {Read: 3, Expired: 1, Lasting: 1},
		{DB: 7, Kind: "string"}: {Read: 1, Lasting: 1},
		{DB: 7, Kind: "list"}:   {Read: 1, Skipped: 1},
		{DB: 2, Kind: "string"}: {Read: 1, Filtered: 1},
	}; !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v, want %+v", rows, want)
	}
	if s.Version != 10 || s.Size != src.Size || s.Checksum() == "" || !s.Expiring || s.Huge || s.Large["string"] != 1 || s.Memory() < 2*plan.Split {
		t.Errorf("got %+v, memory %d", s, s.Memory())
	}
	if string(s.LikeKey()) != "a" || string((*Survey)(nil).LikeKey()) != "x" {
		t.Errorf("a key of the dump is %q", s.LikeKey())
	}
}

func TestDamagedDump(t *testing.T) {
	src, _ := source(t, key(0, "a", 10))
	open := src.Open
	src.Open = func(ctx context.Context, at int64) (io.ReadCloser, error) {
		b, err := open(ctx, at)
		text, _ := io.ReadAll(b)
		return io.NopCloser(strings.NewReader(strings.Replace(string(text), "xxx", "xyx", 1))), err
	}
	if _, err := Scan(t.Context(), plan.New(src, plan.Options{}), &account.Account{}); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %v", err)
	}
}

// A target that may have nothing else is looked at as a whole.
func TestWhole(t *testing.T) {
	for whole, want := range map[bool][]int{false: {0, 3}, true: {0, 2, 3, 5}} {
		src, _ := source(t, key(0, "a", 1), key(3, "b", 1))
		s, err := Scan(t.Context(), plan.New(src, plan.Options{Whole: whole}), &account.Account{})
		if err != nil {
			t.Fatal(err)
		}
		l := &server.Link{}
		l.Server.DBs = []int{2, 3, 5}
		if got := s.Databases(l); !reflect.DeepEqual(got, want) {
			t.Errorf("databases %v, want %v", got, want)
		}
	}
}

// What is left of a dump that is read once is taken once, and closed by whom has it.
func TestReadHead(t *testing.T) {
	for _, taken := range []bool{true, false} {
		src, closed := source(t, key(0, "a", 1), key(3, "b", 1))
		src.Once = true
		s, h, err := ReadHead(t.Context(), plan.New(src, plan.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		l := &server.Link{}
		l.Server.DBs = []int{5, 5, 2}
		if got := s.Databases(l); !reflect.DeepEqual(got, []int{2, 5}) {
			t.Errorf("databases %v", got)
		}
		if taken {
			scanner, rest, first, ok := h.Take()
			if !ok {
				t.Fatal("there is nothing to take")
			}
			var names []string
			for e, err := first, error(nil); err == nil; e, err = scanner.Next() {
				if e != nil {
					names = append(names, string(e.Key))
				}
			}
			if strings.Join(names, " ") != "a b" {
				t.Errorf("keys %q", names)
			}
			if _, _, _, ok := h.Take(); ok {
				t.Error("it was taken twice")
			}
			rest.Close()
		}
		h.Close()
		if *closed != 1 {
			t.Errorf("taken %v: closed %d times", taken, *closed)
		}
	}
	none, at := (*Head)(nil), 0
	none.Close()
	if _, _, _, ok := none.Take(); ok {
		t.Error("something was taken of nothing")
	}
	bad := plan.Source{Once: true, Open: func(context.Context, int64) (io.ReadCloser, error) {
		return body{strings.NewReader("no dump"), &at}, nil
	}}
	if s, h, err := ReadHead(t.Context(), plan.New(bad, plan.Options{})); err == nil || s != nil || h != nil || at != 1 {
		t.Errorf("got %v, %v, %v, closed %d times", s, h, err, at)
	}
}

// Each key is kept with the same chance: 1 of 3 keys of a sample as large as a third of them.
func TestSampler(t *testing.T) {
	counts := make([]int, 30)
	for range 2000 {
		var r reservoir[int]
		s := NewSampler()
		for i := range counts {
			r.offer(s.random, 10, func() int { return i })
		}
		if len(r.kept) != 10 {
			t.Fatalf("%d are kept", len(r.kept))
		}
		for _, i := range r.kept {
			counts[i]++
		}
	}
	for i, n := range counts {
		if n < 500 || n > 840 { // 667, and eight standard deviations
			t.Errorf("key %d was kept %d times of 2000", i, n)
		}
	}
	s, e := NewSampler(), key(4, "a", 1)
	s.Offer(&e, 3, 10)
	e.Key[0], e.Raw[1] = 'b', 'y'
	huge := rdb.Entry{DB: 4, Key: []byte("h"), Type: rdb.TypeSet, Offset: 99}
	s.Offer(&huge, 3, 10)
	large := key(4, "l", sampleBytes+1)
	s.Offer(&large, 3, 10)
	kept := s.Values()
	if len(kept[0]) != 1 || string(kept[0][0].Key) != "a" || kept[0][0].Raw[1] != 'x' || len(kept[1]) != 1 || string(kept[1][0].Key) != "l" {
		t.Errorf("kept %v", kept)
	}
	if h := s.Huge(); len(h) != 1 || h[0].At != (rdb.Position{Offset: 99, DB: 3, Version: 10}) || string(h[0].Key.Key) != "h" {
		t.Errorf("kept %v", h)
	}
}
