package importer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// An identity distinguishes a server process and its data from another (INFO, run_id, master_replid, master_replid2).
type identity struct {
	Run string `json:"run"`
	// Repl names the history of the data, Before the one that it goes on from: a replica that became a master, or a server
	// that was restarted with the data of another.
	Repl   string `json:"repl,omitempty"`
	Before string `json:"before,omitempty"`
}

func identityOf(info map[string]string) identity {
	id := identity{Run: info["run_id"], Repl: info["master_replid"]}
	if before := info["master_replid2"]; strings.Trim(before, "0") != "" {
		id.Before = before
	}
	if id.Run == "" && id.Repl != "" { // Dragonfly: of the process, too
		id.Run = id.Repl
	}
	return id
}

// goesOn reports that a server's data is what another one had, and what was written to it since. A process that was made a replica
// for a while has lost its own data without another run ID.
func (id identity) goesOn(from identity) bool {
	if from.Repl == "" {
		return id.Run != "" && id.Run == from.Run
	}
	return id.Repl == from.Repl || id.Before == from.Repl
}

// descends reports that every node has data that one of the old nodes had confirmed. Without that, a key that is there may be
// another's.
func descends(old, now map[string]identity) bool {
	if len(old) == 0 {
		return false
	}
	for _, n := range now {
		if !slices.ContainsFunc(slices.Collect(maps.Values(old)), n.goesOn) {
			return false
		}
	}
	return true
}

// same compares the server at the other end with the one that was there before.
func (s *server) same(node string, id identity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster && node == "" {
		return nil // any node
	}
	old, ok := s.ids[node]
	switch {
	case !s.known:
		if s.ids == nil {
			s.ids = map[string]identity{}
		}
		s.ids[node] = id
	case !ok || old.Run != id.Run || old.Repl != "" && !id.goesOn(old):
		return &restartedError{}
	}
	return nil
}

// identify learns which processes the target is made of.
func (im *importer) identify(ctx context.Context) error {
	s := &im.server
	s.mu.Lock()
	s.known, s.ids = false, nil
	s.mu.Unlock()
	nodes, err := im.nodes(ctx)
	if err != nil {
		return err
	}
	asked := map[string]facts{}
	for _, node := range nodes {
		err := im.on(ctx, node, func(conn *redis.Conn) (_ bool, err error) {
			f, err := readFacts(ctx, conn)
			if err == nil && !f.known && im.opts.Anonymous {
				f.keys, err = im.countEach(ctx, conn)
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
	s.known = true
	s.runID = s.ids[""].Run
	anonymous := slices.ContainsFunc(slices.Collect(maps.Values(s.ids)), func(id identity) bool { return id.Run == "" })
	if s.cluster && !anonymous {
		sum := sha256.New()
		for _, node := range slices.Sorted(maps.Keys(s.ids)) {
			fmt.Fprintln(sum, node, s.ids[node].Run)
		}
		s.runID = hex.EncodeToString(sum.Sum(nil)[:20])
	}
	if im.facts.before == nil {
		im.facts.before = map[string]facts{}
	}
	im.facts.now = map[string]facts{}
	for node, f := range asked {
		run := s.ids[node].Run
		im.facts.now[run] = f
		if _, ok := im.facts.before[run]; !ok {
			im.facts.before[run] = f
		}
	}
	return nil
}

// sameServer makes sure that what has confirmed all keys is still what answers: a master that was cut off from its Sentinels
// goes on answering, until it is made a replica and forgets.
func (im *importer) sameServer(ctx context.Context) error {
	before, ids := im.server.runID, im.server.ids
	if err := im.identify(ctx); err != nil {
		return err
	}
	going := descends(ids, im.server.ids)
	if !going {
		im.foreign.Store(true)
	}
	if im.server.runID != before || !going && im.server.runID != "" {
		return &restartedError{}
	}
	return nil
}

// facts are what a node says about its data at one time, from INFO.
type facts struct {
	known            bool // it has answered
	evicted, expired int64
	used, limit      int64
	policy           string
	keys             map[int]int64 // by database
	removals         map[string]int64
}

// readFacts asks a node. What it does not tell is 0.
func readFacts(ctx context.Context, conn *redis.Conn) (facts, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	replies, err := conn.Pipeline(ctx, []string{"INFO", "stats"}, []string{"INFO", "memory"}, []string{"INFO", "keyspace"}, []string{"INFO", "commandstats"})
	if err != nil {
		return facts{}, err
	}
	info, known := map[string]string{}, true
	for _, reply := range replies {
		text, ok := reply.(string)
		known = known && ok
		for name, value := range redis.ParseInfo(text) {
			info[name] = value
		}
	}
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	f := facts{
		known: known, evicted: number("evicted_keys"), expired: number("expired_keys"), used: number("used_memory"), limit: number("maxmemory"),
		policy: info["maxmemory_policy"], keys: map[int]int64{}, removals: map[string]int64{},
	}
	for name, value := range info {
		db, ok := strings.CutPrefix(name, "db")
		n, err := strconv.Atoi(db)
		if !ok || err != nil {
			continue
		}
		text, _, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
		f.keys[n], _ = strconv.ParseInt(text, 10, 64)
	}
	for _, name := range account.Removing {
		text, _, _ := strings.Cut(strings.TrimPrefix(info["cmdstat_"+name], "calls="), ",")
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			f.removals[name] = n
		}
	}
	return f, nil
}
