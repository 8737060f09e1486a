package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/redis-gitops/redis-gitops/rdb"
)

// day is when the backups of these tests begin.
var day = time.Date(2026, 11, 30, 5, 3, 12, 0, time.UTC)

// text is a fill that writes a text instead of a dump.
func text(s string) func(context.Context, io.Writer) (Dump, error) {
	return func(_ context.Context, w io.Writer) (Dump, error) {
		_, err := io.WriteString(w, s)
		return Dump{RDB: 12, Keys: 3, Counted: true}, err
	}
}

// read is the dump of a backup, decompressed.
func read(t *testing.T, s Store, r Record, ids ...age.Identity) (string, error) {
	t.Helper()
	var packed bytes.Buffer
	if err := Read(t.Context(), s, r, ids, &packed); err != nil {
		return "", err
	}
	z, _, err := rdb.Decompress(&packed)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	src, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(src), nil
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestStore is what every store does.
func TestStore(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			large := strings.Repeat("a dump of much that is alike; ", 100_000)
			id := identity(t)
			first, err := Write(t.Context(), s, Options{Time: day, Source: "redis://h"}, text(large))
			if err != nil {
				t.Fatal(err)
			}
			second, err := Write(t.Context(), s, Options{Time: day.Add(time.Hour), Recipients: []age.Recipient{id.Recipient()}}, text("sealed"))
			if err != nil {
				t.Fatal(err)
			}
			records, notes, err := List(t.Context(), s)
			if err != nil || len(notes) > 0 || !slices.Equal(records, []Record{second, first}) {
				t.Fatalf("%+v, %v, %v", records, notes, err)
			}
			if first.Dump != (Dump{12, 3, int64(len(large)), true}) || first.Size >= int64(len(large)) || first.Sealed || !second.Sealed {
				t.Errorf("%+v, %+v", first, second)
			}
			for _, r := range records {
				if err := Check(t.Context(), s, r); err != nil {
					t.Error(err)
				}
			}
			if got, err := read(t, s, first); err != nil || got != large {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if got, err := read(t, s, second, identity(t), id); err != nil || got != "sealed" {
				t.Errorf("%q, %v", got, err)
			}
			for want, ids := range map[string][]age.Identity{
				"it is encrypted; pass the file of an age identity":                          nil,
				"it is encrypted for other recipients; pass the age identity of one of them": {identity(t)},
			} {
				if _, err := read(t, s, second, ids...); !errors.Is(err, errSealed) || !strings.HasSuffix(err.Error(), want) {
					t.Errorf("%v", err)
				}
			}
			// Nothing is replaced.
			if _, err := Write(t.Context(), s, Options{Time: day}, text("another")); !errors.Is(err, errExists) {
				t.Errorf("%v", err)
			}
			if got, err := read(t, s, first); err != nil || got != large {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := s.Remove(t.Context(), "20200101T000000Z.json"); err != nil {
				t.Errorf("what is not there: %v", err)
			}
			if r, err := s.Open(t.Context(), "20200101T000000Z.json"); err == nil {
				if _, err = io.ReadAll(r); err == nil {
					t.Error("opened what is not there")
				}
			}
		})
	}
}

// TestFailedFill leaves no backup, and nothing that looks like one.
func TestFailedFill(t *testing.T) {
	broken := errors.New("the server is gone")
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Write(t.Context(), s, Options{Time: day}, func(_ context.Context, w io.Writer) (Dump, error) {
				for i := range 200_000 { // more than a buffer holds
					if _, err := fmt.Fprintf(w, "%x", i*7919); err != nil {
						return Dump{}, err
					}
				}
				return Dump{}, broken
			})
			if err != broken { //nolint:errorlint // as it is
				t.Errorf("%v", err)
			}
			files, err := s.List(t.Context())
			if err != nil || len(files) > 0 {
				t.Errorf("%v, %v", files, err)
			}
		})
	}
}

// refusing is a store that fails after some bytes, as a full disk or bucket does, or that keeps something else than it was given.
type refusing struct {
	Store
	after   int64
	changed func([]byte) []byte
}

var errFull = errors.New("no space left on device")

func (r refusing) Put(ctx context.Context, name string, from io.Reader) error {
	if r.changed != nil && strings.HasSuffix(name, dumpSuffix) {
		src, err := io.ReadAll(from)
		if err != nil {
			return err
		}
		return r.Store.Put(ctx, name, bytes.NewReader(r.changed(src)))
	}
	if _, err := io.CopyN(io.Discard, from, r.after); err != nil {
		return err
	}
	return errFull
}

// TestBadStore reports no backup that is not one: what the store does not have whole has no record.
func TestBadStore(t *testing.T) {
	for name, r := range map[string]refusing{
		"at once":   {},
		"later":     {after: 5},
		"truncated": {changed: func(b []byte) []byte { return b[:len(b)-1] }},
		"longer":    {changed: func(b []byte) []byte { return append(b, 0) }},
		"flipped": {changed: func(b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r.Store = directory(filepath.Join(t.TempDir(), "store"))
			if err := os.Mkdir(r.Store.String(), 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := Write(t.Context(), r, Options{Time: day}, text("the dump of a server"))
			if want := map[bool]error{true: ErrDamaged, false: errFull}[r.changed != nil]; !errors.Is(err, want) {
				t.Errorf("%v", err)
			}
			if records, notes, err := List(t.Context(), r.Store); err != nil || len(records)+len(notes) > 0 {
				t.Errorf("%v, %v, %v", records, notes, err)
			}
		})
	}
}

// TestDamaged finds every change of a backup that was good: each byte of the dump, its end, and its record.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	s, id := directory(dir), identity(t)
	r, err := Write(t.Context(), s, Options{Time: day, Recipients: []age.Recipient{id.Recipient()}}, text("the dump of a server"))
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, r.File)
	good, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		if err := os.WriteFile(at, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range good {
		b := slices.Clone(good)
		b[i] ^= 0x20
		write(b)
		if _, err := read(t, s, r, id); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d: %v", i, err)
		}
		if err := Check(t.Context(), s, r); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for _, b := range [][]byte{good[:len(good)-1], append(slices.Clone(good), 'x')} {
		write(b)
		if _, err := read(t, s, r, id); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		if records, notes, err := List(t.Context(), s); err != nil || len(records) > 0 || len(notes) != 1 {
			t.Errorf("%v, %v, %v", records, notes, err)
		}
	}
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if _, notes, _ := List(t.Context(), s); len(notes) != 1 || !strings.HasSuffix(notes[0], "is missing") {
		t.Errorf("%v", notes)
	}
	write(good)
	for _, wrong := range []string{"", "{", `{"version":2}`, `{"version":1,"file":"../../etc/passwd","size":1}`, strings.Repeat(" ", maxRecord+1)} {
		if err := os.WriteFile(filepath.Join(dir, day.Format(stamp)+recordSuffix), []byte(wrong), 0o600); err != nil {
			t.Fatal(err)
		}
		if records, notes, err := List(t.Context(), s); err != nil || len(records) > 0 || len(notes) != 1 {
			t.Errorf("%.20q: %v, %v, %v", wrong, records, notes, err)
		}
	}
}

func TestPick(t *testing.T) {
	records := []Record{{Time: day.Add(2 * time.Hour)}, {Time: day.Add(time.Hour)}, {Time: day}}
	for _, tt := range []struct {
		at   time.Time
		want int
	}{{time.Time{}, 0}, {day.Add(3 * time.Hour), 0}, {day.Add(2 * time.Hour), 0}, {day.Add(2*time.Hour - 1), 1}, {day, 2}} {
		if got, err := Pick(records, tt.at); err != nil || got != records[tt.want] {
			t.Errorf("%v: %v, %v", tt.at, got.Time, err)
		}
	}
	if _, err := Pick(records, day.Add(-1)); !errors.Is(err, errNone) || !strings.Contains(err.Error(), "the oldest is of 2026-11-30T05:03:12Z") {
		t.Errorf("%v", err)
	}
	if _, err := Pick(nil, day); err != errNone { //nolint:errorlint // nothing to add
		t.Errorf("%v", err)
	}
}

// TestKeep has a backup every six hours of 100 days.
func TestKeep(t *testing.T) {
	var records []Record
	for i := range 400 {
		records = append(records, Record{Time: day.Add(-time.Duration(i) * 6 * time.Hour)})
	}
	days := func(rs []Record) (out []string) {
		for _, r := range rs {
			out = append(out, r.Time.Format("01-02T15"))
		}
		return out
	}
	for _, tt := range []struct {
		keep Keep
		want string
	}{
		{Keep{Last: 2}, "11-30T05 11-29T23"},
		{Keep{Days: 3}, "11-30T05 11-29T23 11-28T23"},
		{Keep{Last: 3, Days: 2}, "11-30T05 11-29T23 11-29T17"},
		{Keep{Weeks: 2}, "11-30T05 11-29T23"},
		{Keep{Weeks: 3}, "11-30T05 11-29T23 11-22T23"},
		{Keep{Months: 3}, "11-30T05 10-31T23 09-30T23"},
	} {
		stay, remove := tt.keep.Split(records)
		if got := strings.Join(days(stay), " "); got != tt.want || len(stay)+len(remove) != len(records) {
			t.Errorf("%+v: %s and %d", tt.keep, got, len(remove))
		}
	}
	if stay, remove := (Keep{}).Split(records); len(stay) != 400 || remove != nil {
		t.Errorf("%d, %d", len(stay), len(remove))
	}
}

func TestPrune(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 5 {
				if _, err := Write(t.Context(), s, Options{Time: day.Add(time.Duration(i) * time.Hour)}, text("dump")); err != nil {
					t.Fatal(err)
				}
			}
			// One that failed two days ago, one under way, and what is nothing of ours.
			for _, name := range []string{"20261128T040000Z.rdb.zst", "20261130T050000Z.rdb.zst.age", "20261128T040000Z.txt"} {
				if err := s.Put(t.Context(), name, strings.NewReader("x")); err != nil {
					t.Fatal(err)
				}
			}
			if removed, err := Prune(t.Context(), s, Keep{}); err != nil || len(removed) > 0 {
				t.Errorf("%v, %v", removed, err)
			}
			removed, err := Prune(t.Context(), s, Keep{Last: 2})
			want := []string{"20261130T070312Z.rdb.zst", "20261130T060312Z.rdb.zst", "20261130T050312Z.rdb.zst", "20261128T040000Z.rdb.zst"}
			if err != nil || !slices.Equal(removed, want) {
				t.Errorf("%v, %v", removed, err)
			}
			files, err := s.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, f := range files {
				left = append(left, f.Name)
			}
			slices.Sort(left)
			if want := []string{"20261128T040000Z.txt", "20261130T050000Z.rdb.zst.age", "20261130T080312Z.json", "20261130T080312Z.rdb.zst", "20261130T090312Z.json", "20261130T090312Z.rdb.zst"}; !slices.Equal(left, want) {
				t.Errorf("%v", left)
			}
		})
	}
}

func TestParse(t *testing.T) {
	keys := Access{Key: "k", Secret: "s"}
	for text, want := range map[string]string{"s3://b/a/b/": "s3://b/a/b", "s3://b": "s3://b", "backups/shop": "backups/shop"} {
		if s, err := Parse(text, keys); err != nil || s.String() != want {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	for _, tt := range []struct {
		text   string
		access Access
		want   string
	}{
		{"gs://b", keys, `unknown scheme "gs://"; use s3://BUCKET/PREFIX or a directory`},
		{"s3:///x", keys, `"s3:///x" has no bucket; use s3://BUCKET/PREFIX`},
		{"s3://b", Access{}, "no credentials of the bucket; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		{"s3://b", Access{Key: "k", Secret: "s", Endpoint: "minio:9000"}, "the endpoint is not a URL such as https://s3.example.com"},
		{"s3://b", Access{Key: "k", Secret: "s", Endpoint: "https://u:p@minio"}, "the endpoint is not a URL such as https://s3.example.com"},
		{"s3://b", Access{Key: "k", Secret: "s", CA: []byte("no")}, "the CA file has no certificate"},
	} {
		if _, err := Parse(tt.text, tt.access); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}
