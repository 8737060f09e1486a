package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
)

// checkModules asks for every module of the dump whether the target has it. A server that loads a dump with data of a module
// that it lacks ends; RESTORE of such a key fails.
func (ch *checker) checkModules(ctx context.Context, add func(error)) {
	if len(ch.dump.Modules) > 0 || ch.Options.Method == plan.Replication {
		ch.EveryMaster(ctx, add, ch.checkModulesOf)
	}
}

// checkModulesOf asks one server.
func (ch *checker) checkModulesOf(ctx context.Context, add func(error)) {
	have, listErr := ch.ways.ModuleList(ctx)
	if server.UnlessRefused(listErr) != nil {
		add(listErr)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(ch.dump.Modules)) {
		add(ch.checkModule(ctx, name, have, listErr == nil))
	}
	if ch.Options.Method != plan.Replication {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(ch.dump.ModuleAux)) {
		if _, keys := ch.dump.Modules[name]; !keys && !plan.ModuleListed(have, name) {
			add(fmt.Errorf("the dump has data of module %q, which %s does not have (MODULE LIST), and a server without it exits when loading the dump; load the module there, or remove --method replication", name, ch.Server.Name))
		}
	}
}

func (ch *checker) checkModule(ctx context.Context, name string, have []string, listed bool) error {
	keys, what := ch.dump.Modules[name], fmt.Sprintf("module %q", name)
	if name == plan.VectorSet {
		what = "vector sets, which require Redis 8.0 or later and do not exist in Valkey"
	}
	belong := finding.Count(keys, "key", finding.Verb(keys, "belongs", "belong"))
	lacks := fmt.Errorf("%s to %s, which the target lacks; load the module there, or exclude them with --type", belong, what)
	if name == plan.VectorSet {
		lacks = fmt.Errorf("%s %s; import into Redis 8.0 or later, or exclude them with --type", finding.Count(keys, "key", finding.Verb(keys, "is one of the", "are")), what)
	}
	switch {
	case ch.Server.NoRestore && ch.Options.Method != plan.Replication:
		return fmt.Errorf("%s to %s and can only be written with RESTORE, which the target does not provide; exclude them with --type", belong, what)
	case ch.dump.ModuleSamples[name] != nil && ch.Server.AbsTTL && !ch.Server.NoRestore && !ch.ways.Fragile():
		known, err := ch.ways.ProbeModule(ctx, ch.dump.ModuleSamples[name])
		if err == nil && !known {
			err = lacks
		}
		return err
	case listed && !plan.ModuleListed(have, name):
		return lacks
	case ch.Options.Method == plan.Replication && !listed:
		return fmt.Errorf("cannot check whether the target has the module of %s (%s), and a server without it exits when loading the dump; grant +module|list, or remove --method replication", finding.Count(keys, "key"), what)
	case ch.ways.Fragile() && !listed:
		return fmt.Errorf("cannot check whether the target has the module of %s (%s), and without it %s exits on RESTORE; grant +module, or exclude them with --type", finding.Count(keys, "key"), what, ch.Server.Name)
	}
	return nil
}
