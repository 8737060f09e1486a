package inspect

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/rdb"
)

var now = time.UnixMilli(1_800_000_000_000)

const hour = int64(time.Hour / time.Millisecond)

// dump writes entries as version 10.
func dump(tb testing.TB, entries ...rdb.Entry) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := rdb.NewWriter(&out, 10)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		if err := w.Write(&e); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func text(db int, key string, size int, expiry int64) rdb.Entry {
	return rdb.Entry{DB: db, Key: []byte(key), Type: rdb.TypeString, Raw: rdb.AppendString(nil, bytes.Repeat([]byte("x"), size)), Expiry: expiry}
}

func list(db int, key string, items ...string) rdb.Entry {
	raw := rdb.AppendLength(nil, uint64(len(items)))
	for _, item := range items {
		raw = rdb.AppendString(raw, []byte(item))
	}
	return rdb.Entry{DB: db, Key: []byte(key), Type: rdb.TypeList, Raw: raw}
}

func sample(tb testing.TB) []byte {
	idle := text(2, "old", 10, 0)
	idle.HasIdle, idle.Idle = true, 40*24*3600
	return dump(tb,
		rdb.Entry{Kind: rdb.AuxEntry, Key: []byte("redis-ver"), Raw: []byte("7.0.15")},
		rdb.Entry{Kind: rdb.AuxEntry, Key: []byte("ctime"), Raw: []byte("1790000000")},
		rdb.Entry{Kind: rdb.AuxEntry, Key: []byte("used-mem"), Raw: []byte("2097152")},
		rdb.Entry{Kind: rdb.FunctionEntry, Raw: []byte("#!lua name=lib\n")},
		text(0, "user:1:name", 5, 0),
		text(0, "user:1:mail", 100, now.UnixMilli()-1),
		text(0, "user:2:name", 3_000_000, now.UnixMilli()+1),
		text(0, "session:<script>alert(1)</script>", 2000, now.UnixMilli()+30*hour),
		text(0, "bin:\xff\x1b[31m", 1, 0),
		list(2, "jobs", "a", "b", "c"),
		idle,
	)
}

func inspect(tb testing.TB, data []byte, opts Options) *Info {
	tb.Helper()
	if opts.Now.IsZero() {
		opts.Now = now
	}
	info, err := Inspect(bytes.NewReader(data), opts)
	if err != nil {
		tb.Fatal(err)
	}
	return info
}

func TestInspect(t *testing.T) {
	data := sample(t)
	info := inspect(t, data, Options{})
	if info.Version != 10 || info.Server != "Redis 7.0" || !info.Checksum || info.Size != int64(len(data)) || info.Functions != 1 {
		t.Errorf("got %+v", info)
	}
	if got := fmt.Sprint(info.Total.Keys, info.Total.Elements, info.Total.Expires, info.Total.Expired); got != "7 9 3 1" {
		t.Errorf("totals %s", got)
	}
	if len(info.Databases) != 2 || info.Databases[0].Keys != 5 || info.Databases[1].DB != 2 || info.Databases[1].Keys != 2 {
		t.Errorf("databases %+v", info.Databases)
	}
	buckets := func(list []Bucket) string {
		var parts []string
		for _, b := range list {
			if b.Keys > 0 {
				parts = append(parts, fmt.Sprintf("%s: %d", b.Label, b.Keys))
			}
		}
		return strings.Join(parts, ", ")
	}
	if got := buckets(info.TTL); got != "expired: 1, under 1 minute: 1, under 7 days: 1, never expires: 4" {
		t.Error(got)
	}
	if got := buckets(info.Sizes); got != "up to 64 B: 4, up to 1 KiB: 1, up to 10 KiB: 1, up to 10 MiB: 1" {
		t.Error(got)
	}
	if got := buckets(info.Idle); got != "30 days and more: 1" {
		t.Error(got)
	}
	if k := info.Largest[0]; k.Key != "user:2:name" || k.Memory < 3_000_000 || k.Bytes < 3_000_000 || len(info.Largest) != 7 {
		t.Errorf("largest %+v", info.Largest)
	}
	if k := info.Longest[0]; k.Key != "jobs" || k.Elements != 3 {
		t.Errorf("longest %+v", k)
	}
	if p := info.Prefixes[0]; p.Prefix != "user:" || p.Keys != 3 || p.AtMost != 0 || !info.PrefixesExact {
		t.Errorf("prefixes %+v", info.Prefixes)
	}
	var all uint64
	for _, x := range info.Types {
		all += x.Memory
	}
	if all != info.Total.Memory {
		t.Errorf("types add up to %d of %d", all, info.Total.Memory)
	}
	if at := inspect(t, data, Options{AtDump: true}); at.Total.Expired != 0 || at.Now.Unix() != 1790000000 {
		t.Errorf("at the time of the dump, %d keys have expired", at.Total.Expired)
	}
	if top := inspect(t, data, Options{Top: 2, Separator: ":na"}); len(top.Largest) != 2 || top.Largest[0].Key != "user:2:name" || top.Separator != ":na" {
		t.Errorf("%+v", top)
	}
}

func TestEmpty(t *testing.T) {
	info := inspect(t, dump(t), Options{})
	var out strings.Builder
	if err := info.WriteText(&out, "dump.rdb"); err != nil || !strings.Contains(out.String(), "The dump has no keys.") {
		t.Error(out.String(), err)
	}
	if err := info.WriteHTML(&out, "dump.rdb"); err != nil {
		t.Error(err)
	}
}

func TestPackedAndFollowed(t *testing.T) {
	pack := func(more string) io.Reader {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(append(sample(t), more...))
		z.Close()
		return &packed
	}
	info, err := Inspect(pack(""), Options{})
	if err != nil || info.Compression != "gzip" || info.Total.Keys != 7 {
		t.Errorf("got %+v, %v", info, err)
	}
	if _, err := Inspect(pack("*1\r\n$7\r\nFLUSHDB\r\n"), Options{}); !errors.Is(err, rdb.ErrFollows) {
		t.Errorf("commands follow the dump: %v", err)
	}
}

func TestText(t *testing.T) {
	var out strings.Builder
	if err := inspect(t, sample(t), Options{}).WriteText(&out, "dump.rdb"); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"Format      RDB version 10 (Redis 7.0), checksum OK\n",
		"Written by  Redis 7.0.15, 2026-09-21 14:13:20 UTC\n",
		"Keys        7 in 2 databases; 3 expire, 1 of them have expired\n",
		"; the server that wrote it used 2.0 MiB in total\n",
		"Functions   1 library\n",
		"The largest key, user:2:name, uses 3.0 MiB (over 99 %) with 1 element.",
		"1 key has expired;",
		`  bin:\xff\x1b[31m`,
		"\nLAST USE\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") || strings.Contains(got, "\xff") {
		t.Error("a key reaches the terminal unquoted")
	}
	for line := range strings.Lines(got) {
		if strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") {
			t.Errorf("%q ends with spaces", line)
		}
	}
	failed := errors.New("closed")
	if err := inspect(t, sample(t), Options{}).WriteText(failing{failed}, "x"); err != failed {
		t.Error(err)
	}
	if err := inspect(t, sample(t), Options{}).WriteHTML(failing{failed}, "x"); !errors.Is(err, failed) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestHTML(t *testing.T) {
	var out strings.Builder
	if err := inspect(t, sample(t), Options{}).WriteHTML(&out, `"><img src=x>.rdb`); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, bad := range []string{"<script", "<img", "src=\"", "http://", "https://", "url(", "@import", "<link", "ZgotmplZ", "<no value>"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if !strings.Contains(got, "session:&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the key is not there as text")
	}
	if !strings.Contains(got, `default-src 'none'`) {
		t.Error("no content security policy")
	}
	for _, tag := range []string{"table", "tr", "td", "th", "svg", "section", "div", "ul", "li", "dl", "dd", "dt"} {
		opened := len(regexp.MustCompile("<"+tag+"[ >]").FindAllString(got, -1))
		if closed := strings.Count(got, "</"+tag+">"); opened != closed || opened == 0 {
			t.Errorf("%d <%s>, but %d are closed", opened, tag, closed)
		}
	}
}

func TestJSON(t *testing.T) {
	out, err := json.Marshal(inspect(t, sample(t), Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "server", "size", "checksum", "aux", "total", "databases", "types", "ttl", "sizes", "idle", "largest", "longest", "prefixes", "prefixesExact", "now"} {
		if _, ok := back[name]; !ok {
			t.Errorf("no %q in %s", name, out)
		}
	}
	if keys := back["total"].(map[string]any)["keys"]; keys != 7.0 {
		t.Errorf("%v keys", keys)
	}
}

// With less room than there are prefixes, each figure keeps its promise: never too low, too high by AtMost at most, and no
// heavy prefix missing.
func TestSketch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := sketch{room: 50}
	truth := map[string]uint64{}
	var total uint64
	for range 50_000 {
		name := fmt.Sprint("rare", random.IntN(5000))
		if random.IntN(2) == 0 {
			name = fmt.Sprint("often", random.IntN(5))
		}
		weight := uint64(random.IntN(1000))
		truth[name] += weight
		total += weight
		s.add([]byte(name), weight)
	}
	if len(s.byName) != 50 || len(s.lightest) != 50 || !s.full {
		t.Fatalf("%d prefixes counted", len(s.byName))
	}
	for name, c := range s.byName {
		if c.name != name || c.memory < truth[name] || c.memory-c.atMost > truth[name] {
			t.Errorf("%s: %d, at most %d too much, but it is %d", name, c.memory, c.atMost, truth[name])
		}
	}
	for name, weight := range truth {
		if weight > total/50 && s.byName[name] == nil {
			t.Errorf("%s with %d of %d is missing", name, weight, total)
		}
	}
	info := inspect(t, func() []byte {
		var entries []rdb.Entry
		for i := range 3000 {
			entries = append(entries, text(0, fmt.Sprintf("a:%d:x", i), 50, 0), text(0, fmt.Sprintf("b%d:x", i), 5, 0))
		}
		return dump(t, entries...)
	}(), Options{Prefixes: 10})
	if info.PrefixesExact || len(info.Prefixes) == 0 || info.Prefixes[0].Prefix != "a:" || info.Prefixes[0].Keys != 3000 {
		t.Errorf("%+v", info.Prefixes)
	}
	var out strings.Builder
	if err := info.WriteHTML(&out, "x"); err != nil || !strings.Contains(out.String(), "Too high by at most") {
		t.Error("the page does not say how exact the prefixes are", err)
	}
}

func TestTop(t *testing.T) {
	var entries []rdb.Entry
	for i := range 1000 {
		entries = append(entries, text(0, fmt.Sprintf("k%03d", i), 100+(i*7919)%1000*32, 0))
	}
	data := dump(t, entries...)
	five, all := inspect(t, data, Options{Top: 5}).Largest, inspect(t, data, Options{Top: 1000}).Largest
	if len(five) != 5 || len(all) != 1000 {
		t.Fatal(len(five), len(all))
	}
	for i, k := range all {
		if i > 0 && k.Memory > all[i-1].Memory {
			t.Error("not in order")
		}
		if i < 5 && five[i].Memory != k.Memory {
			t.Errorf("number %d takes %d, not %d", i, five[i].Memory, k.Memory)
		}
	}
}

// Memory does not grow with the dump: many databases, prefixes, long keys, large values.
func TestMemory(t *testing.T) {
	grown := func(n int) uint64 {
		r, w := io.Pipe()
		go func() {
			out, err := rdb.NewWriter(w, 10)
			for i := 0; i < n && err == nil; i++ {
				e := text(i, strings.Repeat("k", 300)+fmt.Sprintf("%d:%d:%d", i, i, i), 100, 0)
				err = out.Write(&e)
			}
			w.CloseWithError(errors.Join(err, out.Close()))
		}()
		info, err := Inspect(r, Options{Now: now, Prefixes: 100})
		if err != nil {
			t.Fatal(err)
		}
		if len(info.Databases) > maxDatabases+1 || info.Total.Keys != uint64(n) {
			t.Errorf("%d databases, %d keys", len(info.Databases), info.Total.Keys)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(info)
		return m.HeapAlloc
	}
	few, many := grown(2_000), grown(60_000)
	if many > few+4<<20 {
		t.Errorf("%d bytes for 2,000 keys and %d for 60,000", few, many)
	}
}

// Every public dump is counted, or refused with an offset.
func TestFixtures(t *testing.T) {
	const shared = "../../../shared/rdb"
	n := 0
	err := filepath.WalkDir(shared, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".tsv" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		info, err := Inspect(bytes.NewReader(data), Options{Now: now})
		var wrong *rdb.Error
		if err != nil {
			if !errors.As(err, &wrong) {
				t.Errorf("%s: %v", path, err)
			}
			return nil
		}
		for name, write := range map[string]func(io.Writer, string) error{"text": info.WriteText, "HTML": info.WriteHTML} {
			if err := write(io.Discard, path); err != nil {
				t.Errorf("%s as %s: %v", path, name, err)
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the dumps of ../shared/rdb are not here")
	}
	if err != nil || n < 50 {
		t.Errorf("%d dumps, %v", n, err)
	}
}

func TestFormat(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := group(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for _, tt := range []struct {
		part, whole uint64
		want        string
	}{{0, 0, "–"}, {0, 10, "0 %"}, {1, 1000, "under 1 %"}, {999, 1000, "over 99 %"}, {10, 10, "100 %"}, {1, 3, "33 %"}} {
		if got := percent(tt.part, tt.whole); got != tt.want {
			t.Errorf("%d of %d: %s", tt.part, tt.whole, got)
		}
	}
	for s, want := range map[string]string{"key": "2 keys", "library": "2 libraries", "element": "2 elements"} {
		if got := count(2, s); got != want {
			t.Error(got)
		}
	}
}

// FuzzInspect: any bytes are counted and shown, or refused; the page never has a tag of theirs.
func FuzzInspect(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte("REDIS0011\x00\x08<script>\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("REDIS0011\xfe\x05\x01\x04a:b:\x02\x01a\x01b\xff\x00\x00\x00\x00\x00\x00\x00\x00more"))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := Inspect(bytes.NewReader(data), Options{Now: now, Prefixes: 4, Top: 2, AtDump: true})
		if err != nil {
			return
		}
		var page, lines strings.Builder
		if err := errors.Join(info.WriteHTML(&page, "dump.rdb"), info.WriteText(&lines, "dump.rdb")); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(info); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(page.String()), "<script") || strings.Contains(lines.String(), "\x1b") {
			t.Error("a key is shown unescaped")
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	var data bytes.Buffer
	if err := rdbmix.Write(&data, 20_000); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(data.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Inspect(bytes.NewReader(data.Bytes()), Options{Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}
