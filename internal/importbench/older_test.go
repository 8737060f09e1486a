//go:build bench

package importbench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/internal/rdbmix"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
)

// writeReady writes the ready commands of both connections into one file, for redis-cli --pipe.
func writeReady(t *testing.T, name string, ready [2][]byte) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ready {
		_, e := f.Write(p)
		err = errors.Join(err, e)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// pipeReady has redis-cli send the ready commands.
func pipeReady(t *testing.T, s *redistest.Server, stream string, keys int) run {
	t.Helper()
	in, err := os.Open(stream)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	before := serverCPU(s)
	c := exec.Command("redis-cli", "-h", s.Host, "-p", fmt.Sprint(s.Port), "--pipe")
	c.Stdin = in
	began := time.Now()
	out, err := c.CombinedOutput()
	r := run{wall: time.Since(began)}
	if n := s.Do("DBSIZE"); err != nil || n != int64(keys) {
		t.Fatalf("redis-cli: %v, %v keys: %s", err, n, out)
	}
	r.client, r.server = c.ProcessState.UserTime()+c.ProcessState.SystemTime(), serverCPU(s)-before
	return r
}

// An older is a target that lacks types of a dump, so that they are re-encoded.
type older struct {
	name   string
	server *redistest.Server
	newer  func(t *testing.T, dir, file string) string // makes of the dump of [rdbmix.Version] one that is newer than the server
}

// olderTargets are the server of PATH, which gets a dump of the next version, and Redis 6.0 where scripts/rdb-servers.sh has
// put one into .cache/servers.
func olderTargets(t *testing.T, s *redistest.Server) []older {
	list := []older{{"Redis 7.0 of a 7.2 dump", s, newerDump}}
	if program, err := filepath.Abs("../../.cache/servers/redis-6.0"); err == nil {
		if _, err := os.Stat(program); err == nil {
			return append(list, older{"Redis 6.0 of a 7.0 dump", redistest.StartProgram(t, program, nil), func(_ *testing.T, _, file string) string { return file }})
		}
	}
	t.Log("no Redis 6.0: run scripts/rdb-servers.sh .cache/servers")
	return list
}

// ways are two rows: the dump as the target itself writes it after it has got all keys, and the newer one. Both have the same keys.
func (o older) ways(t *testing.T, tool, dir, file string, keys int) ([]way, aim) {
	t.Helper()
	newer := o.newer(t, dir, file)
	o.server.Do("FLUSHALL")
	measure(t, o.server, keys, tool, "import", newer, o.server.URL(), "--checkpoint", filepath.Join(dir, "checkpoint.json"), "--progress", "none")
	o.server.Do("SAVE")
	config, _ := o.server.Do("CONFIG", "GET", "dir").([]any)
	own := filepath.Join(dir, fmt.Sprintf("own-%d.rdb", o.server.Port))
	data, err := os.ReadFile(filepath.Join(fmt.Sprint(config[1]), "dump.rdb"))
	if err := errors.Join(err, os.WriteFile(own, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	same, again := "its own dump into "+o.name[:len("Redis 7.0")], "re-encoded for "+o.name
	return []way{
		importWay(t, o.server, same, same, tool, own, o.server.URL(), keys),
		importWay(t, o.server, again, same, tool, newer, o.server.URL(), keys),
	}, aim{again + " / its own dump", wall, again, same, 1.15}
}

// newerDump writes the same keys as Redis 7.2 does: sets as listpacks, and streams of version 3.
func newerDump(t *testing.T, dir, file string) string {
	t.Helper()
	name := filepath.Join(dir, "newer.rdb")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	w, err := rdb.NewWriter(buffered, rdbmix.Version+1)
	if err != nil {
		t.Fatal(err)
	}
	scanFile(t, file, rdb.Options{SkipChecksum: true}, func(e *rdb.Entry) {
		switch e.Type {
		case rdb.TypeSet:
			e.Type, e.Raw = rdb.TypeSetListpack, setListpack(t, e)
		case rdb.TypeStream2: // those of rdbmix have no groups, and no group is all that differs
			e.Type = rdb.TypeStream3
		}
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	})
	if err := errors.Join(w.Close(), buffered.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// setListpack packs a set of members of less than 64 bytes that are no numbers.
func setListpack(t *testing.T, e *rdb.Entry) []byte {
	t.Helper()
	pack, members := make([]byte, 6), 0
	if err := rdb.Decode(e, func(el *rdb.Element) error {
		members++
		pack = append(append(pack, 0x80|byte(len(el.Bytes))), el.Bytes...)
		pack = append(pack, byte(len(el.Bytes)+1))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	pack = append(pack, 0xff)
	binary.LittleEndian.PutUint32(pack, uint32(len(pack)))
	binary.LittleEndian.PutUint16(pack[4:], uint16(members))
	return rdb.AppendString(nil, pack)
}
