package send

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// connectRoutes makes the routes of a pass.
func (p *pass) connectRoutes(ctx context.Context) error {
	if !p.Server.Cluster {
		p.routes = []*route{newRoute("")}
		p.builders = make([]*batch, 1)
		return nil
	}
	slots, err := p.Slots(ctx)
	if err != nil {
		return err
	}
	p.slots = slots
	for _, addr := range slots.Routes {
		p.routes = append(p.routes, newRoute(addr))
	}
	p.builders = make([]*batch, len(p.routes))
	return nil
}

// refreshSlots is for the goroutine that reads the dump. Where another node has taken slots over, the pass begins anew with
// what is known then.
func (p *pass) refreshSlots(ctx context.Context) error {
	m, err := p.Slots(ctx)
	if err != nil {
		return err
	}
	index := make([]uint8, len(m.Routes)) // of ours
	for i, addr := range m.Routes {
		known := slices.Index(p.slots.Routes, addr)
		if known < 0 {
			return &server.RestartedError{}
		}
		index[i] = uint8(known)
	}
	for s, i := range m.Of {
		p.slots.Of[s] = index[i]
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
	case <-time.After(server.FirstBackoff):
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
			return &server.RestartedError{}
		}
		k := *r.key
		b := &batch{epoch: from.epoch, route: p.routes[to], resent: from.resent}
		if server.ClassifyReply(r.reply) == server.Ask {
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
