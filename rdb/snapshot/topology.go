package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const slotCount = 16384

// A node is what a master of a Redis Cluster says about itself (CLUSTER NODES, the line with "myself").
type node struct {
	id    string
	addr  string
	epoch string   // of its configuration; another one means that slots or roles changed
	flags []string // such as "myself", "master"
	slots []slotRange
	open  []string // slots on their way to or from another node, as the node writes them
}

type slotRange struct{ from, to int }

// has reports whether the node has a flag.
func (n *node) has(flag string) bool { return slices.Contains(n.flags, flag) }

// errNotUnderstood is for an answer that no Redis gives.
var errNotUnderstood = errors.New("unexpected reply to CLUSTER NODES; check that it is a Redis or Valkey cluster")

// parseNodes reads the reply of CLUSTER NODES: id, ip:port@cport[,hostname], flags, master, ping, pong, epoch, link, slots…
// host stands for a node that does not know its own address.
func parseNodes(text, host string) ([]node, error) {
	var list []node
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 8 {
			return nil, errNotUnderstood
		}
		addr, _, _ := strings.Cut(f[1], "@")
		addr, _, _ = strings.Cut(addr, ",")
		colon := strings.LastIndexByte(addr, ':')
		if colon < 0 {
			return nil, errNotUnderstood
		}
		ip, port := strings.Trim(addr[:colon], "[]"), addr[colon+1:]
		if ip == "" || ip == "?" {
			ip = host
		}
		n := node{id: f[0], addr: hostPort(ip, port), flags: strings.Split(f[2], ","), epoch: f[6]}
		for _, word := range f[8:] {
			if strings.HasPrefix(word, "[") {
				n.open = append(n.open, word)
				continue
			}
			first, last, ok := strings.Cut(word, "-")
			if !ok {
				last = first
			}
			from, err1 := strconv.Atoi(first)
			to, err2 := strconv.Atoi(last)
			if err1 != nil || err2 != nil || from < 0 || to >= slotCount || from > to {
				return nil, errNotUnderstood
			}
			n.slots = append(n.slots, slotRange{from, to})
		}
		list = append(list, n)
	}
	return list, nil
}

func hostPort(host, port string) string {
	if strings.Contains(host, ":") { // IPv6
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// clusterNodes asks a server for the nodes that it knows.
func clusterNodes(ctx context.Context, conn *redis.Conn) ([]node, error) {
	text, err := conn.Text(ctx, "CLUSTER", "NODES")
	if redis.Code(err) == "NOPERM" {
		return nil, fmt.Errorf("%s: %w; the user needs +cluster|nodes +cluster|info, or read one node with --only-node", conn.Addr(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: CLUSTER NODES: %w", conn.Addr(), err)
	}
	host := conn.Addr()
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 {
		host = strings.Trim(host[:colon], "[]")
	}
	return parseNodes(text, host)
}

// A topology is what all masters of a cluster say at one time.
type topology []node

// readTopology asks every master with slots for its own view, because only a node itself knows which of its slots are on
// their way. It refuses a cluster of which not every slot is served by exactly one master, and one whose slots move: keys of
// such a slot may be in two snapshots or in none.
func readTopology(ctx context.Context, t *redis.Target) (topology, error) {
	conn, err := t.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	known, err := clusterNodes(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := healthy(ctx, conn); err != nil {
		return nil, err
	}
	var all topology
	for _, n := range known {
		if !n.has("master") || len(n.slots) == 0 {
			continue
		}
		own, err := ownView(ctx, t, n)
		if err != nil {
			return nil, err
		}
		all = append(all, own)
	}
	return all, all.check()
}

// healthy refuses a cluster that serves no queries.
func healthy(ctx context.Context, conn *redis.Conn) error {
	text, err := conn.Text(ctx, "CLUSTER", "INFO")
	if err != nil && redis.Code(err) == "" {
		return err
	}
	if state := redis.ParseInfo(text)["cluster_state"]; err == nil && state != "ok" {
		return fmt.Errorf("%s: cluster_state is %q; repair the cluster first (redis-cli --cluster check)", conn.Addr(), state)
	}
	return nil
}

// ownView connects to a master and reads its own line. Whatever leads to the node (a port-forward, NAT), it must be that node.
func ownView(ctx context.Context, t *redis.Target, want node) (node, error) {
	conn, err := t.WithAddr(want.addr).WithDB(0).Connect(ctx)
	if err != nil {
		return node{}, fmt.Errorf("cluster node: %w; run this where every node is reachable, or use --only-node", err)
	}
	defer conn.Close()
	known, err := clusterNodes(ctx, conn)
	if err != nil {
		return node{}, err
	}
	if err := healthy(ctx, conn); err != nil {
		return node{}, err
	}
	for _, n := range known {
		switch {
		case !n.has("myself"):
		case n.id != want.id:
			return node{}, fmt.Errorf("%s is node %.8s of the cluster, expected %.8s; run this where every node is reachable at its own address", want.addr, n.id, want.id)
		case !n.has("master"):
			return node{}, fmt.Errorf("node %s is no longer a master; wait for the failover", want.addr)
		default:
			n.addr = want.addr
			return n, nil
		}
	}
	return node{}, errNotUnderstood
}

func (all topology) check() error {
	var owners [slotCount]int
	for _, n := range all {
		if len(n.open) > 0 {
			return fmt.Errorf("slots of node %s are being migrated (%s); wait until that is done, or run redis-cli --cluster fix", n.addr, strings.Join(n.open, " "))
		}
		for _, r := range n.slots {
			for s := r.from; s <= r.to; s++ {
				owners[s]++
			}
		}
	}
	missing, twice := 0, 0
	for _, n := range owners {
		switch {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	switch {
	case missing > 0:
		return fmt.Errorf("%d of %d slots are not served; repair the cluster first (redis-cli --cluster check)", missing, slotCount)
	case twice > 0:
		return fmt.Errorf("%d slots are claimed by two masters; wait until the nodes agree, or repair the cluster (redis-cli --cluster check)", twice)
	}
	return nil
}

// unchanged reports that slots and masters are the ones from before. A slot cannot move, nor a replica take over, without
// another owner or another epoch.
func (all topology) unchanged(ctx context.Context, t *redis.Target) error {
	const again = "try again when the cluster is stable"
	now, err := readTopology(ctx, t)
	if err != nil {
		return fmt.Errorf("the cluster changed while being read: %w; %s", err, again)
	}
	same := slices.EqualFunc(all.sorted(), now.sorted(), func(a, b node) bool {
		return a.id == b.id && a.epoch == b.epoch && slices.Equal(a.slots, b.slots)
	})
	if !same {
		return errors.New("slots or masters changed while the cluster was being read, so keys may be missing or duplicated; " + again)
	}
	return nil
}

func (all topology) sorted() topology {
	return slices.SortedFunc(slices.Values(all), func(a, b node) int { return strings.Compare(a.id, b.id) })
}

// ClusterIDs returns the run and replication IDs of every master of a cluster, where the nodes tell them.
func ClusterIDs(ctx context.Context, t *redis.Target) ([]string, error) {
	all, err := readTopology(ctx, t)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, n := range all {
		conn, src, err := connect(ctx, t.WithAddr(n.addr).WithDB(0), Options{FromMaster: true})
		if err != nil {
			return nil, err
		}
		conn.Close()
		for _, id := range []string{src.RunID, src.ReplID} {
			if id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}
