package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/internal/redistest"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// entryFor is a key of one element for one of the masters of a cluster with equal parts.
func entryFor(node, nodes int, kind rdb.Type) rdb.Entry {
	for i := 0; ; i++ {
		if key := "set:" + strconv.Itoa(i); int(server.Slot([]byte(key)))*nodes/server.SlotCount == node {
			return rdb.Entry{Key: []byte(key), Type: kind, Raw: []byte{1, 1, 'a'}}
		}
	}
}

func setFor(node, nodes int) rdb.Entry { return entryFor(node, nodes, rdb.TypeSet) }

// Permissions, renamed commands and function libraries are each node's own: all masters are asked before the first write, and
// the one that refuses is named.
func TestEveryMasterIsAsked(t *testing.T) {
	nodes := []*redistest.Server{redistest.StartNode(t), redistest.StartNode(t), redistest.StartNode(t, "--rename-command", "RPUSH", "")}
	redistest.JoinCluster(t, nodes)
	confirm := func(string) error { return nil }
	all := []rdb.Entry{setFor(0, 3), setFor(1, 3), setFor(2, 3)}
	const lib = "#!lua name=lib\nredis.register_function('one', function() return 1 end)"
	for _, tt := range []struct {
		name    string
		entries []rdb.Entry
		denied  map[int]string // what the user may not run, by node
		user    string
		library int // the node that has one; 0 for none
		opts    plan.Options
		want    string // NODE is the address of the second node; "" for an import that succeeds
		not     string
	}{
		{name: "all permitted", entries: all, opts: plan.Options{Method: plan.Commands}},
		{name: "one command of one node", entries: all, denied: map[int]string{1: "-sadd"}, opts: plan.Options{Method: plan.Commands}, want: "node NODE: the user has no permission to run SADD, which the import requires; grant +sadd"},
		{name: "one command without ACL DRYRUN", entries: all, denied: map[int]string{1: "-sadd -acl"}, opts: plan.Options{Method: plan.Commands}, want: "node NODE: the user has no permission to run SADD"},
		{name: "one command, only looked up", entries: all, denied: map[int]string{1: "-sadd -acl -multi"}, opts: plan.Options{Method: plan.Commands}, want: "node NODE: the user has no permission to run "},
		{name: "RESTORE", entries: all, denied: map[int]string{1: "-restore"}, want: "node NODE: NOPERM"},
		{name: "RESTORE, for plain commands", entries: all, denied: map[int]string{1: "-restore"}, opts: plan.Options{Method: plan.Commands}},
		{name: "DUMP", entries: all, denied: map[int]string{1: "-dump"}, want: "node NODE: NOPERM"},
		{name: "FLUSHDB", entries: all, denied: map[int]string{1: "-flushdb"}, opts: plan.Options{Existing: plan.Flush, Confirm: confirm}, want: "node NODE: the user has no permission to run FLUSHDB"},
		{name: "INFO", entries: all, denied: map[int]string{1: "-info"}, want: "node NODE: NOPERM"},
		{name: "two nodes", entries: all, denied: map[int]string{0: "-sadd", 1: "-sadd"}, opts: plan.Options{Method: plan.Commands}, want: ", NODE: the user has no permission to run SADD"},
		{name: "all nodes", entries: all, denied: map[int]string{0: "-sadd", 1: "-sadd", 2: "-sadd"}, opts: plan.Options{Method: plan.Commands}, want: "the user has no permission to run SADD", not: "node"},
		{name: "what no value needs", entries: all, denied: map[int]string{1: "-hset"}, opts: plan.Options{Method: plan.Commands}},
		{name: "a node that no key goes to", entries: []rdb.Entry{setFor(0, 3)}, denied: map[int]string{1: "-sadd -unlink -multi -renamenx"}, opts: plan.Options{Method: plan.Commands}},
		{name: "keys of one name", entries: all, denied: map[int]string{1: "resetkeys ~set:*"}, opts: plan.Options{Method: plan.Commands}, want: "node NODE: NOPERM"},
		{name: "keys of one name, whole", entries: all, denied: map[int]string{1: "resetkeys ~set:*"}},
		{name: "a renamed command", entries: []rdb.Entry{entryFor(2, 3, rdb.TypeList)}, opts: plan.Options{Method: plan.Commands}, want: "the target has no RPUSH command (renamed or disabled)"},
		{name: "a renamed command for keys elsewhere", entries: []rdb.Entry{entryFor(0, 3, rdb.TypeList)}, opts: plan.Options{Method: plan.Commands}},
		{name: "a library", entries: append(slices.Clone(all), rdb.Entry{Kind: rdb.FunctionEntry, Raw: []byte(lib)}), library: 1, want: `node NODE: the target already has a function library "lib"`},
		{name: "FUNCTION RESTORE", entries: append(slices.Clone(all), rdb.Entry{Kind: rdb.FunctionEntry, Raw: []byte(lib)}), denied: map[int]string{1: "-function|restore"}, want: "node NODE: the user has no permission to run FUNCTION RESTORE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i, n := range nodes {
				empty(n)
				n.Do("ACL", "DELUSER", "u")
				n.Do(append([]string{"ACL", "SETUSER", "u", "on", ">pw", "~*", "&*", "+@all"}, strings.Fields(tt.denied[i])...)...)
				if tt.library == i && i > 0 {
					n.Do("FUNCTION", "LOAD", lib)
				}
			}
			if tt.opts.Existing == plan.Flush {
				redistest.ClusterDo(t, nodes, "precious", "SET", "precious", "1")
			}
			before := redistest.ClusterDigest(t, nodes)
			url := "redis://u:pw@" + nodes[0].Addr()
			report, err := Import(t.Context(), bytesSource("dump", dump10(t, tt.entries...)), targetOf(t, url), tt.opts)
			if tt.want == "" {
				if err != nil || report.Failed() > 0 {
					t.Errorf("%v, %+v", err, report)
				}
				return
			}
			want := strings.ReplaceAll(tt.want, "NODE", nodes[1].Addr())
			if err == nil || !strings.Contains(err.Error(), want) || tt.not != "" && strings.Contains(err.Error(), tt.not) {
				t.Errorf("got %v, want %s", err, want)
			}
			if now := redistest.ClusterDigest(t, nodes); now != before {
				t.Errorf("the cluster was changed: %s, before %s", now, before)
			}
		})
	}
}

// All of the nodes are emptied, whichever of them is asked first, and what they have is known.
func TestFlushOfEveryMaster(t *testing.T) {
	nodes := redistest.StartCluster(t, 3)
	for first := range nodes {
		for _, n := range nodes {
			empty(n)
		}
		redistest.ClusterDo(t, nodes, "precious", "SET", "precious", "1")
		src := bytesSource("live", dump10(t, setFor(0, 3)))
		src.Once = true
		report, err := Import(t.Context(), src, targetOf(t, nodes[first].URL()), plan.Options{Existing: plan.Flush, Confirm: func(string) error { return nil }})
		sum := int64(0)
		for _, n := range nodes {
			sum += n.Do("DBSIZE").(int64)
		}
		if err != nil || report.Failed() > 0 || sum != 1 {
			t.Errorf("node %d: %v, %d keys, %v", first, err, sum, fmt.Sprint(report.Doubts))
		}
	}
}
