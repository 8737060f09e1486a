package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Identify learns which processes the target is made of.
func (l *Link) Identify(ctx context.Context) error {
	s := &l.Server
	s.mu.Lock()
	s.fixed, s.ids = false, nil
	s.mu.Unlock()
	nodes, err := l.Nodes(ctx)
	if err != nil {
		return err
	}
	asked := map[string]Facts{}
	for _, node := range nodes {
		err := l.On(ctx, node, func(conn *redis.Conn) (_ bool, err error) {
			f, err := readFacts(ctx, conn)
			if err == nil && !f.known && l.Anonymous {
				f.keys, err = l.countEach(ctx, conn)
			}
			asked[node] = f
			return false, err
		})
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fixed = true
	s.RunID = s.ids[""].Run
	anonymous := slices.ContainsFunc(slices.Collect(maps.Values(s.ids)), func(id Identity) bool { return id.Run == "" })
	if s.Cluster && !anonymous {
		sum := sha256.New()
		for _, node := range slices.Sorted(maps.Keys(s.ids)) {
			fmt.Fprintln(sum, node, s.ids[node].Run)
		}
		s.RunID = hex.EncodeToString(sum.Sum(nil)[:20])
	}
	if l.Facts.Before == nil {
		l.Facts.Before = map[string]Facts{}
	}
	l.Facts.Now = map[string]Facts{}
	for node, f := range asked {
		run := s.ids[node].Run
		l.Facts.Now[run] = f
		if _, ok := l.Facts.Before[run]; !ok {
			l.Facts.Before[run] = f
		}
	}
	return nil
}

// SameServer makes sure that what has confirmed all keys is still what answers: a master that was cut off from its Sentinels
// goes on answering, until it is made a replica and forgets.
func (l *Link) SameServer(ctx context.Context) error {
	before, ids := l.Server.RunID, l.Server.ids
	if err := l.Identify(ctx); err != nil {
		return err
	}
	going := Descends(ids, l.Server.ids)
	if !going {
		l.Foreign.Store(true)
	}
	if l.Server.RunID != before || !going && l.Server.RunID != "" {
		return &RestartedError{}
	}
	return nil
}
