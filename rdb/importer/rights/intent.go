package rights

import (
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// kinds of values that plain commands make.
var kinds = []string{"string", "list", "set", "zset", "hash", "stream"}

// intent finds out what will be sent. Of a source that is read once, everything may come that is not excluded.
func (ri *Rights) intent() *intent {
	s, once := ri.Dump, ri.Source.Once
	p := &intent{
		replace: ri.Options.Existing == plan.Replace, follow: ri.Options.Method == plan.Replication, verify: ri.Options.Verify != plan.VerifyOff && s.Tail == nil,
		fieldTTL: ri.Server.Version >= 12, expireTime: ri.Server.Version >= capability.ExpireAtSince, search: ri.Resumed,
		whole: map[string]bool{}, pieces: map[string]bool{}, compare: map[string]bool{},
	}
	if p.verify && (once || s.Large[rdb.TypeModule2.Kind()] > 0) { // only the type of the largest is compared
		p.compare["type"] = true
	}
	plainly := ri.Options.Method == plan.Commands || ri.Server.NoRestore || !ri.Server.AbsTTL
	for _, kind := range kinds {
		large := s.Large[kind] > 0 || once && ri.Options.Wants(kind)
		some := large || slices.ContainsFunc(slices.Collect(maps.Keys(s.Types)), func(t rdb.Type) bool { return t.Kind() == kind })
		if p.verify && (large && !once || some && ri.Server.NoDump) {
			p.compare[kind] = true
		}
		if p.follow || !some && !large || kind == "stream" && ri.Server.Version < 9 {
			continue
		}
		p.expiring = p.expiring || once || s.Expiring
		p.whole[kind] = plainly
		p.pieces[kind] = large && (plainly || kind != "stream" || s.Huge)
		p.lookUp = p.lookUp || large && !p.replace
		p.temporary = p.temporary || p.pieces[kind] || plainly && (kind != "string" || p.expiring && ri.Server.Version < capability.ExpireAtSince)
		p.transactions = p.transactions || p.pieces[kind] && p.replace || plainly && (kind != "string" || p.expiring && ri.Server.Version < capability.ExpireAtSince)
	}
	if !p.follow {
		// At the end the keys are looked up where counting them proves nothing.
		merged := len(ri.Server.DBs) > 0 && (p.replace || ri.Options.Existing == plan.Skip)
		p.lookUp = p.lookUp || !once && ri.Options.Verify != plan.VerifyFull && (merged || ri.Resumed || ri.Options.Anonymous)
		p.flush = ri.Options.Existing == plan.Flush && !ri.Resumed && (once || len(ri.Dump.Databases(ri.Link)) > 0)
		p.functions = len(s.Libraries) > 0 && ri.Server.Version >= 10
	}
	return p
}
