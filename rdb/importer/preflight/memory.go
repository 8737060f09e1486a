package preflight

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// checkRoom compares the estimate of memory with what the target may use. A node of a cluster gets as much as it has slots.
func (ch *checker) checkRoom(ctx context.Context, add func(error)) {
	estimate := ch.dump.Memory()
	ch.Ledger.Report.Estimate = estimate
	if ch.Options.IgnoreRoom || ch.keeper.Resumed() {
		return
	}
	if !ch.Server.Cluster {
		add(ch.room("the target", ch.Server.Info, estimate))
		return
	}
	m, err := ch.Slots(ctx)
	if err != nil {
		return // checkDatabases says why
	}
	share := make([]int64, len(m.Routes))
	for _, i := range m.Of {
		share[i]++
	}
	for i, node := range m.Routes {
		c, err := ch.TryConnect(ctx, node)
		if err != nil {
			continue
		}
		info, err := c.Info(ctx, "memory")
		c.Close()
		if ch.Options.Anonymous && redis.Code(err) != "" {
			info, err = nil, nil
		}
		if err != nil {
			add(server.Advise(err))
			continue
		}
		add(ch.room("node "+node, info, estimate*share[i]/server.SlotCount))
	}
}

// room reports that one server has not enough memory for what it gets.
func (ch *checker) room(who string, info map[string]string, estimate int64) error {
	if info["used_memory"] == "" {
		ch.Ledger.Note("%s does not report its memory (INFO), so it was not compared with what the keys need", who)
	}
	number := func(name string) int64 { n, _ := strconv.ParseInt(info[name], 10, 64); return n }
	limit, used := number("maxmemory"), number("used_memory")
	free := limit - used
	if ch.Options.Existing == plan.Flush || ch.Options.Existing == plan.Replace {
		free = limit - number("used_memory_startup")
	}
	if limit == 0 || estimate <= free {
		return nil
	}
	what := "writes would fail"
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		what = fmt.Sprintf("keys would be evicted (maxmemory-policy %s)", policy)
	}
	return fmt.Errorf("the keys need about %s, but %s has %s left of its maxmemory of %s, so %s; raise maxmemory, exclude keys, or use --ignore-memory if the estimate is wrong",
		rdb.FormatBytes(uint64(estimate)), who, rdb.FormatBytes(uint64(max(free, 0))), rdb.FormatBytes(uint64(limit)), what)
}
