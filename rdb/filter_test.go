package rdb

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMatchGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"**", "abc", true},
		{"a*c", "abbc", true}, {"a*c", "abbd", false}, {"*a*b*", "xxaxxbxx", true}, {"*ab", "aab", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"user:*", "user:1", true}, {"user:*", "users:1", false},
		{"h[ae]llo", "hello", true}, {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false},
		{"h[a-c]llo", "hbllo", true}, {"h[c-a]llo", "hbllo", true}, {"h[a-c]llo", "hdllo", false}, {"[a-]", "-", false}, {"[a-]", "_", true}, {"[]a]", "a", false},
		{`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true}, {`[\]]`, "]", true}, {"[abc", "c", true}, {"[", "a", false}, {"[^", "a", true},
		{"\xff*", "\xff\x00\n", true},
	} {
		if got := MatchGlob(tt.pattern, []byte(tt.s)); got != tt.want {
			t.Errorf("%q on %q: got %v", tt.pattern, tt.s, got)
		}
	}
	// Redis 7.0 takes minutes for this one.
	start := time.Now()
	if MatchGlob(strings.Repeat("a*", 50)+"b", bytes.Repeat([]byte("a"), 10_000)) || time.Since(start) > 5*time.Second {
		t.Error("a pattern of many stars takes too long, or matches")
	}
}

// The server's own KEYS is the reference.
func TestMatchGlobLikeServer(t *testing.T) {
	s := startServer(t, nil)
	keys := []string{"a", "b", "ab", "a*", "a?", "[a]", "a-c", `a\`, "user:1", "user:12", "^a", "]", "a]", "", "\xff\x00"}
	for _, k := range keys {
		s.do("SET", k, "v")
	}
	for _, pattern := range []string{"*", "?", "??", "a*", `a\*`, `a\?`, "[a]", "[^a]", "[^a]*", `\[a\]`, "[a-b]", "[b-a]", "user:[0-9]", "user:[0-9]*",
		`a\`, `a\\`, "[]", "[]]", `[\]]`, "a]", "[a", "[^", "[a-", "*a*", "", "\xff*", "[^^]a", "[*]", "*[?]", "a[-]c", "**1"} {
		got := map[string]bool{}
		list, _ := s.do("KEYS", pattern).([]any)
		for _, k := range list {
			got[k.(string)] = true
		}
		for _, k := range keys {
			if ours := MatchGlob(pattern, []byte(k)); ours != got[k] {
				t.Errorf("%q on %q: we say %v, the server %v", pattern, k, ours, got[k])
			}
		}
	}
}

func TestFilter(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	entries := []Entry{
		{Kind: AuxEntry, Key: []byte("redis-ver")},
		{Kind: FunctionEntry},
		{Kind: ResizeEntry, DB: 0},
		{DB: 0, Key: []byte("a:1"), Type: TypeString, Expiry: 999_999},
		{DB: 0, Key: []byte("a:2"), Type: TypeHash},
		{DB: 3, Key: []byte("b:1"), Type: TypeHashListpack, Expiry: 90_000_000},
		{DB: 3, Key: []byte("b:2"), Type: TypeModule2},
	}
	for _, tt := range []struct {
		name   string
		filter Filter
		want   string // what is kept, with database and expiry
	}{
		{"nothing", Filter{}, "aux function size-0 a:1-0-999999 a:2-0-0 b:1-3-90000000 b:2-3-0"},
		{"now", Filter{Now: now}, "aux function a:2-0-0 b:1-3-90000000 b:2-3-0"},
		{"db", Filter{DBs: []int{3}, MapDB: map[int]int{3: 1}}, "aux function b:1-1-90000000 b:2-1-0"},
		{"map", Filter{MapDB: map[int]int{0: 9, 9: 1}}, "aux function size-9 a:1-9-999999 a:2-9-0 b:1-3-90000000 b:2-3-0"},
		{"match", Filter{Match: []string{"a:*", "*2"}, Exclude: []string{"a:2"}}, "aux function a:1-0-999999 b:2-3-0"},
		{"type", Filter{Types: []string{"hash"}}, "aux a:2-0-0 b:1-3-90000000"},
		{"functions", Filter{Types: []string{"function", "module"}}, "aux function b:2-3-0"},
		{"no expiry", Filter{TTL: TTL{None: true}}, "aux function size-0 a:1-0-0 a:2-0-0 b:1-3-0 b:2-3-0"},
		{"at most", Filter{TTL: TTL{Max: time.Minute}, Now: now}, "aux function a:2-0-1060000 b:1-3-1060000 b:2-3-1060000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, e := range entries {
				if tt.filter.Apply(&e) != Kept {
					continue
				}
				switch e.Kind {
				case AuxEntry:
					got = append(got, "aux")
				case FunctionEntry:
					got = append(got, "function")
				case ResizeEntry:
					got = append(got, fmt.Sprint("size-", e.DB))
				default:
					got = append(got, fmt.Sprintf("%s-%d-%d", e.Key, e.DB, e.Expiry))
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
			if (tt.name == "nothing") != tt.filter.Empty() {
				t.Error("Empty is wrong")
			}
		})
	}
	expired := Filter{Now: now}
	if v := expired.Apply(&entries[3]); v != Expired {
		t.Errorf("got %v for an expired key", v)
	}
}

// A filter may change the entry of a scanner without upsetting the scanner.
func TestFilterScanner(t *testing.T) {
	s := NewScanner(bytes.NewReader(sampleDump(t, 10)), Options{})
	f := Filter{MapDB: map[int]int{0: 40, 40: 41}}
	plain, err := scanAll(sampleDump(t, 10), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		e, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := plain[i].DB
		if want == 0 && e.Kind != AuxEntry && e.Kind != FunctionEntry && e.Kind != ModuleAuxEntry {
			want = 40
		}
		if f.Apply(e); e.Kind == KeyEntry && e.DB != want {
			t.Errorf("key %q is in database %d, not %d", e.Key, e.DB, want)
		}
	}
}

func TestParseFilter(t *testing.T) {
	for _, tt := range []struct {
		text string
		want TTL
		err  string
	}{
		{"keep", TTL{}, ""}, {"none", TTL{None: true}, ""}, {"90m", TTL{Max: 90 * time.Minute}, ""}, {"7d", TTL{Max: 7 * 24 * time.Hour}, ""},
		{"0", TTL{}, `invalid expiry "0"`}, {"-1h", TTL{}, `invalid expiry "-1h"`}, {"xd", TTL{}, `invalid expiry "xd"`}, {"soon", TTL{}, `invalid expiry "soon"`},
	} {
		got, err := ParseTTL(tt.text)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
		}
	}
	m, err := ParseMapDB([]string{"0:3", "1:0"})
	if err != nil || !reflect.DeepEqual(m, map[int]int{0: 3, 1: 0}) {
		t.Error(m, err)
	}
	for _, bad := range []string{"0", "a:1", "1:-1", "1:99999999999"} {
		if _, err := ParseMapDB([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := ParseMapDB([]string{"0:1", "0:2"}); err == nil {
		t.Error("one database becomes two")
	}
}
