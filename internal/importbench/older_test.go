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
	newer  string // a dump that is newer than the server
	own    string // the same keys, in the same order, in a dump of its version
}

// olderTargets are the server of PATH, which gets a dump of the next version, and Redis 6.0 where scripts/rdb-servers.sh has
// put one into .cache/servers.
func olderTargets(t *testing.T, s *redistest.Server, file string) []older {
	dir := filepath.Dir(file)
	list := []older{{"Redis 7.0 of a 7.2 dump", s, rewrite(t, file, filepath.Join(dir, "newer.rdb"), rdbmix.Version+1, func(e *rdb.Entry) *rdb.Entry {
		switch e.Type {
		case rdb.TypeSet:
			e.Type, e.Raw = rdb.TypeSetListpack, setListpack(t, e)
		case rdb.TypeStream2: // those of rdbmix have no groups, and no group is all that differs
			e.Type = rdb.TypeStream3
		}
		return e
	}), file}}
	program, err := filepath.Abs("../../.cache/servers/redis-6.0")
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		t.Logf("no Redis 6.0, run scripts/rdb-servers.sh .cache/servers: %v", err)
		return list
	}
	const version = 9
	own := rewrite(t, file, filepath.Join(dir, "older.rdb"), version, func(e *rdb.Entry) *rdb.Entry {
		out, _, err := rdb.Reencode(e, rdb.ReencodeOptions{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
	return append(list, older{"Redis 6.0 of a 7.0 dump", redistest.StartProgram(t, program, nil), file, own})
}

// ways are two rows: the dump of the target's version, and the newer one.
func (o older) ways(t *testing.T, tool string, keys int) ([]way, aim) {
	same, again := "its own dump into "+o.name[:len("Redis 7.0")], "re-encoded for "+o.name
	return []way{
		importWay(t, o.server, same, same, tool, o.own, o.server.URL(), keys),
		importWay(t, o.server, again, same, tool, o.newer, o.server.URL(), keys),
	}, aim{again + " / its own", wall, again, same, 1.15}
}

// rewrite writes the keys of a dump in another form.
func rewrite(t *testing.T, from, to string, version int, change func(*rdb.Entry) *rdb.Entry) string {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	w, err := rdb.NewWriter(buffered, version)
	if err != nil {
		t.Fatal(err)
	}
	scanFile(t, from, rdb.Options{SkipChecksum: true}, func(e *rdb.Entry) {
		if err := w.Write(change(e)); err != nil {
			t.Fatal(err)
		}
	})
	if err := errors.Join(w.Close(), buffered.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return to
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
