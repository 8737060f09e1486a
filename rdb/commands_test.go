package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func commands(e *Entry, opts CommandOptions) (string, error) {
	var lines []string
	err := Commands(e, opts, func(args [][]byte) error {
		lines = append(lines, string(bytes.Join(args, []byte(" "))))
		return nil
	})
	return strings.Join(lines, "\n"), err
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		name  string
		entry Entry
		opts  CommandOptions
		want  string
	}{
		{"string", Entry{Type: TypeString, Raw: join("v"), Expiry: 5}, CommandOptions{}, "SET k v\nPEXPIREAT k 5"},
		{"empty string", Entry{Type: TypeString, Raw: join("")}, CommandOptions{}, "SET k "},
		{"list", Entry{Type: TypeList, Raw: join(3, "a", "b", "c")}, CommandOptions{}, "RPUSH k a b c"},
		{"list in chunks", Entry{Type: TypeList, Raw: join(3, "a", "b", strings.Repeat("c", 99)), Expiry: 5}, CommandOptions{ChunkBytes: 80},
			"RPUSH k a b\nRPUSH k " + strings.Repeat("c", 99) + "\nPEXPIREAT k 5"},
		{"no elements", Entry{Type: TypeList, Raw: join(0), Expiry: 5}, CommandOptions{}, ""},
		{"zset", Entry{Type: TypeZSet2, Raw: join(3, "a", le(int64(math.Float64bits(0.1))), "b", le(int64(math.Float64bits(math.Inf(-1)))), "c", le(int64(math.Float64bits(1e300))))}, CommandOptions{},
			"ZADD k 0.1 a -Inf b 1e+300 c"},
		{"hash", Entry{Type: TypeHash, Raw: join(1, "f", "v")}, CommandOptions{RDBVersion: 8}, "HSET k f v"},
		{"hash with expiry", Entry{Type: TypeHashTTL, Raw: join(le(1700), 3, 0, "f", "v", 1, "g", "w", 2, "h", "x")}, CommandOptions{RDBVersion: 12},
			"HSET k f v g w h x\nHPEXPIREAT k 1700 FIELDS 1 g\nHPEXPIREAT k 1701 FIELDS 1 h"},
		{"hash with expiry in chunks", Entry{Type: TypeHashTTL, Raw: join(le(1700), 2, 1, "g", "w", 2, "h", "x")}, CommandOptions{ChunkBytes: 70},
			"HSET k g w\nHPEXPIREAT k 1700 FIELDS 1 g\nHSET k h x\nHPEXPIREAT k 1701 FIELDS 1 h"},
		{"stream", Entry{Type: TypeStream3, Raw: fullStream(TypeStream3)}, CommandOptions{}, `XADD k 1000-5 a 1 b 2
XADD k 1007-0 other 300
XADD k 2000-0 c 3
XSETID k 2000-0 ENTRIESADDED 4 MAXDELETEDID 1000-6
XGROUP CREATE k idle 0-0
XGROUP CREATE k busy 1007-0 ENTRIESREAD 2
XGROUP CREATECONSUMER k busy ann
XCLAIM k busy ann 0 1007-0 TIME 222 RETRYCOUNT 9 FORCE JUSTID
XGROUP CREATECONSUMER k busy bob
XCLAIM k busy bob 0 1000-5 TIME 111 RETRYCOUNT 1 FORCE JUSTID`},
		{"stream into 5.0", Entry{Type: TypeStream3, Raw: rawStream3("a")}, CommandOptions{RDBVersion: 9}, `XADD k 7-0 field a
XSETID k 7-0
XGROUP CREATE k group 7-0
XCLAIM k group consumer 0 7-0 TIME 12 RETRYCOUNT 3 FORCE JUSTID`},
		{"empty stream", Entry{Type: TypeStream, Raw: join(0, 0, 9, 2, 0)}, CommandOptions{}, "XADD k MAXLEN 0 0-1 x y\nXSETID k 9-2 ENTRIESADDED 0 MAXDELETEDID 0-0"},
		{"functions", Entry{Kind: FunctionEntry, Raw: []byte("#!lua name=x")}, CommandOptions{RDBVersion: 10}, "FUNCTION LOAD #!lua name=x"},
		{"script", Entry{Kind: AuxEntry, Key: []byte("lua"), Raw: []byte("return 1")}, CommandOptions{}, "SCRIPT LOAD return 1"},
		{"aux", Entry{Kind: AuxEntry, Key: []byte("redis-ver"), Raw: []byte("7.0")}, CommandOptions{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.entry.Kind == KeyEntry {
				tt.entry.Key = []byte("k")
			}
			got, err := commands(&tt.entry, tt.opts)
			if err != nil || got != tt.want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, tt.want)
			}
		})
	}
}

// rawStream3 is rawStream of an item at 7-0, with the consumer's active time of version 3.
func rawStream3(value string) []byte {
	p := rawStream(7, value)
	tail := 1 + 16 // one pending item of the consumer
	return append(append(bytes.Clone(p[:len(p)-tail]), le(9)...), p[len(p)-tail:]...)
}

func TestCommandErrors(t *testing.T) {
	for _, tt := range []struct {
		entry  Entry
		target int
		reason error
		want   string
	}{
		{Entry{Type: TypeStream, Raw: join(0, 0, 0, 0, 0)}, 8, ErrTarget, "rdb: offset 7: streams require Redis 5.0 or later; the target supports RDB version 8 at most"},
		{Entry{Type: TypeHashTTL, Raw: join(le(1), 0)}, 11, ErrTarget, "rdb: offset 7: hash fields with an expiry require Redis 7.4 or Valkey 9.0 or later; the target supports RDB version 11 at most"},
		{Entry{Kind: FunctionEntry, Raw: []byte("#!lua")}, 9, ErrTarget, "rdb: offset 7: functions require Redis 7.0 or later; the target supports RDB version 9 at most"},
		{Entry{Type: TypeModule2, Module: "ReJSON-RL", Raw: []byte{0}, ValueOffset: 8}, 0, ErrUnsupported, `rdb: offset 8: values of module "ReJSON-RL" cannot be decoded; restore them to a server with the module`},
	} {
		tt.entry.Offset = 7
		got, err := commands(&tt.entry, CommandOptions{RDBVersion: tt.target})
		if err == nil || err.Error() != tt.want || !errors.Is(err, tt.reason) || got != "" {
			t.Errorf("got  %q, %v\nwant %s", got, err, tt.want)
		}
	}
	stop := errors.New("stop")
	for sent := range 3 {
		n := 0
		e := Entry{Key: []byte("k"), Type: TypeHashTTL, Raw: join(le(1700), 1, 1, "g", "w"), Expiry: 1}
		err := Commands(&e, CommandOptions{}, func([][]byte) error {
			if n++; n > sent {
				return stop
			}
			return nil
		})
		if err != stop {
			t.Errorf("an error of command %d comes back as %v", sent, err)
		}
	}
}

func TestLargeString(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), stringChunk/5)
	for _, raw := range [][]byte{AppendString(nil, text), lzfString(text)} {
		var got []byte
		var names []string
		err := Commands(&Entry{Key: []byte("k"), Type: TypeString, Raw: raw}, CommandOptions{}, func(args [][]byte) error {
			names = append(names, fmt.Sprintf("%s %d", args[0], len(args[2])))
			got = append(got, args[2]...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := text
		if raw[0]>>6 == 3 {
			want = nil
			for i := 0; i+32 <= len(text); i += 32 {
				want = append(append(want, text[i:i+32]...), text[i:i+32]...)
			}
		}
		if !bytes.Equal(got, want) || !strings.HasPrefix(strings.Join(names, ","), "SET 1048576,APPEND 1048576,APPEND ") {
			t.Errorf("%d bytes by %s; want %d", len(got), names, len(want))
		}
	}
}

func BenchmarkCommands(b *testing.B) {
	list, err := scanAll(mixedDump(b, 10_000), Options{})
	if err != nil {
		b.Fatal(err)
	}
	size := int64(0)
	for i := range list {
		size += int64(len(list[i].Raw))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for i := range list {
			if err := Commands(&list[i], CommandOptions{}, func([][]byte) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
}
