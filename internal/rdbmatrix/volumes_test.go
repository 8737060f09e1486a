//go:build integration

package rdbmatrix

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/cue"
)

// testVolumes starts each release on the volume of each other one, as a rollout of its image does. It loads the dump exactly where the
// data file of images says so, from which op/rdb-unreadable and diff judge a change of the image.
func testVolumes(t *testing.T, have []release, sets []*dataset) {
	images, err := cue.KnownImages()
	if err != nil {
		t.Fatal(err)
	}
	format := func(r release) *cue.RDB {
		engine, line, _ := strings.Cut(r.name, "-")
		known := images.Line(engine, line)
		if known == nil || known.RDB == nil {
			t.Fatalf("the data file of images does not have %s", r.name)
		}
		return known.RDB
	}
	counts := map[cue.Loading]int{}
	for _, to := range have {
		for _, d := range sets {
			said := format(to).Loads(format(d.from))
			want := said == cue.LoadsFully || said == cue.LoadsPartly && d.name != " vectors"
			if got, log := starts(t, to, d.dump); got != want {
				t.Errorf("%s on the volume of %s%s: starts %v, but the data file says that it %s\n%s", to.name, d.from.name, d.name, got, said, log)
			}
			counts[said]++
		}
	}
	t.Logf("started on each other's volumes: %v", counts)
	if len(have) == len(releases) && (counts[cue.LoadsFully] == 0 || counts[cue.LoadsNot] == 0) {
		t.Error("one of the answers was never tried")
	}
}

// starts starts a server on a copy of a dump, and reports whether it gets ready for clients.
func starts(t *testing.T, r release, dump string) (ready bool, log string) {
	t.Helper()
	dir := t.TempDir()
	data, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, r.program, "--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--dir", dir, "--save", "", "--databases", "64")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	scanner := bufio.NewScanner(out)
	for !ready && scanner.Scan() {
		lines = append(lines, scanner.Text())
		ready = strings.Contains(scanner.Text(), "eady to accept connections") || strings.Contains(scanner.Text(), "server is now ready to accept")
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	if ctx.Err() != nil {
		t.Fatalf("%s neither gets ready nor ends", r.name)
	}
	return ready, strings.Join(lines[max(0, len(lines)-5):], "\n")
}
