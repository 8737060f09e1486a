package importer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

const slotCount = 16384

// A slotMap says which route has which slot of a cluster.
type slotMap struct {
	routes []string // addresses of the masters
	of     [slotCount]uint8
	tags   map[uint16]string
}

// slot is that of a key: CRC16 (XMODEM) of it, or of the first part in braces that is not empty.
func slot(key []byte) uint16 {
	s := string(key)
	if _, after, ok := strings.Cut(s, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			s = tag
		}
	}
	var crc uint16
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slotCount
}

func (m *slotMap) route(key []byte) int { return int(m.of[slot(key)]) }

// tag gives a part in braces that puts a name into the slot of the key, whatever braces the key itself has.
func (m *slotMap) tag(key []byte) string { return slotTag(m.tags, slot(key)) }

func slotTag(tags map[uint16]string, want uint16) string {
	if tag, ok := tags[want]; ok {
		return tag
	}
	for n := 0; ; n++ { // 16384 tries on average
		tag := "{" + strconv.Itoa(n) + "}"
		if slot([]byte(tag)) == want {
			tags[want] = tag
			return tag
		}
	}
}

// readSlots asks a node which master has which slot.
func readSlots(ctx context.Context, conn *redis.Conn) (*slotMap, error) {
	list, err := conn.List(ctx, "CLUSTER", "SLOTS")
	if err != nil {
		return nil, err
	}
	m := &slotMap{tags: map[uint16]string{}}
	covered := 0
	for _, item := range list {
		r, _ := item.([]any)
		if len(r) < 3 {
			return nil, errors.New("unexpected reply to CLUSTER SLOTS; check that it is a Redis or Valkey cluster")
		}
		from, ok1 := r[0].(int64)
		to, ok2 := r[1].(int64)
		node, ok3 := r[2].([]any)
		if !ok1 || !ok2 || !ok3 || len(node) < 2 || from < 0 || to >= slotCount || from > to {
			return nil, errors.New("unexpected reply to CLUSTER SLOTS; check that it is a Redis or Valkey cluster")
		}
		host, _ := node[0].(string)
		port, _ := node[1].(int64)
		if host == "" || host == "?" { // not known to the node itself: the address that was dialled
			host, _, _ = net.SplitHostPort(conn.Addr())
		}
		addr := net.JoinHostPort(host, strconv.FormatInt(port, 10))
		i := slices.Index(m.routes, addr)
		if i < 0 {
			i = len(m.routes)
			m.routes = append(m.routes, addr)
		}
		if i > 255 {
			return nil, errors.New("more than 256 masters are not supported")
		}
		for s := from; s <= to; s++ {
			m.of[s] = uint8(i)
		}
		covered += int(to-from) + 1
	}
	if covered < slotCount {
		return nil, redis.Error(fmt.Sprintf("CLUSTERDOWN %d of %d slots are not served", slotCount-covered, slotCount))
	}
	return m, nil
}

// connectRoutes makes the routes of a pass.
func (p *pass) connectRoutes(ctx context.Context) error {
	if !p.im.server.cluster {
		p.routes = []*route{newRoute("")}
		p.builders = make([]*batch, 1)
		return nil
	}
	slots, err := p.im.slots(ctx)
	if err != nil {
		return err
	}
	p.slots = slots
	for _, addr := range slots.routes {
		p.routes = append(p.routes, newRoute(addr))
	}
	p.builders = make([]*batch, len(p.routes))
	return nil
}

// slots asks the cluster, until all slots are served or patience is over.
func (im *importer) slots(ctx context.Context) (*slotMap, error) {
	began := time.Now()
	for {
		conn, err := im.connect(ctx, "")
		if err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeout(ctx, replyTimeout)
		m, err := readSlots(limited, conn)
		cancel()
		conn.Close()
		if err == nil {
			return m, nil
		}
		if time.Since(began) > im.opts.Patience || redis.Code(err) != "CLUSTERDOWN" && redis.Code(err) != "LOADING" {
			return nil, &fatalError{advise(err)}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// refreshSlots is for the goroutine that reads the dump. Where another node has taken slots over, the pass begins anew with
// what is known then.
func (p *pass) refreshSlots(ctx context.Context) error {
	m, err := p.im.slots(ctx)
	if err != nil {
		return err
	}
	index := make([]uint8, len(m.routes)) // of ours
	for i, addr := range m.routes {
		known := slices.Index(p.slots.routes, addr)
		if known < 0 {
			return &restartedError{}
		}
		index[i] = uint8(known)
	}
	for s, i := range m.of {
		p.slots.of[s] = index[i]
	}
	return nil
}

// A redirect is a key that its node does not take, because it has not its slot.
type redirect struct {
	key   *keyRef
	reply redis.Error // MOVED slot host:port, or ASK slot host:port
}

// redirect sends keys to the nodes that their replies name. A node that the pass has no connections to means that the
// cluster is another one than before: the pass begins anew.
func (p *pass) redirect(ctx context.Context, from *batch, keys []redirect) error {
	select { // while slots move, nodes may disagree
	case <-time.After(firstBackoff):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.stale.Store(true)
	for _, r := range keys {
		words := strings.Fields(string(r.reply))
		to := -1
		if len(words) == 3 {
			to = slices.IndexFunc(p.routes, func(r *route) bool { return r.addr == words[2] })
		}
		if to < 0 {
			return &restartedError{}
		}
		k := *r.key
		b := &batch{epoch: from.epoch, route: p.routes[to], resent: from.resent}
		if classifyReply(r.reply) == ask {
			if k.how == byTransaction { // only a single command can be let in early
				b.route = from.route
			} else {
				b.buf = redis.AppendCommand(nil, []byte("ASKING"))
				k.replies = 2
			}
		}
		shift := len(b.buf) - k.start
		if k.replies == 2 && r.key.replies == 2 { // has its ASKING already
			b.buf, shift = nil, -k.start
		}
		b.buf = append(b.buf, from.buf[k.start:k.end]...)
		k.start, k.end = 0, len(b.buf)
		k.nameAt += shift
		k.payloadAt += shift
		k.payloadEnd += shift
		b.keys = []keyRef{k}
		r.key.done = true
		p.hand(b)
	}
	return nil
}

// nodes returns the addresses of the masters of a cluster, or "" for the one server that is no cluster.
func (im *importer) nodes(ctx context.Context) ([]string, error) {
	if !im.server.cluster {
		return []string{""}, nil
	}
	m, err := im.slots(ctx)
	if err != nil {
		return nil, err
	}
	return m.routes, nil
}
