package rdb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// shared holds real dumps of public test suites, beside the repository.
const shared = "../../shared/rdb"

type fixture struct {
	name          string
	data          []byte
	magic         string
	version       int
	checked       bool // redis-check-rdb 7.0 accepts it; the counts are its own
	keys, expires int
	loads         bool // redis-server 7.0 loads it
}

// fixtures returns the dumps of the shared folder, or none where it is absent.
func fixtures(tb testing.TB) []fixture {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(shared, "MANIFEST.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		tb.Fatal(err)
	}
	var list []fixture
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] == "file" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(shared, f[0]))
		if err != nil {
			tb.Fatal(err)
		}
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			if err != nil {
				tb.Fatal(err)
			}
			return n
		}
		list = append(list, fixture{
			name: filepath.Base(f[0]), data: data, magic: f[6], version: number(f[7]),
			checked: f[8] == "ok", keys: number(f[9]), expires: number(f[10]), loads: f[12] == "ok",
		})
	}
	return list
}

func mustFixtures(t *testing.T) []fixture {
	t.Helper()
	list := fixtures(t)
	if list == nil {
		t.Skip("the dumps of ../shared/rdb are not here")
	}
	return list
}

// scanAll returns copies of all entries up to the end or an error.
func scanAll(data []byte, opts Options) ([]Entry, error) {
	s := NewScanner(bytes.NewReader(data), opts)
	var list []Entry
	for {
		e, err := s.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		c := *e
		c.Key, c.from = bytes.Clone(e.Key), nil
		c.Raw = nil
		if e.Kind == KeyEntry {
			if err := e.Chunks(func(p []byte) error { c.Raw = append(c.Raw, p...); return nil }); err != nil {
				return list, err
			}
		} else {
			if e.Kind != ModuleAuxEntry { // lost where it is larger than the window
				c.Raw = bytes.Clone(e.Raw)
			}
		}
		list = append(list, c)
	}
}
