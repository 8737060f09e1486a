package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// What is at odds with a server that loads a dump is found, and a server loads what is copied.
func TestLoadCheck(t *testing.T) {
	text := func(db int, key string) Entry {
		return Entry{DB: db, Key: []byte(key), Type: TypeString, Raw: AppendString(nil, []byte(fmt.Sprint(key, db)))}
	}
	random := rand.New(rand.NewPCG(1, 1))
	for n := range 12 {
		var b bytes.Buffer
		w, err := NewWriter(&b, 9)
		if err != nil {
			t.Fatal(err)
		}
		twice := map[string]bool{}
		want := false
		for range 8 {
			e := text(random.IntN(3), fmt.Sprint("k", random.IntN(12)))
			if name := fmt.Sprint(e.DB, " ", string(e.Key)); twice[name] {
				want = true
			} else {
				twice[name] = true
			}
			if err := w.Write(&e); err != nil {
				t.Fatal(err)
			}
		}
		if n%4 == 3 {
			e := Entry{Key: []byte("damaged"), Type: TypeHashZiplist, Raw: AppendString(nil, []byte("not a ziplist"))}
			if n%8 == 3 {
				e = Entry{Key: []byte("set"), Type: TypeSetIntset, Raw: AppendString(nil, []byte{3, 0, 0, 0, 0, 0, 0, 0})}
			}
			if err := w.Write(&e); err != nil {
				t.Fatal(err)
			}
			want = true
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var loads LoadCheck
		found := false
		s := NewScanner(bytes.NewReader(b.Bytes()), Options{})
		for {
			e, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := loads.Entry(e); err != nil {
				found = true
				var wrong *Error
				if !errors.Is(err, ErrLoad) || !errors.As(err, &wrong) {
					t.Errorf("unexpected error %v", err)
				}
			}
		}
		if found != want {
			t.Errorf("dump %d: found %t, want %t", n, found, want)
		}
		var out bytes.Buffer
		refused := 0
		_, err = Copy(&out, NewScanner(bytes.NewReader(b.Bytes()), Options{}), CopyOptions{Unloadable: func(*Entry, error) error { refused++; return nil }})
		if err != nil || (refused > 0) != want {
			t.Errorf("dump %d: %v, %d were left out", n, err, refused)
		}
		if startServer(t, out.Bytes()).do("PING") != "PONG" {
			t.Errorf("dump %d: the server does not load the copy", n)
		}
		if _, err := Copy(io.Discard, NewScanner(bytes.NewReader(b.Bytes()), Options{}), CopyOptions{}); errors.Is(err, ErrLoad) != want {
			t.Errorf("dump %d: %v", n, err)
		}
	}
}

func TestKeySet(t *testing.T) {
	var s KeySet
	for _, tt := range []struct {
		db   int
		key  string
		want bool
	}{{0, "a", true}, {0, "", true}, {0, "a", false}, {1, "a", true}, {1, "", true}, {1, "", false}, {0, "a", false}, {256, "a", true}, {1, "a", false}} {
		if got := s.Add(tt.db, []byte(tt.key)); got != tt.want {
			t.Errorf("key %q of %d is new: %t", tt.key, tt.db, got)
		}
	}
	for round := range 2 {
		for i := range 100_000 {
			if s.Add(i%300, fmt.Append(nil, "key:", i)) != (round == 0) {
				t.Fatalf("round %d: key %d", round, i)
			}
		}
	}
	if s.Full() {
		t.Error("it is full")
	}
}
