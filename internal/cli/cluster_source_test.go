package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/redistest"
)

// A Redis Cluster as the source of dump and import is all of its masters, or an error; never one node without a word.
func TestClusterSource(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 3, "--repl-diskless-sync-delay", "0")
	const keys = 3000
	for i := range keys {
		key := fmt.Sprint("key:", i)
		redistest.ClusterDo(t, nodes, key, "SET", key, fmt.Sprint(i))
	}
	want := redistest.ClusterDigest(t, nodes)
	for _, n := range nodes {
		n.Do("ACL", "SETUSER", "scanner", "on", ">"+dumpSecret, "~*", "+@all", "-psync", "-sync")
	}
	login := []string{"REDIS_PASSWORD=" + dumpSecret, "REDIS_SOURCE_PASSWORD=" + dumpSecret}
	for _, tt := range []struct {
		name string
		env  []string
		args []string // of dump; import has them with --source-
		keys string   // "" for all
		fail string
	}{
		{name: "snapshots"},
		{name: "scan", env: login, args: []string{"--username", "scanner", "--scan"}},
		{name: "replication is not permitted", env: login, args: []string{"--username", "scanner"}, fail: "use --scan"},
		{name: "one node", args: []string{"--only-node"}, keys: fmt.Sprint(nodes[1].Do("DBSIZE"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "dump.rdb")
			_, stderr, code := tool(t, tt.env, append([]string{"dump", nodes[1].URL(), file}, tt.args...)...)
			_, statErr := os.Stat(file)
			if tt.fail != "" {
				if code != exitcode.Error || !strings.Contains(stderr, tt.fail) || statErr == nil {
					t.Errorf("dump: exit code %d, %s", code, stderr)
				}
			} else if code != 0 || statErr != nil {
				t.Fatalf("dump: exit code %d, %s", code, stderr)
			}
			loaded := redistest.Start(t)
			if tt.fail == "" {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				loaded = redistest.StartDump(t, data)
			}
			into := redistest.Start(t)
			args := []string{"import", nodes[1].URL(), into.URL()}
			for _, a := range tt.args {
				args = append(args, strings.Replace(a, "--username", "--source-username", 1))
			}
			stdout, stderr, code := tool(t, tt.env[min(1, len(tt.env)):], args...) // the target has no password
			if tt.fail != "" {
				if code != exitcode.Error || !strings.Contains(stderr, tt.fail) || into.Do("DBSIZE") != int64(0) {
					t.Errorf("import: exit code %d, %s", code, stderr)
				}
				return
			}
			if code != 0 {
				t.Fatalf("import: exit code %d, %s%s", code, stdout, stderr)
			}
			for name, s := range map[string]*redistest.Server{"dump": loaded, "import": into} {
				if tt.keys == "" && redistest.ClusterDigest(t, []*redistest.Server{s}) != want {
					t.Errorf("%s: %v keys, not those of the cluster", name, s.Do("DBSIZE"))
				}
				if tt.keys != "" && fmt.Sprint(s.Do("DBSIZE")) != tt.keys {
					t.Errorf("%s: %v keys, want the node's %s", name, s.Do("DBSIZE"), tt.keys)
				}
			}
		})
	}
	// From cluster to cluster, and not onto itself.
	others := redistest.StartCluster(t, 3)
	if stdout, stderr, code := tool(t, nil, "import", nodes[0].URL(), others[2].URL()); code != 0 {
		t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
	}
	if got := redistest.ClusterDigest(t, others); got != want {
		t.Error("the other cluster has other keys")
	}
	_, stderr, code := tool(t, nil, "import", nodes[0].URL(), nodes[1].URL(), "--flush", "--yes")
	if code != exitcode.Error || !strings.Contains(stderr, "are the same server") || redistest.ClusterDigest(t, nodes) != want {
		t.Errorf("onto itself: exit code %d, %s", code, stderr)
	}
	// With slots missing there is no dump.
	nodes[2].Do("CLUSTER", "DELSLOTS", "16383")
	redistest.Until(t, "the cluster is down", func() bool {
		return strings.Contains(fmt.Sprint(nodes[2].Do("CLUSTER", "INFO")), "cluster_state:fail")
	})
	file := filepath.Join(t.TempDir(), "dump.rdb")
	if _, stderr, code = tool(t, nil, "dump", nodes[2].URL(), file); code != exitcode.Error || !strings.Contains(stderr, `cluster_state is "fail"`) {
		t.Errorf("a cluster that is down: exit code %d, %s", code, stderr)
	}
	if left := files(t, filepath.Dir(file)); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
