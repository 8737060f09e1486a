package follow

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

func encode(args ...string) []byte {
	out := redis.AppendArgs(nil, len(args))
	for _, a := range args {
		out = redis.AppendArg(out, a)
	}
	return out
}

// parse reads a stream in pieces of the sizes that cut returns, and gives the commands, their ends, and how it ended.
func parse(stream []byte, offset int64, cut func() int) (commands [][]string, ends []int64, err error) {
	p := parser{offset: offset}
	for len(stream) > 0 {
		n := min(max(cut(), 1), len(stream))
		p.feed(stream[:n])
		stream = stream[n:]
		for {
			c, ok, err := p.next()
			if err != nil {
				return commands, ends, err
			}
			if !ok {
				break
			}
			if !bytes.Equal(redis.AppendCommand(nil, c.args...), c.raw) && !bytes.Contains(c.raw, []byte("$0")) && !bytes.Contains(c.raw, []byte("*0")) { // leading zeros
				return commands, ends, fmt.Errorf("%q is given as %q", c.raw, c.args)
			}
			var args []string
			for _, a := range c.args {
				args = append(args, string(a))
			}
			commands, ends = append(commands, args), append(ends, c.end)
		}
	}
	return commands, ends, nil
}

// Every byte counts, wherever reads end.
func TestParse(t *testing.T) {
	want := [][]string{{"PING"}, {"SELECT", "3"}, {"SET", "a\r\n$3", ""}, {"RPUSH", "l", strings.Repeat("x", 3<<20), "*1\r\n"}, {"MULTI"}, {"EXEC"}}
	var stream []byte
	var ends []int64
	for _, c := range want {
		stream = append(stream, encode(c...)...)
		ends = append(ends, 100+int64(len(stream)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, cut := range []func() int{func() int { return len(stream) }, func() int { return 1 + random.IntN(20) }, func() int { return 7000 }} {
		got, at, err := parse(stream, 100, cut)
		if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(at, ends) {
			t.Errorf("%d commands at %d, want %d; %v", len(got), at, ends, err)
		}
	}
	got, at, err := parse([]byte("\n\r\n*1\r\n$4\r\nPING\r\n"), 0, func() int { return 2 })
	if err != nil || len(got) != 1 || at[0] != 17 {
		t.Errorf("%q at %d, %v", got, at, err)
	}
}

func TestParseDamaged(t *testing.T) {
	for stream, want := range map[string]string{
		"+OK\r\n":                      `offset 41: unexpected "+OK`,
		"*1\r\n$4\r\nPINGxx":           `offset 53: unexpected "xx" after an argument of 4 bytes`,
		"*1\r\n*1\r\n":                 `offset 45: unexpected "*1`,
		"*0\r\n":                       "command without arguments",
		"*-1\r\n":                      "invalid length",
		"*1048577\r\n":                 "invalid length",
		"*1\n":                         "does not end with CRLF",
		"*1\r\n$1073741825\r\n":        "invalid length",
		"*" + strings.Repeat("1", 40):  "exceeds 32 bytes",
		"*2\r\n$1\r\na\r\n$1073741820": "",
	} {
		_, _, err := parse([]byte(stream), 40, func() int { return 3 })
		if err == nil != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", stream, err, want)
		}
	}
}

// A stream is taken apart the same way wherever reads end, and an error has a place in it.
func FuzzParse(f *testing.F) {
	f.Add(append(encode("SET", "a", "1"), encode("PING")...), uint8(3))
	f.Add([]byte("\n*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nDEL\r\n$1\r\n"), uint8(1))
	f.Add([]byte("*1\r\n$-1\r\n"), uint8(5))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, ends, err := parse(stream, 0, func() int { return len(stream) })
		pieces, ends2, err2 := parse(stream, 0, func() int { return int(size) })
		if !reflect.DeepEqual(whole, pieces) || !reflect.DeepEqual(ends, ends2) || (err == nil) != (err2 == nil) {
			t.Errorf("%q and %q, %d and %d, %v and %v", whole, pieces, ends, ends2, err, err2)
		}
		w := rewriter{hold: held, now: func() int64 { return 1_800_000_000_000 }}
		for i, c := range whole {
			if ends[i] > int64(len(stream)) {
				t.Errorf("command %d ends at %d of %d", i, ends[i], len(stream))
			}
			var args [][]byte
			for _, a := range c {
				args = append(args, []byte(a))
			}
			w.out, w.count = nil, 0
			w.write(command{args: args, raw: redis.AppendCommand(nil, args...)}, 0)
			if again, _, err := parse(w.out, 0, func() int { return len(w.out) }); err != nil || len(again) != w.count {
				t.Errorf("%q became %q: %v", c, w.out, err)
			}
		}
	})
}

func TestRewrite(t *testing.T) {
	const now = 1_800_000_000_000
	for _, tt := range []struct {
		command string
		want    string // at the source's clock, which is 5 s ahead, and not held
	}{
		{"SET k v", "SET k v"},
		{"SET k v KEEPTTL", "SET k v KEEPTTL"},
		{"SET k v PXAT 1900000005000", "SET k v|PEXPIREAT k 1900000000000"},
		{"set k v nx ex 10", "SET k v|PEXPIREAT k 1800000010000"},
		{"SET k v PX 10 GET", "SET k v|PEXPIREAT k 1800000000010"},
		{"SET k v EXAT 1900000005", "SET k v|PEXPIREAT k 1900000000000"},
		{"SET k v NX", "SET k v NX"},
		{"SET k v PX", "SET k v PX"},
		{"SET k v IFEQ x PX 10", "SET k v IFEQ x PX 10"},
		{"SETEX k 10 v", "SET k v|PEXPIREAT k 1800000010000"},
		{"PSETEX k 10 v", "SET k v|PEXPIREAT k 1800000000010"},
		{"PEXPIREAT k 1900000005000", "PEXPIREAT k 1900000000000"},
		{"PEXPIREAT k 1900000005000 GT", "PEXPIREAT k 1900000000000 GT"},
		{"EXPIREAT k 1900000005", "PEXPIREAT k 1900000000000"},
		{"EXPIRE k 10", "PEXPIREAT k 1800000010000"},
		{"PEXPIRE k 10", "PEXPIREAT k 1800000000010"},
		{"PEXPIREAT k x", "PEXPIREAT k x"},
		{"PEXPIREAT k 9223372036854775807", "PEXPIREAT k 9223372036854775807"},
		{"RESTORE k 0 p", "RESTORE k 0 p"},
		{"RESTORE k 10 p REPLACE", "RESTORE k 1800000000010 p REPLACE ABSTTL"},
		{"RESTORE k 1900000005000 p absttl", "RESTORE k 1900000000000 p absttl"},
		{"HPEXPIREAT h 1900000005000 FIELDS 1 f", "HPEXPIREAT h 1900000000000 FIELDS 1 f"},
		{"PERSIST k", "PERSIST k"},
	} {
		for _, hold := range []int64{0, held} {
			var args [][]byte
			for _, a := range strings.Fields(tt.command) {
				args = append(args, []byte(a))
			}
			w := rewriter{shift: -5000, hold: hold, now: func() int64 { return now }}
			w.write(command{args: args, raw: redis.AppendCommand(nil, args...)}, 0)
			got, _, err := parse(w.out, 0, func() int { return len(w.out) })
			var lines []string
			for _, c := range got {
				if c[0] == "PEXPIREAT" || c[0] == "RESTORE" {
					var at int64
					if fmt.Sscan(c[2], &at); at >= held && at != 1<<63-1 {
						c[2] = fmt.Sprint(at - hold)
					} else if at > now && hold > 0 && at < held {
						t.Errorf("%s: not held", tt.command)
					}
				}
				lines = append(lines, strings.Join(c, " "))
			}
			if text := strings.Join(lines, "|"); err != nil || text != tt.want || len(got) != w.count {
				t.Errorf("%s: %s, want %s; %v", tt.command, text, tt.want, err)
			}
		}
	}
}
