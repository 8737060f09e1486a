package redistest

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const slotCount = 16384

// StartCluster starts a Redis Cluster of masters, each with an equal part of the slots in order, and waits until it is up.
func StartCluster(tb testing.TB, masters int, args ...string) []*Server {
	tb.Helper()
	var nodes []*Server
	for range masters {
		nodes = append(nodes, StartNode(tb, args...))
	}
	JoinCluster(tb, nodes)
	return nodes
}

// StartNode starts a server for JoinCluster.
func StartNode(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return Start(tb, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "5000"}, args...)...)
}

// JoinCluster makes a cluster of servers, each with an equal part of the slots in order, and waits until it is up.
func JoinCluster(tb testing.TB, nodes []*Server) {
	tb.Helper()
	masters := len(nodes)
	for i, n := range nodes {
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		n.Do("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(slotCount*i/masters), fmt.Sprint(slotCount*(i+1)/masters-1))
	}
	for _, n := range nodes[1:] {
		n.Do("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(nodes[0].Port))
	}
	Until(tb, "the cluster is up", func() bool {
		for _, n := range nodes {
			info, _ := n.Do("CLUSTER", "INFO").(string)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", masters)) ||
				!strings.Contains(info, "cluster_slots_ok:16384\r") {
				return false
			}
		}
		return true
	})
}

// ClusterDo sends a command for a key to the node that has its slot.
func ClusterDo(tb testing.TB, nodes []*Server, key string, args ...string) any {
	tb.Helper()
	var last error
	for _, n := range nodes {
		reply, err := n.Try(args...)
		if redis.Code(err) != "MOVED" {
			if err != nil {
				tb.Fatalf("%.100q: %v", args, err)
			}
			return reply
		}
		last = err
	}
	tb.Fatalf("%.100q: key %q: %v", args, key, last)
	return nil
}

// MoveSlot has one master of a cluster give a slot with its keys to another.
func MoveSlot(tb testing.TB, from, to *Server, slot string) {
	tb.Helper()
	source, target := from.Do("CLUSTER", "MYID").(string), to.Do("CLUSTER", "MYID").(string)
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", source)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", target)
	for {
		keys, _ := from.Do("CLUSTER", "GETKEYSINSLOT", slot, "100").([]any)
		if len(keys) == 0 {
			break
		}
		for _, k := range keys {
			from.Do("MIGRATE", "127.0.0.1", fmt.Sprint(to.Port), k.(string), "0", "5000")
		}
	}
	to.Do("CLUSTER", "SETSLOT", slot, "NODE", target)
	from.Do("CLUSTER", "SETSLOT", slot, "NODE", target)
}

// ClusterDigest is equal for servers that have the same keys with the same values and expiries, however they are spread.
func ClusterDigest(tb testing.TB, nodes []*Server) string {
	tb.Helper()
	var sum [sha256.Size]byte
	keys := 0
	for _, n := range nodes {
		const script = "local out = {} for _, k in ipairs(redis.call('KEYS', '*')) do out[#out+1] = k end return out"
		list, _ := n.Do("EVAL", script, "0").([]any)
		for _, k := range list {
			key := k.(string)
			one := sha256.Sum256(fmt.Append(nil, key, " ", n.Do("DUMP", key), n.Do("PEXPIRETIME", key)))
			for i := range sum {
				sum[i] ^= one[i]
			}
			keys++
		}
	}
	return fmt.Sprintf("%d keys %x", keys, sum)
}
