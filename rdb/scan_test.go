package rdb

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// unreadable names the fixtures that must end in an error, and the error.
var unreadable = map[string]string{
	"future_v19.rdb":        `rdb: offset 5: unsupported RDB version "0099"; supported are 1 to 15 of Redis and 80 to 81 of Valkey`,
	"invalid_chksum_v8.rdb": `rdb: offset 201: checksum mismatch: computed a609bb6465990fe1, dump has b477e446e98e5402; the dump is damaged, create it again`,
}

// preGAModule is the one of the two fixtures of this name that no reader without the module can read.
const preGAModule = `rdb: offset 1257: type 6 (module (Redis 4.0 release candidate)) is not supported`

func TestScanFixtures(t *testing.T) {
	for _, f := range mustFixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			list, err := scanAll(f.data, Options{Rest: true}) // one is an append-only file
			want := unreadable[f.name]
			if f.name == "module.rdb" && f.version == 8 {
				want = preGAModule
			}
			if want != "" {
				if err == nil || err.Error() != want {
					t.Fatalf("got %v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			keys, expires, stated := 0, 0, uint64(0)
			for _, e := range list {
				switch e.Kind {
				case KeyEntry:
					keys++
					if e.Expiry != 0 {
						expires++
					}
				case ResizeEntry:
					stated += e.Keys
				}
			}
			if f.checked {
				if keys != f.keys || expires != f.expires {
					t.Errorf("%d keys, %d with an expiry; redis-check-rdb counts %d and %d", keys, expires, f.keys, f.expires)
				}
			} else if uint64(keys) != stated {
				t.Errorf("%d keys; the dump itself says %d", keys, stated)
			}
			small, err := scanAll(f.data, Options{Window: minWindow, Rest: true})
			if err != nil || !reflect.DeepEqual(small, list) {
				t.Errorf("a window of %d bytes gives something else: %v", minWindow, err)
			}
		})
	}
}

// A dump that uses all opcodes, as one would be written by hand.
func sampleDump(t testing.TB, version int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, version)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{
		{Kind: AuxEntry, Key: []byte("redis-ver"), Raw: []byte("7.0.15")},
		{Kind: FunctionEntry, Raw: []byte("#!lua name=lib\nredis.register_function('one', function() return 1 end)")},
		{Kind: ResizeEntry, DB: 3, Keys: 4, Expires: 1},
		{DB: 3, Key: []byte("text"), Type: TypeString, Raw: AppendString(nil, []byte("hello")), Expiry: 1234567890123},
		{DB: 3, Key: []byte("int"), Type: TypeString, Raw: []byte{0xc1, 0x39, 0x30}, Idle: 77, HasIdle: true},
		{DB: 3, Key: []byte("long"), Type: TypeList, Raw: rawStrings(1, strings.Repeat("x", 200), "y"), Freq: 9, HasFreq: true},
		{DB: 9, Key: []byte("stream"), Type: TypeStream2, Raw: rawStream(1700000000000, "a", "b")},
	} {
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestScan(t *testing.T) {
	data := sampleDump(t, 10)
	data = append(data, "*1\r\n"...)
	s := NewScanner(iotest.OneByteReader(bytes.NewReader(data)), Options{Window: minWindow, Rest: true})
	var got []string
	last := int64(9)
	for {
		e, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Offset != last {
			t.Errorf("entry at %d, but the one before ended at %d", e.Offset, last)
		}
		raw := "in the window"
		if e.Kind == KeyEntry && e.Raw == nil {
			raw = "streamed"
			if err := e.Chunks(func([]byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if err := e.Chunks(func([]byte) error { return nil }); err == nil {
				t.Error("a streamed value could be read twice")
			}
		}
		last = s.Offset()
		got = append(got, fmt.Sprintf("%d db=%d %q %s expiry=%d idle=%d,%t freq=%d,%t keys=%d %s",
			e.Kind, e.DB, e.Key, e.Type, e.Expiry, e.Idle, e.HasIdle, e.Freq, e.HasFreq, e.Keys, raw))
	}
	want := []string{
		`1 db=0 "redis-ver" string expiry=0 idle=0,false freq=0,false keys=0 in the window`,
		`2 db=0 "" string expiry=0 idle=0,false freq=0,false keys=0 in the window`,
		`4 db=3 "" string expiry=0 idle=0,false freq=0,false keys=4 in the window`,
		`0 db=3 "text" string expiry=1234567890123 idle=0,false freq=0,false keys=0 in the window`,
		`0 db=3 "int" string expiry=0 idle=77,true freq=0,false keys=0 in the window`,
		`0 db=3 "long" list (linked list) expiry=0 idle=0,false freq=9,true keys=0 streamed`,
		`0 db=9 "stream" stream (version 2) expiry=0 idle=0,false freq=0,false keys=0 streamed`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s.Version() != 10 {
		t.Errorf("version %d", s.Version())
	}
	if what, err := s.Following(); what != FollowingCommands || err != nil {
		t.Errorf("commands follow the dump, but not %v, %v", what, err)
	}
	if rest, err := io.ReadAll(s.Rest()); err != nil || string(rest) != "*1\r\n" {
		t.Errorf("what follows the dump is %q, %v", rest, err)
	}
}

func TestScanErrors(t *testing.T) {
	for _, tt := range []struct {
		name, data, want string
		reason           error
	}{
		{"empty", "", "rdb: offset 0: unexpected end of data, at least 9 bytes missing; the dump is truncated or damaged", io.ErrUnexpectedEOF},
		{"something else", "#!/bin/sh\n", `rdb: offset 0: not an RDB file; it starts with "#!/bin/sh" instead of "REDIS" or "VALKEY"`, ErrNotDump},
		{"something short", "hi", `rdb: offset 0: not an RDB file; it starts with "hi" instead of "REDIS" or "VALKEY"`, ErrNotDump},
		{"half a header", "REDIS00", "rdb: offset 7: unexpected end of data, at least 2 bytes missing; the dump is truncated or damaged", io.ErrUnexpectedEOF},
		{"cut in a value", "REDIS0011\x00\x01k\x0fvalue", `rdb: offset 18: unexpected end of data in key "k", at least 10 bytes missing; the dump is truncated or damaged`, io.ErrUnexpectedEOF},
		{"cut in a long key's value", "REDIS0011\x00\x40\x66" + strings.Repeat("k", 102) + "\x0f",
			`rdb: offset 115: unexpected end of data in the key that starts with "` + strings.Repeat("k", 100) + `", at least 15 bytes missing; the dump is truncated or damaged`, io.ErrUnexpectedEOF},
		{"gzip", "\x1f\x8b\x08\x00", "rdb: offset 0: not an RDB file but gzip data; decompress it first", ErrNotDump},
		{"zstd", "\x28\xb5\x2f\xfd\x00", "rdb: offset 0: not an RDB file but zstd data; decompress it first", ErrNotDump},
		{"xz", "\xfd7zXZ\x00\x00\x04", "rdb: offset 0: not an RDB file but xz data; decompress it first", ErrNotDump},
		{"bzip2", "BZh91AY&SY", "rdb: offset 0: not an RDB file but bzip2 data; decompress it first", ErrNotDump},
		{"zip", "PK\x03\x04\x14\x00\x00\x00\x08", "rdb: offset 0: not an RDB file but a zip archive; decompress it first", ErrNotDump},
		{"tar", "dump.rdb" + strings.Repeat("\x00", 249) + "ustar\x0000", "rdb: offset 0: not an RDB file but a tar archive; decompress it first", ErrNotDump},
		{"AOF", "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
			"rdb: offset 0: not an RDB file but an append-only file (AOF) of commands; load it into an empty server (redis-gitops import FILE redis://HOST), then dump that server (redis-gitops dump)", ErrNotDump},
		{"AOF with time", "#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n",
			"rdb: offset 0: not an RDB file but an append-only file (AOF) of commands; load it into an empty server (redis-gitops import FILE redis://HOST), then dump that server (redis-gitops dump)", ErrNotDump},
		{"AOF manifest", "file appendonly.aof.1.base.rdb seq 1 type b\n",
			"rdb: offset 0: not an RDB file but the manifest of an append-only file (AOF); pass the directory that it is in (appendonlydir)", ErrNotDump},
		{"HTML", "\n<!DOCTYPE html><html><title>Sign in</title>",
			"rdb: offset 0: not an RDB file but an HTML page; it may be a login page; download the dump again", ErrNotDump},
		{"XML", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>",
			"rdb: offset 0: not an RDB file but an XML document; it may be an error response; check its content", ErrNotDump},
		{"JSON", "{\"error\": 1}", "rdb: offset 0: not an RDB file but JSON text; pass the dump.rdb of the server", ErrNotDump},
		{"zeros", strings.Repeat("\x00", 600), "rdb: offset 0: not an RDB file but zero bytes; the copy was interrupted; copy it again", ErrNotDump},
		{"Git LFS", "version https://git-lfs.github.com/spec/v1\n", "rdb: offset 0: not an RDB file but a Git LFS pointer; fetch the file with git lfs pull", ErrNotDump},
		{"SQLite", "SQLite format 3\x00", "rdb: offset 0: not an RDB file but an SQLite database; pass the dump.rdb of the server", ErrNotDump},
		{"version 0", "REDIS0000", `rdb: offset 5: unsupported RDB version "0000"; supported are 1 to 15 of Redis and 80 to 81 of Valkey`, ErrUnsupported},
		{"no number", "REDIS-001", `rdb: offset 5: unsupported RDB version "-001"; supported are 1 to 15 of Redis and 80 to 81 of Valkey`, ErrUnsupported},
		{"version of the other", "VALKEY011", `rdb: offset 6: unsupported RDB version "011"; supported are 1 to 15 of Redis and 80 to 81 of Valkey`, ErrUnsupported},
		{"unknown type", "REDIS0011\xfe\x00\x1e", "rdb: offset 11: unknown type 30", ErrUnsupported},
		{"newer type", "REDIS0013\x1a", "rdb: offset 9: type 26 (stream, Redis 8.6) is not supported", ErrUnsupported},
		{"type of the other", "VALKEY081\x17", "rdb: offset 9: type 23 (hash by path, Valkey 9.2) is not supported", ErrUnsupported},
		{"opcode of two meanings", "REDIS0014\xf3", "rdb: offset 9: unknown type 243", ErrUnsupported},
		{"length", "REDIS0011\x00\x82", "rdb: offset 10: unknown length byte 0x82", nil},
		{"string for length", "REDIS0011\xfe\xc0\x00", "rdb: offset 10: expected a length, found string encoding 0", nil},
		{"string encoding", "REDIS0011\x00\xc4", "rdb: offset 10: unknown string encoding 4", nil},
		{"huge database", "REDIS0011\xfe\x80\xff\xff\xff\xff", "rdb: offset 15: database number 4294967295 is too large", nil},
		{"huge key", "REDIS0011\x00\x81\x00\x00\x01\x00\x00\x00\x00\x00", "rdb: offset 19: element of 1099511627776 bytes exceeds the 512 MB limit of Redis", nil},
		{"huge value", "REDIS0011\x00\x01k\x81\xff\xff\xff\xff\xff\xff\xff\xff", "rdb: offset 21: unexpected end of data in key \"k\", at least 18446744073709551615 bytes missing; the dump is truncated or damaged", io.ErrUnexpectedEOF},
		{"huge list", "REDIS0011\x01\x01k\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a", "rdb: offset 23: unexpected end of data in key \"k\", at least 1 byte missing; the dump is truncated or damaged", io.ErrUnexpectedEOF},
		{"packed key", "REDIS0011\x00\xc3\x04\x20\xe0\x00\x05\x00", "rdb: offset 13: damaged compressed string; it does not decompress to 32 bytes", nil},
		{"packed bomb", "REDIS0011\x00\xc3\x02\x81\x00\x00\x00\x00\x1f\xff\xff\xff\x00a", "rdb: offset 11: damaged compressed string; 2 bytes cannot decompress to 536870911", nil},
		{"packed bomb of 2 GB", "REDIS0011\x00\x01k\xc3\x81\x00\x00\x00\x00\x01\x73\xc0\x00\x81\x00\x00\x00\x00\x7f\xff\xff\xff\x00a", "rdb: offset 13: compressed string of 2147483647 bytes exceeds the 512 MB limit of Redis", nil},
		{"packed bomb of 8 EB", "REDIS0011\x00\x01k\xc3\x04\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00a", "rdb: offset 13: compressed string of 9223372036854775807 bytes exceeds the 512 MB limit of Redis", nil},
		{"module item", "REDIS0011\x07\x01k\x81\x00\x00\x00\x00\x00\x00\x00\x00\x09", "rdb: offset 22: unknown opcode 9 in a module value", nil},
		{"no end", "REDIS0003\x00\x01k\x01v", "rdb: offset 14: unexpected end of data, at least 1 byte missing; the dump is truncated or damaged", io.ErrUnexpectedEOF},
		{"no checksum", "REDIS0005\xff\x00", "rdb: offset 11: unexpected end of data, at least 7 bytes missing; the dump is truncated or damaged", io.ErrUnexpectedEOF},
		{"checksum", "REDIS0005\xff\x01\x00\x00\x00\x00\x00\x00\x00", "rdb: offset 10: checksum mismatch: computed e7915a0e3c12410c, dump has 0000000000000001; the dump is damaged, create it again", ErrChecksum},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, window := range []int{0, minWindow} {
				_, err := scanAll([]byte(tt.data), Options{Window: window})
				if err == nil || err.Error() != tt.want {
					t.Errorf("got  %v\nwant %s", err, tt.want)
				}
				var typed *Error
				if !errors.As(err, &typed) || !errors.Is(err, tt.reason) && tt.reason != nil {
					t.Errorf("the reason is %v", errors.Unwrap(err))
				}
			}
		})
	}
	t.Run("reader", func(t *testing.T) {
		broken := errors.New("connection reset")
		_, err := NewScanner(io.MultiReader(strings.NewReader("REDIS0011"), iotest.ErrReader(broken)), Options{}).Next()
		if !errors.Is(err, broken) || err.Error() != "rdb: offset 9: reading: connection reset" {
			t.Error(err)
		}
	})
	t.Run("no checksum wanted", func(t *testing.T) {
		if _, err := scanAll([]byte("REDIS0005\xff\x01\x00\x00\x00\x00\x00\x00\x00"), Options{SkipChecksum: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("the error stays", func(t *testing.T) {
		s := NewScanner(strings.NewReader("REDIS0011\x1e"), Options{})
		_, first := s.Next()
		if _, second := s.Next(); first == nil || second != first {
			t.Errorf("%v, then %v", first, second)
		}
	})
}

// digest is a hash over all that a dump says, to compare two scans without keeping them.
func digest(data []byte, window int) (sum [32]byte, err error) {
	h := sha256.New()
	s := NewScanner(bytes.NewReader(data), Options{Window: window})
	for {
		e, err := s.Next()
		if err == io.EOF {
			return [32]byte(h.Sum(nil)), nil
		}
		if err != nil {
			return sum, err
		}
		if e.Kind != KeyEntry {
			continue
		}
		if err := digestValue(h, e); err != nil {
			return sum, err
		}
	}
}

// digestValue adds a key, and its value both as it stands and decoded.
func digestValue(h hash.Hash, e *Entry) error {
	fmt.Fprintf(h, "%d %q %d %d\n", e.DB, e.Key, e.Type, e.Expiry)
	h.Write(e.Raw)
	if e.Type == TypeModule2 {
		return e.Chunks(nil)
	}
	return Decode(e, func(el *Element) error {
		fmt.Fprintf(h, "%d %q %q\n", el.Kind, el.Bytes, el.Value)
		return nil
	})
}

// allocated returns how many bytes fn allocates, which bounds how many it holds at a time.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const mostMemory = 64 << 20

// smallFixtures returns readable dumps that are small enough to be read thousands of times.
func smallFixtures(t *testing.T) []fixture {
	var list []fixture
	for _, f := range mustFixtures(t) {
		if _, err := digest(f.data, 0); err == nil && len(f.data) < 4000 {
			list = append(list, f)
		}
	}
	return list
}

func TestTruncated(t *testing.T) {
	// Ten of different types: packed and plain, with streams, functions, modules and field expiry.
	want := "encodings.rdb dumpV7.rdb tree.rdb stream_v11.rdb valkey_hash2_with_hfe.rdb hash_with_hfe.rdb " +
		"module_aux_v12.rdb zset_zl_v6.rdb function2.rdb hash-zipmap.rdb"
	tried := 0
	for _, f := range smallFixtures(t) {
		if !strings.Contains(want, f.name) {
			continue
		}
		tried++
		end := len(f.data)
		for n := range end {
			for _, window := range []int{4096, minWindow} {
				used := allocated(func() {
					if _, err := digest(f.data[:n], window); !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("%s cut to %d of %d bytes: %v", f.name, n, end, err)
					}
				})
				if used > mostMemory {
					t.Errorf("%s cut to %d of %d bytes takes %d bytes of memory", f.name, n, end, used)
				}
			}
		}
	}
	if tried < 10 {
		t.Errorf("%d fixtures found", tried)
	}
}

// A flipped bit must be found, or change nothing: the checksum is looked at last, so all code before it sees the damage.
func TestBitFlips(t *testing.T) {
	list := smallFixtures(t)
	random := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 10_000 {
		f := list[random.IntN(len(list))]
		window := []int{4096, minWindow}[random.IntN(2)]
		right, err := digest(f.data, window)
		if err != nil {
			t.Fatal(err)
		}
		data := bytes.Clone(f.data)
		bit := random.IntN(8 * len(data))
		data[bit/8] ^= 1 << (bit % 8)
		var sum [32]byte
		used := allocated(func() { sum, err = digest(data, window) })
		if used > mostMemory {
			t.Errorf("%s with bit %d flipped takes %d bytes of memory", f.name, bit, used)
		}
		if err != nil {
			found++
		} else if sum != right && hasChecksum(f) {
			t.Errorf("%s with bit %d flipped gives another result and no error", f.name, bit)
		}
	}
	t.Logf("%d of 10000 flips found", found)
}

// hasChecksum is false before version 5 and where the checksum is switched off: damage inside of a text is not seen then.
func hasChecksum(f fixture) bool {
	_, err := scanAll(append(bytes.Clone(f.data[:len(f.data)-8]), 1, 2, 3, 4, 5, 6, 7, 8), Options{})
	return errors.Is(err, ErrChecksum)
}

// A value of any size is read in the memory of the window.
func TestScanMemory(t *testing.T) {
	const elements = 1 << 20
	element := AppendString(nil, bytes.Repeat([]byte("x"), 100))
	head := append([]byte("REDIS0003\x01\x03key"), AppendLength(nil, elements)...)
	stream := func() io.Reader {
		return io.MultiReader(bytes.NewReader(head), &repeated{p: element, times: elements}, strings.NewReader("\xff"))
	}
	total, count := 0, 0
	used := allocated(func() {
		for pass := range 3 {
			s := NewScanner(stream(), Options{})
			for {
				e, err := s.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				switch pass {
				case 1:
					err = e.Chunks(func(p []byte) error { total += len(p); return nil })
				case 2:
					err = Decode(e, func(el *Element) error { count++; return nil })
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if want := elements*len(element) + 5; total != want {
		t.Errorf("%d bytes in chunks, want %d", total, want)
	}
	if count != elements {
		t.Errorf("%d elements, want %d", count, elements)
	}
	if used > 4*defaultWindow {
		t.Errorf("%d bytes of memory for three passes", used)
	}
}

// repeated reads p so many times.
type repeated struct {
	p     []byte
	times int
	at    int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) && r.times > 0 {
		c := copy(p[n:], r.p[r.at:])
		n += c
		if r.at += c; r.at == len(r.p) {
			r.at = 0
			r.times--
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestScanAllocations(t *testing.T) {
	data := mixedDump(t, 2000)
	r := bytes.NewReader(data)
	allocs := testing.AllocsPerRun(5, func() {
		r.Reset(data)
		s := NewScanner(r, Options{})
		for {
			if _, err := s.Next(); err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				return
			}
		}
	})
	if allocs > 10 {
		t.Errorf("%.0f allocations for 2000 keys", allocs)
	}
}

func BenchmarkScan(b *testing.B) {
	data := mixedDump(b, 100_000)
	for _, bb := range []struct {
		name string
		opts Options
	}{{"checksum", Options{}}, {"no checksum", Options{SkipChecksum: true}}} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				s := NewScanner(bytes.NewReader(data), bb.opts)
				for {
					if _, err := s.Next(); err != nil {
						if err != io.EOF {
							b.Fatal(err)
						}
						break
					}
				}
			}
		})
	}
}
