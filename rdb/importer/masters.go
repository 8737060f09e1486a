package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A place is where the control connection leads: a master of a cluster, and a part in braces of a slot that it has. The zero
// value is the target, or any node of it.
type place struct{ node, tag string }

// everyMaster asks a question at each master that keys go to: renamed commands, permissions, versions, modules and function
// libraries are each node's own. Meanwhile the control connection leads there. A problem names the nodes that have it, unless
// all do.
func (im *importer) everyMaster(ctx context.Context, add func(error), ask func(ctx context.Context, add func(error))) {
	if !im.server.cluster {
		ask(ctx, add)
		return
	}
	m, err := im.slots(ctx)
	if err != nil {
		add(err)
		return
	}
	defer im.leave()
	var found nodeProblems
	for i, node := range m.routes {
		im.leave()
		im.place = place{node, m.tagOf(i)}
		at := func(err error) { found.add(node, err) }
		conn, err := im.tryConnect(ctx, node)
		if err != nil {
			at(advise(err))
			continue
		}
		im.control = conn
		ask(ctx, at)
	}
	for _, err := range found.errors(len(m.routes)) {
		add(err)
	}
}

// leave has the control connection lead to any node again.
func (im *importer) leave() {
	if im.control != nil {
		im.control.Close()
	}
	im.control, im.place = nil, place{}
}

// tagOf gives a part in braces of a slot of a route.
func (m *slotMap) tagOf(route int) string {
	for n := 0; ; n++ {
		if tag := fmt.Sprintf("{%d}", n); int(m.of[slot([]byte(tag))]) == route {
			return tag
		}
	}
}

// nodeProblems gathers what is wrong with the nodes of a target.
type nodeProblems struct {
	texts []string
	nodes [][]string // that have each
}

func (p *nodeProblems) add(node string, err error) {
	for _, one := range finding.All(err) {
		text := one.Error()
		i := slices.Index(p.texts, text)
		if i < 0 {
			i = len(p.texts)
			p.texts, p.nodes = append(p.texts, text), append(p.nodes, nil)
		}
		if !slices.Contains(p.nodes[i], node) {
			p.nodes[i] = append(p.nodes[i], node)
		}
	}
}

// errors returns each problem once. One that all of the nodes have is the target's.
func (p *nodeProblems) errors(all int) []error {
	var errs []error
	for i, text := range p.texts {
		switch n := len(p.nodes[i]); {
		case n == all:
		case n == 1:
			text = fmt.Sprintf("node %s: %s", p.nodes[i][0], text)
		default:
			text = fmt.Sprintf("nodes %s: %s", strings.Join(p.nodes[i], ", "), text)
		}
		errs = append(errs, errors.New(text))
	}
	return errs
}

// probeKey is the name of a key that does not exist: one that the user may write, and in the slot of the node, is like a key
// of the dump.
func (im *importer) probeKey(like []byte) string {
	name := string(like) + ":redis-gitops:probe"
	if !im.server.cluster {
		return name
	}
	tag := im.probeTag(like)
	if slot([]byte(name+tag)) == slot([]byte(tag)) { // the key has no part in braces of its own
		return name + tag
	}
	return "redis-gitops:probe" + tag
}

// probeTag gives the part in braces of the names that are asked for: in a slot of the place, or of the key.
func (im *importer) probeTag(like []byte) string {
	if im.place.tag != "" {
		return im.place.tag
	}
	return slotTag(map[uint16]string{}, slot(like))
}

// ask sends a command over the control connection, which is made anew where it broke.
func (im *importer) ask(ctx context.Context, args ...string) (any, error) {
	var last error
	for range 3 {
		if im.control == nil {
			conn, err := im.connect(ctx, im.place.node)
			if err != nil {
				return nil, err
			}
			im.control = conn
		}
		limited, cancel := context.WithTimeout(ctx, replyTimeout)
		reply, err := im.control.Do(limited, args...)
		cancel()
		var refused redis.Error
		if err == nil || errors.As(err, &refused) {
			words := strings.Fields(string(refused))
			if !im.server.cluster || refused.Code() != "MOVED" || len(words) != 3 {
				return reply, err
			}
			im.control.Close() // any node will do, so why not the one that has the slot
			if im.control, err = im.connect(ctx, words[2]); err != nil {
				im.control = nil
				return nil, err
			}
			last = refused
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		last = err
		im.control.Close()
		im.control = nil
	}
	return nil, last
}

// list is ask where the reply is an array.
func (im *importer) list(ctx context.Context, args ...string) ([]any, error) {
	reply, err := im.ask(ctx, args...)
	items, _ := reply.([]any)
	return items, err
}
