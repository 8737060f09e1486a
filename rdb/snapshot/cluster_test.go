package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
	"github.com/redis-gitops/redis-gitops/rdb/snapshot"
)

var random = rand.New(rand.NewPCG(7, 8))

// keysOf reads the names of a dump's keys, and fails on one that is there twice.
func keysOf(t *testing.T, dump []byte) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	s := rdb.NewScanner(bytes.NewReader(dump), rdb.Options{})
	for {
		e, err := s.Next()
		if err == io.EOF {
			return keys
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != rdb.KeyEntry {
			continue
		}
		if keys[string(e.Key)] {
			t.Errorf("%q is in the dump twice", e.Key)
		}
		keys[string(e.Key)] = true
	}
}

// fillCluster writes keys of several types, some large, to the nodes of their slots.
func fillCluster(t *testing.T, nodes []*redistest.Server, keys int) {
	t.Helper()
	noise := make([]byte, 300_000) // which cannot be compressed
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for i := range keys {
		key := fmt.Sprint("key:", i)
		args := []string{"SET", key, fmt.Sprint("value ", i)}
		switch i % 50 {
		case 1:
			args = []string{"HSET", key, "f", "v", "g", fmt.Sprint(i)}
		case 2:
			args = []string{"RPUSH", key, "a", "b", strings.Repeat("c", 2000)}
		case 3:
			args = []string{"SET", key, string(noise)} // larger than a window
		case 4:
			args = []string{"SET", key, "v", "PXAT", "4000000000000"}
		}
		redistest.ClusterDo(t, nodes, key, args...)
	}
	for _, n := range nodes {
		n.Do("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('one', function() return 1 end)")
	}
}

// Whichever node is asked, a dump has the keys of all of them, once.
func TestCluster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3, "--repl-diskless-sync-delay", "0")
	const keys = 3000
	fillCluster(t, nodes, keys)
	want := redistest.ClusterDigest(t, nodes)
	scan := func(ctx context.Context, to *redis.Target, w io.Writer) (*snapshot.ClusterStats, error) {
		return snapshot.ClusterScan(ctx, to, w, snapshot.Options{}, nil)
	}
	whole := func(ctx context.Context, to *redis.Target, w io.Writer) (*snapshot.ClusterStats, error) {
		return snapshot.Cluster(ctx, to, w, snapshot.Options{}, nil)
	}
	for name, take := range map[string]func(context.Context, *redis.Target, io.Writer) (*snapshot.ClusterStats, error){"snapshots": whole, "scan": scan} {
		for _, n := range nodes[:2] {
			var out bytes.Buffer
			stats, err := take(t.Context(), target(t, n.URL()), &out)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if stats.Keys != keys || len(stats.Nodes) != 3 || len(keysOf(t, out.Bytes())) != keys {
				t.Errorf("%s from %s: %+v", name, n.Addr(), stats)
			}
			loaded := redistest.StartDump(t, out.Bytes())
			if got := redistest.ClusterDigest(t, []*redistest.Server{loaded}); got != want {
				t.Errorf("%s: loaded, its keys are not those of the cluster", name)
			}
			if got := fmt.Sprint(loaded.Do("FUNCTION", "LIST")); !strings.Contains(got, "lib") {
				t.Errorf("%s: functions are %s", name, got)
			}
		}
	}
}

// What would lose keys is refused before, or noticed at the end.
func TestClusterRefused(t *testing.T) {
	nodes := redistest.StartCluster(t, 3, "--repl-diskless-sync-delay", "0", "--cluster-require-full-coverage", "no")
	fillCluster(t, nodes, 500)
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.Do("CLUSTER", "MYID").(string)
	}
	expect := func(want string, w io.Writer) {
		t.Helper()
		for name, err := range map[string]error{
			"snapshots": second(snapshot.Cluster(t.Context(), target(t, nodes[1].URL()), w, snapshot.Options{}, nil)),
			"scan":      second(snapshot.ClusterScan(t.Context(), target(t, nodes[1].URL()), w, snapshot.Options{}, nil)),
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
	}
	// A slot on its way.
	nodes[1].Do("CLUSTER", "SETSLOT", "0", "IMPORTING", ids[0])
	nodes[0].Do("CLUSTER", "SETSLOT", "0", "MIGRATING", ids[1])
	expect("slots of node", io.Discard)
	nodes[1].Do("CLUSTER", "SETSLOT", "0", "STABLE")
	nodes[0].Do("CLUSTER", "SETSLOT", "0", "STABLE")
	// A slot that goes while the dump is written: the writer moves one when the first bytes come.
	for slot := range 2 {
		var once sync.Once
		move := writerFunc(func(p []byte) (int, error) {
			once.Do(func() { redistest.MoveSlot(t, nodes[0], nodes[1], fmt.Sprint(slot)) })
			return len(p), nil
		})
		take := func() error {
			return second(snapshot.Cluster(t.Context(), target(t, nodes[2].URL()), move, snapshot.Options{}, nil))
		}
		if slot == 1 {
			take = func() error {
				return second(snapshot.ClusterScan(t.Context(), target(t, nodes[2].URL()), move, snapshot.Options{}, nil))
			}
		}
		if err := take(); err == nil || !strings.Contains(err.Error(), "while the cluster was being read") {
			t.Errorf("slot %d: got %v", slot, err)
		}
	}
	// A slot that nobody serves.
	nodes[2].Do("CLUSTER", "DELSLOTS", "16383")
	expect("1 of 16384 slots are not served", io.Discard)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func second(_ *snapshot.ClusterStats, err error) error { return err }

// A node that forbids replication is told from one that is gone, and a user without rights hears which are missing.
func TestClusterForbidden(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	fillCluster(t, nodes, 100)
	for _, n := range nodes {
		n.Do("ACL", "SETUSER", "scanner", "on", ">pw", "~*", "+@all", "-psync", "-sync")
		n.Do("ACL", "SETUSER", "blind", "on", ">pw", "~*", "+@all", "-cluster")
	}
	to := target(t, nodes[0].URL())
	to.Username, to.Password = "scanner", "pw"
	if _, err := snapshot.Cluster(t.Context(), to, io.Discard, snapshot.Options{}, nil); !errors.Is(err, snapshot.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	to.Username = "blind"
	if _, err := snapshot.Cluster(t.Context(), to, io.Discard, snapshot.Options{}, nil); err == nil || !strings.Contains(err.Error(), "+cluster|nodes") {
		t.Errorf("got %v", err)
	}
}

// A user who may not see whether the server is a node of a cluster gets no dump of a part.
func TestDescribeBlind(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	for user, rights := range map[string][]string{"noinfo": {"-info"}, "blind": {"-info", "-cluster"}} {
		nodes[0].Do(append([]string{"ACL", "SETUSER", user, "on", ">pw", "~*", "+@all"}, rights...)...)
		to := target(t, nodes[0].URL())
		to.Username, to.Password = user, "pw"
		src, err := snapshot.Describe(t.Context(), to, snapshot.Options{})
		if user == "noinfo" && (err != nil || !src.Cluster) {
			t.Errorf("%s: %+v, %v", user, src, err)
		}
		if user == "blind" && (err == nil || !strings.Contains(err.Error(), "--only-node")) {
			t.Errorf("%s: %v", user, err)
		}
	}
}

// Without DUMP nothing is read key by key, and nothing is written before that is known.
func TestScanWithoutDump(t *testing.T) {
	s := redistest.Start(t, "--rename-command", "DUMP", "")
	s.Do("SET", "a", "b")
	var out bytes.Buffer
	_, err := snapshot.Scan(t.Context(), target(t, s.URL()), &out, snapshot.Options{}, nil)
	if err == nil || !strings.Contains(err.Error(), "has no DUMP command") || out.Len() > 0 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
