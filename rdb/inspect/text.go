package inspect

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// WriteText writes tables for a terminal. Keys are quoted where they are not plain text.
func (info *Info) WriteText(w io.Writer, file string) error {
	var b strings.Builder
	facts := table{}
	for _, f := range info.facts(file) {
		facts.row(f.Name, f.Value)
	}
	facts.write(&b)

	if notes := info.observations(); len(notes) > 0 {
		heading(&b, "Highlights")
		for _, n := range notes {
			b.WriteString("- " + n + "\n")
		}
	}
	if info.Total.Keys > 0 {
		info.textTables(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (info *Info) textTables(b *strings.Builder) {
	heading(b, "Databases")
	t := table{right: "rrrrrr", head: []string{"db", "keys", "expire", "expired", "in the dump", "memory"}}
	for _, d := range info.Databases {
		t.row(d.Name(), group(d.Keys), group(d.Expires), group(d.Expired), rdb.FormatBytes(d.Bytes), rdb.FormatBytes(d.Memory))
	}
	t.write(b)

	heading(b, "Types and encodings")
	t = table{right: "llrrrrr", head: []string{"type", "encoding", "keys", "elements", "in the dump", "memory", ""}}
	for _, x := range info.Types {
		t.row(x.Type, x.Encoding, group(x.Keys), group(x.Elements), rdb.FormatBytes(x.Bytes), rdb.FormatBytes(x.Memory), percent(x.Memory, info.Total.Memory))
	}
	t.write(b)

	for _, h := range info.histograms() {
		heading(b, h.Title)
		t = table{right: "lrrl", head: []string{"", "keys", "memory", ""}}
		for _, x := range h.Buckets {
			t.row(x.Label, group(x.Keys), rdb.FormatBytes(x.Memory), textBar(x.Keys, info.Total.Keys))
		}
		t.write(b)
	}

	for _, l := range []struct {
		title string
		keys  []Key
	}{{"Largest keys", info.Largest}, {"Keys with the most elements", info.Longest}} {
		heading(b, l.title)
		t = table{right: "rrrrll", head: []string{"db", "memory", "in the dump", "elements", "type", "key"}}
		for _, k := range l.keys {
			t.row(strconv.Itoa(k.DB), rdb.FormatBytes(k.Memory), rdb.FormatBytes(k.Bytes), group(k.Elements), k.typeName(), plain(k.Key))
		}
		t.write(b)
	}

	if len(info.Prefixes) > 0 {
		heading(b, "Largest prefixes"+map[bool]string{false: " (estimated, because there are too many to count exactly)"}[info.PrefixesExact])
		t = table{right: "rrrrl", head: []string{"memory", "", "keys", "error at most", "prefix"}}
		for _, p := range info.Prefixes {
			t.row(rdb.FormatBytes(p.Memory), percent(p.Memory, info.Total.Memory), group(p.Keys), p.error(), info.prefixName(p))
		}
		t.write(b)
	}
}

// fact is a line about the whole dump.
type fact struct{ Name, Value string }

func (info *Info) facts(file string) []fact {
	size := rdb.FormatBytes(uint64(info.Size))
	if info.Compression != "" {
		size += " decompressed (" + info.Compression + ")"
	}
	checksum := "no checksum"
	if info.Checksum {
		checksum = "checksum OK"
	}
	written := info.Writer()
	if bits := info.auxValue("redis-bits"); bits != "" {
		written += ", " + plain(bits) + " bits"
	}
	if at := info.Created(); !at.IsZero() {
		written += ", " + at.Format(time.DateTime) + " UTC"
	}
	t := info.Total
	keys := fmt.Sprintf("%s in %s", group(t.Keys), count(uint64(len(info.Databases)), "database"))
	if t.Expires > 0 {
		keys += "; " + group(t.Expires) + " expire"
		if t.Expired > 0 {
			keys += ", " + group(t.Expired) + " of them have expired"
		}
	}
	memory := "about " + rdb.FormatBytes(t.Memory+info.Tables)
	if t.Keys > 0 {
		memory += fmt.Sprintf(" (%s to %s, depending on server and allocator)", rdb.FormatBytes(info.MemoryLow), rdb.FormatBytes(info.MemoryHigh))
	}
	if used := info.usedMemory(); used > 0 {
		memory += "; the server that wrote it used " + rdb.FormatBytes(used) + " in total"
	}
	facts := []fact{
		{"File", plain(file) + ", " + size},
		{"Format", fmt.Sprintf("RDB version %d (%s), %s", info.Version, info.Server, checksum)},
		{"Written by", plain(written)},
		{"Keys", keys},
		{"Memory", memory},
	}
	if info.Functions > 0 {
		facts = append(facts, fact{"Functions", count(uint64(info.Functions), "library")})
	}
	if len(info.Modules) > 0 {
		facts = append(facts, fact{"Modules", strings.Join(info.Modules, ", ") + "; servers need them to load the dump"})
	}
	return facts
}

// Name is the number of the database, or what stands for several.
func (d *Database) Name() string {
	if d.DB == otherDatabases {
		return "others"
	}
	return strconv.Itoa(d.DB)
}

// typeName gives type and encoding, such as "hash (listpack)".
func (k *Key) typeName() string { return typeName(k.Type, k.Encoding) }

func typeName(kind, encoding string) string {
	if encoding == "" {
		return kind
	}
	return kind + " (" + encoding + ")"
}

func (p *Prefix) error() string {
	if p.AtMost == 0 {
		return "exact"
	}
	return rdb.FormatBytes(p.AtMost)
}

func (info *Info) prefixName(p Prefix) string {
	if p.Prefix == "" {
		return fmt.Sprintf("(keys without %q)", info.Separator)
	}
	return plain(p.Prefix) + "*"
}

// histogram is a list of buckets with its title.
type histogram struct {
	Title, Explanation string
	Buckets            []Bucket
}

func (info *Info) histograms() []histogram {
	list := []histogram{
		{"Time to live", "Redis deletes keys when they expire. Keys without expiry remain until they are deleted.", info.TTL},
		{"Size of the values", "Sizes in the dump, where long strings are compressed. Very large values block a server.", withoutEmptyEnd(info.Sizes)},
	}
	if len(info.Idle) > 0 {
		list = append(list, histogram{"Last use", "How long before the dump a key was last read or written.", info.Idle})
	}
	return list
}

func withoutEmptyEnd(list []Bucket) []Bucket {
	for len(list) > 1 && list[len(list)-1].Keys == 0 {
		list = list[:len(list)-1]
	}
	return list
}

// observations are sentences about what a person would want to know first.
func (info *Info) observations() []string {
	t := info.Total
	if t.Keys == 0 {
		return []string{"The dump has no keys."}
	}
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if !info.Checksum {
		add("The dump has no checksum, so damage may go unnoticed.")
	}
	if len(info.Types) > 0 {
		kinds := map[string]uint64{}
		largest := ""
		for _, x := range info.Types {
			kinds[x.Type] += x.Memory
			if kinds[x.Type] > kinds[largest] {
				largest = x.Type
			}
		}
		add("%s of the memory is used by values of type %s.", percent(kinds[largest], t.Memory), largest)
	}
	for _, p := range info.Prefixes {
		if p.Prefix != "" && p.Memory-p.AtMost > t.Memory/4 {
			add("%s of the memory is used by keys that start with %s.", percent(p.Memory, t.Memory), plain(p.Prefix))
			break
		}
	}
	if never := info.TTL[len(info.TTL)-1]; never.Keys > 0 {
		add("%s of the keys never expire; they use %s of the memory.", percent(never.Keys, t.Keys), percent(never.Memory, t.Memory))
	}
	if t.Expired > 0 {
		add("%s expired; servers drop expired keys when loading the dump.", countHave(t.Expired))
	}
	if len(info.Largest) > 0 && info.Largest[0].Memory > 1<<20 {
		k := info.Largest[0]
		add("The largest key, %s, uses %s (%s) with %s.", plain(k.Key), rdb.FormatBytes(k.Memory), percent(k.Memory, t.Memory), count(k.Elements, "element"))
	}
	if n := len(info.Idle); n > 0 && info.Idle[n-1].Keys > 0 {
		add("%s of the keys have been idle for 30 days or more.", percent(info.Idle[n-1].Keys, t.Keys))
	}
	return notes
}

func countHave(n uint64) string {
	if n == 1 {
		return "1 key has"
	}
	return group(n) + " keys have"
}

// A table aligns columns; right has an l or r a column.
type table struct {
	right string
	head  []string
	rows  [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(b *strings.Builder) {
	rows := t.rows
	if t.head != nil {
		rows = append([][]string{t.head}, rows...)
	}
	var widths []int
	for _, r := range rows {
		for i, cell := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < len(t.right) && t.right[i] == 'r' {
				cell = space + cell
			} else {
				cell += space
			}
			line.WriteString(cell + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func heading(b *strings.Builder, title string) { b.WriteString("\n" + strings.ToUpper(title) + "\n") }

// group writes a number with commas between thousands.
func group(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && noun != "key" {
		noun = stem + "ie"
	}
	return group(n) + " " + noun + "s"
}

// percent rounds, but gives neither 0 % nor 100 % for what is not that.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	p := float64(part) * 100 / float64(whole)
	switch {
	case part > 0 && p < 1:
		return "under 1 %"
	case part < whole && p > 99:
		return "over 99 %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

const barWidth = 40

func textBar(part, whole uint64) string {
	if part == 0 || whole == 0 {
		return ""
	}
	return strings.Repeat("█", max(1, int(float64(part)*barWidth/float64(whole)+0.5)))
}

// plain returns text that a terminal shows as it is, and quotes what it would not.
func plain(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}
