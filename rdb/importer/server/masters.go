package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// EveryMaster asks a question at each master that keys go to: renamed commands, permissions, versions, modules and function
// libraries are each node's own. Meanwhile the control connection leads there. A problem names the nodes that have it, unless
// all do.
func (l *Link) EveryMaster(ctx context.Context, add func(error), ask func(ctx context.Context, add func(error))) {
	if !l.Server.Cluster {
		ask(ctx, add)
		return
	}
	m, err := l.Slots(ctx)
	if err != nil {
		add(err)
		return
	}
	defer l.Leave()
	var found NodeProblems
	for i, node := range m.Routes {
		l.Leave()
		l.Place = Place{node, m.tagOf(i)}
		at := func(err error) { found.Add(node, err) }
		conn, err := l.TryConnect(ctx, node)
		if err != nil {
			at(Advise(err))
			continue
		}
		l.Control = conn
		ask(ctx, at)
	}
	for _, err := range found.Errors(len(m.Routes)) {
		add(err)
	}
}

// Leave has the control connection lead to any node again.
func (l *Link) Leave() {
	if l.Control != nil {
		l.Control.Close()
	}
	l.Control, l.Place = nil, Place{}
}

// tagOf gives a part in braces of a slot of a route.
func (m *SlotMap) tagOf(route int) string {
	for n := 0; ; n++ {
		if tag := fmt.Sprintf("{%d}", n); int(m.Of[Slot([]byte(tag))]) == route {
			return tag
		}
	}
}

// NodeProblems gathers what is wrong with the nodes of a target.
type NodeProblems struct {
	texts []string
	nodes [][]string // that have each
}

// Add takes account of a problem of a node.
func (p *NodeProblems) Add(node string, err error) {
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

// Errors returns each problem once. One that all of the nodes have is the target's.
func (p *NodeProblems) Errors(all int) []error {
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

// ProbeKey is the name of a key that does not exist: one that the user may write, and in the slot of the node, is like a key
// of the dump.
func (l *Link) ProbeKey(like []byte) string {
	name := string(like) + ":redis-gitops:probe"
	if !l.Server.Cluster {
		return name
	}
	tag := l.ProbeTag(like)
	if Slot([]byte(name+tag)) == Slot([]byte(tag)) { // the key has no part in braces of its own
		return name + tag
	}
	return "redis-gitops:probe" + tag
}

// ProbeTag gives the part in braces of the names that are asked for: in a slot of the place, or of the key.
func (l *Link) ProbeTag(like []byte) string {
	if l.Place.tag != "" {
		return l.Place.tag
	}
	return slotTag(map[uint16]string{}, Slot(like))
}

// Ask sends a command over the control connection, which is made anew where it broke.
func (l *Link) Ask(ctx context.Context, args ...string) (any, error) {
	var last error
	for range 3 {
		if l.Control == nil {
			conn, err := l.Connect(ctx, l.Place.Node)
			if err != nil {
				return nil, err
			}
			l.Control = conn
		}
		var reply any
		err := l.Accepted(ctx, func() (err error) {
			limited, cancel := context.WithTimeout(ctx, ReplyTimeout)
			defer cancel()
			reply, err = l.Control.Do(limited, args...)
			return err
		})
		var refused redis.Error
		if err == nil || errors.As(err, &refused) {
			words := strings.Fields(string(refused))
			if !l.Server.Cluster || refused.Code() != "MOVED" || len(words) != 3 {
				return reply, err
			}
			l.Control.Close() // any node will do, so why not the one that has the slot
			if l.Control, err = l.Connect(ctx, words[2]); err != nil {
				l.Control = nil
				return nil, err
			}
			last = refused
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		last = err
		l.Control.Close()
		l.Control = nil
	}
	return nil, last
}

// List is ask where the reply is an array.
func (l *Link) List(ctx context.Context, args ...string) ([]any, error) {
	reply, err := l.Ask(ctx, args...)
	items, _ := reply.([]any)
	return items, err
}
