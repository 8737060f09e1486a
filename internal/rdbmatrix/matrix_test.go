//go:build integration

// Package rdbmatrix imports between real servers of several versions of Redis and Valkey, by every method, and compares what
// both then answer to ordinary commands. Nothing of the project decodes a value here.
package rdbmatrix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// A release is a server of the matrix, and what it has that older ones have not.
type release struct {
	name                         string
	fieldTTL, functions, vectors bool
	listOfFiles                  bool // an append-only file is a directory with a manifest
	program                      string
}

var releases = []release{
	{name: "redis-6.0"},
	{name: "redis-7.0", functions: true, listOfFiles: true},
	{name: "redis-8.0", functions: true, listOfFiles: true, fieldTTL: true, vectors: true},
	{name: "valkey-8.1", functions: true, listOfFiles: true},
	{name: "valkey-9.1", functions: true, listOfFiles: true, fieldTTL: true},
}

// servers are where scripts/rdb-servers.sh puts the programs.
const servers = "../../.cache/servers"

func available(t *testing.T) (have []release) {
	t.Helper()
	reasons := map[string]string{}
	if text, err := os.ReadFile(filepath.Join(servers, "missing")); err == nil {
		for line := range strings.Lines(string(text)) {
			name, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
			reasons[name] = reason
		}
	}
	for _, r := range releases {
		path, err := filepath.Abs(filepath.Join(servers, r.name))
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			t.Logf("MISSING %s: %s", r.name, reasons[r.name])
			continue
		}
		r.program = path
		have = append(have, r)
	}
	if len(have) == 0 {
		t.Skip("no server could be had; run scripts/rdb-servers.sh .cache/servers, or put redis-server into PATH")
	}
	return have
}

// A dataset is data of one server, as its dump, its append-only file, and what it answers.
type dataset struct {
	from      release
	name      string // of a feature; "" for what every version has
	server    *redistest.Server
	dump, aof string
	state     map[string]string
}

// method is a way to import; live reads the running source. convert has a server load the file of rdb convert.
type method struct {
	name string
	args []string
	live bool
	aof  bool
}

// Before Redis 7.2, comparing makes keys look as if they were used; restore leaves it out, so that the idle time is seen.
var methods = []method{
	{name: "auto"}, {name: "restore", args: []string{"--method", "restore", "--verify", "off"}}, {name: "commands", args: []string{"--method", "commands"}},
	{name: "replication", args: []string{"--method", "replication"}}, {name: "live", live: true}, {name: "aof", aof: true}, {name: "convert"},
}

// fits reports whether the target has all that the data needs.
func (d *dataset) fits(to release) bool {
	return map[string]bool{"": true, " field-ttl": to.fieldTTL, " functions": to.functions, " vectors": to.vectors}[d.name]
}

// anyVersion reports that a method writes into older and newer servers alike: a refusal is then a fault, unless data does not fit.
func (m method) anyVersion() bool { return m.name != "replication" && m.name != "aof" }

// TestMatrix: each cell is ok, with every loss named, or refused before the first write, with a reason.
func TestMatrix(t *testing.T) {
	have := available(t)
	tool := filepath.Join(t.TempDir(), "redis-gitops")
	if out, err := exec.Command("go", "build", "-o", tool, "../../cmd/redis-gitops").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var sets []*dataset
	for _, r := range have {
		sets = append(sets, makeDatasets(t, r)...)
	}
	cells := make([][]string, len(have)*len(sets)) // of a target and a dataset, by method
	t.Run("to", func(t *testing.T) {
		for i, to := range have {
			t.Run(to.name, func(t *testing.T) {
				t.Parallel()
				target := redistest.StartProgram(t, to.program, nil, "--maxmemory-policy", "allkeys-lru")
				for j, d := range sets {
					cells[i*len(sets)+j] = rowOf(t, tool, d, target, to)
				}
			})
		}
	})
	t.Run("volumes", func(t *testing.T) { testVolumes(t, have, sets) })
	table := &table{reasons: map[string]int{}}
	for i, row := range cells {
		d, to := sets[i%len(sets)], have[i/len(sets)]
		table.row(d.from.name+d.name, to.name, row)
	}
	t.Logf("\n%s", table)
}

// rowOf imports a dataset into a target by every method.
func rowOf(t *testing.T, tool string, d *dataset, target *redistest.Server, to release) (cells []string) {
	t.Helper()
	for _, m := range methods {
		var cell string
		if m.name == "convert" {
			cell = convertCell(t, tool, d, to)
		} else {
			cell = importCell(t, tool, d, target, to, m)
		}
		cells = append(cells, cell)
		if !strings.HasPrefix(cell, "ok") && (!strings.HasPrefix(cell, "refused") || d.fits(to) && m.anyVersion()) {
			t.Errorf("%s%s to %s by %s: %s", d.from.name, d.name, to.name, m.name, cell)
		}
	}
	return cells
}

// importCell imports and says what came of it.
func importCell(t *testing.T, tool string, d *dataset, target *redistest.Server, to release, m method) string {
	t.Helper()
	if !target.Alive() {
		target.Kill() // also its connection
		target.Run()
	}
	target.Do("FLUSHALL")
	if to.functions {
		target.Do("FUNCTION", "FLUSH")
	}
	pid := target.PID()
	from := d.dump
	switch {
	case m.live:
		from = d.server.URL()
	case m.aof:
		from = d.aof
	}
	c := exec.Command(tool, append([]string{"import", from, target.URL(), "--verify=full", "--checkpoint", "none", "--patience", "10s", "--progress", "none", "--output", "json"}, m.args...)...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report struct {
		Notes    []string
		Refusals []struct{ Code, Message string }
	}
	_ = json.Unmarshal(out.Bytes(), &report)
	if target.PID() != pid || !target.Alive() {
		return "KILLED THE TARGET: " + errs.String()
	}
	got := readState(target, to, d.from)
	if err != nil {
		for fact := range got {
			return fmt.Sprintf("PARTIAL: %q is there, %s", fact, errs.String())
		}
		reason := strings.TrimSpace(errs.String())
		if len(report.Refusals) > 0 {
			reason = report.Refusals[0].Message
		}
		if reason == "" {
			return "FAILED WITHOUT A WORD"
		}
		return "refused: " + reason
	}
	return compareStates(d.state, got, report.Notes, d.from, to)
}

// named are facts that may be lost where a note has the words.
var named = map[string]string{
	"counters ": "stream counters", "consumers ": "consumers without pending entries and stream counters", "idle ": "LRU",
}

func compareStates(want, got map[string]string, notes []string, from, to release) string {
	var wrong, lost []string
	all := strings.Join(notes, "\n")
	for _, fact := range slices.Sorted(keysOf(want, got)) {
		kind, _, _ := strings.Cut(fact, " ")
		if want[fact] == got[fact] || kind == "counters" && (!from.functions || !to.functions) { // only one has them; both come with 7.0
			continue
		}
		if words := named[kind+" "]; words != "" && strings.Contains(all, words) {
			lost = append(lost, kind)
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s is %.200q, not %.200q", fact, got[fact], want[fact]))
	}
	if len(wrong) > 0 {
		return fmt.Sprintf("SILENT: %d facts differ, such as %s; notes: %s", len(wrong), wrong[0], all)
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		return "ok, named: " + strings.Join(slices.Compact(lost), ", ")
	}
	return "ok"
}
