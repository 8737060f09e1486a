package importer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// checkLive decides up front what a snapshot that is read once would otherwise show key by key.
func (im *importer) checkLive(ctx context.Context, add func(error)) {
	live := im.Source.Live
	if !im.Source.Once || live == nil {
		return
	}
	if live.FieldTTL && im.Server.Version < 12 && wants(im.Options.Filter.Types, "hash") {
		add(fmt.Errorf("the source has hashes with field expiry, which %s does not support; import into Redis 7.4 or Valkey 9.0, or exclude hashes with --type", im.Server.Name))
	}
	if live.FindTypes == nil {
		return
	}
	var types []string
	if wants(im.Options.Filter.Types, "module") {
		types = im.foreignTypes(ctx)
	}
	if im.Server.Version < 9 && wants(im.Options.Filter.Types, "stream") {
		types = append(types, "stream")
	}
	found, err := live.FindTypes(ctx, types)
	if err != nil {
		add(fmt.Errorf("the source: %w", err))
	}
	for _, t := range found {
		what, since := fmt.Sprintf("keys of type %q", t), "the target lacks the module; load it there"
		switch t {
		case plan.VectorSet:
			what, since = "vector sets", fmt.Sprintf("%s does not support them; import into Redis 8.0 or later", im.Server.Name)
		case "stream":
			what, since = "streams", fmt.Sprintf("%s does not support them; import into Redis 5.0 or later", im.Server.Name)
		}
		add(fmt.Errorf("the source has %s: %s, or exclude them with --type", what, since))
	}
}

// foreignTypes are the types that modules of a live source make and the target lacks.
func (im *importer) foreignTypes(ctx context.Context) []string {
	lacking := map[string]bool{}
	im.EveryMaster(ctx, func(error) {}, func(ctx context.Context, _ func(error)) {
		have, _ := im.ways.ModuleList(ctx)
		for t := range plan.ModuleNames {
			lacking[t] = lacking[t] || plan.ModuleListed(im.Source.Live.Modules, t) && !plan.ModuleListed(have, t)
		}
	})
	return slices.DeleteFunc(slices.Sorted(maps.Keys(lacking)), func(t string) bool { return !lacking[t] })
}

func wants(types []string, kind string) bool { return len(types) == 0 || slices.Contains(types, kind) }

// checkTypes finds the types of the dump that the target cannot have, and tries a value of each on the target.
func (im *importer) checkTypes(ctx context.Context, add func(error)) {
	for _, t := range slices.Sorted(maps.Keys(im.survey.Types)) {
		sample, keys := im.survey.Samples[t], im.survey.Types[t]
		switch {
		case t == rdb.TypeModule2:
		case im.Options.Method == plan.Replication:
			add(im.loadable(ctx, t, sample, keys))
		case rdb.Loadable(t, im.Server.Version) != nil:
			add(fmt.Errorf("%s of type %s: %w; import into a newer server, or exclude them with --type", finding.Count(keys, "key", finding.Verb(keys, "is", "are")), t, rdb.Loadable(t, im.Server.Version)))
		case sample != nil: // else all of its values are large
			add(im.tryType(ctx, sample, keys))
		}
	}
}

// tryType tries a value of a type on the target in the way that it will be written. Whether the target has the plain commands is
// for checkRights.
func (im *importer) tryType(ctx context.Context, sample *rdb.Entry, keys uint64) error {
	how, err := im.ways.Of(ctx, sample)
	if err != nil || how == capability.AsIs {
		return err
	}
	if how == capability.Reencoded {
		value, _, err := rdb.Reencode(sample, rdb.ReencodeOptions{Version: im.Server.Version, Shift: im.Shift})
		if err != nil || value == nil {
			return nil // the value is damaged; it is reported when it is written
		}
		if refused, err := im.ways.ProbeMasters(ctx, value); err != nil || !refused || rdb.Check(sample) != nil {
			return err
		}
		return fmt.Errorf("%s rejects %s of type %s, also as %s; exclude them with --type, or use --method commands", im.Server.Name, finding.Count(keys, "key"), sample.Type, value.Type)
	}
	return rdb.Commands(sample, rdb.CommandOptions{RDBVersion: im.Server.Version}, func([][]byte) error { return nil })
}

// loadable explains why a target that loads the dump itself would end its process at a type.
func (im *importer) loadable(ctx context.Context, t rdb.Type, sample *rdb.Entry, keys uint64) error {
	if capability.Knows(im.Server.Version, t) {
		if !im.Server.AbsTTL || im.Server.NoRestore || sample == nil {
			return nil
		}
		refused, err := im.ways.Probe(ctx, sample)
		if refused && err == nil {
			err = fmt.Errorf("%s rejects key %q as damaged, and a server that loads a damaged dump exits; remove --method replication to import the other keys", im.Server.Name, sample.Key)
		}
		return err
	}
	return fmt.Errorf("%s does not support the encoding %q of %s, and a server that loads such a dump exits; remove --method replication", im.Server.Name, t, finding.Count(keys, "key"))
}

// checkModules asks for every module of the dump whether the target has it. A server that loads a dump with data of a module
// that it lacks ends; RESTORE of such a key fails.
func (im *importer) checkModules(ctx context.Context, add func(error)) {
	if len(im.survey.Modules) > 0 || im.Options.Method == plan.Replication {
		im.EveryMaster(ctx, add, im.checkModulesOf)
	}
}

// checkModulesOf asks one server.
func (im *importer) checkModulesOf(ctx context.Context, add func(error)) {
	have, listErr := im.ways.ModuleList(ctx)
	if server.UnlessRefused(listErr) != nil {
		add(listErr)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(im.survey.Modules)) {
		add(im.checkModule(ctx, name, have, listErr == nil))
	}
	if im.Options.Method != plan.Replication {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(im.survey.ModuleAux)) {
		if _, keys := im.survey.Modules[name]; !keys && !plan.ModuleListed(have, name) {
			add(fmt.Errorf("the dump has data of module %q, which %s does not have (MODULE LIST), and a server without it exits when loading the dump; load the module there, or remove --method replication", name, im.Server.Name))
		}
	}
}

func (im *importer) checkModule(ctx context.Context, name string, have []string, listed bool) error {
	keys, what := im.survey.Modules[name], fmt.Sprintf("module %q", name)
	if name == plan.VectorSet {
		what = "vector sets, which require Redis 8.0 or later and do not exist in Valkey"
	}
	belong := finding.Count(keys, "key", finding.Verb(keys, "belongs", "belong"))
	lacks := fmt.Errorf("%s to %s, which the target lacks; load the module there, or exclude them with --type", belong, what)
	if name == plan.VectorSet {
		lacks = fmt.Errorf("%s %s; import into Redis 8.0 or later, or exclude them with --type", finding.Count(keys, "key", finding.Verb(keys, "is one of the", "are")), what)
	}
	switch {
	case im.Server.NoRestore && im.Options.Method != plan.Replication:
		return fmt.Errorf("%s to %s and can only be written with RESTORE, which the target does not provide; exclude them with --type", belong, what)
	case im.survey.ModuleSamples[name] != nil && im.Server.AbsTTL && !im.Server.NoRestore && !im.ways.Fragile():
		known, err := im.ways.ProbeModule(ctx, im.survey.ModuleSamples[name])
		if err == nil && !known {
			err = lacks
		}
		return err
	case listed && !plan.ModuleListed(have, name):
		return lacks
	case im.Options.Method == plan.Replication && !listed:
		return fmt.Errorf("cannot check whether the target has the module of %s (%s), and a server without it exits when loading the dump; grant +module|list, or remove --method replication", finding.Count(keys, "key"), what)
	case im.ways.Fragile() && !listed:
		return fmt.Errorf("cannot check whether the target has the module of %s (%s), and without it %s exits on RESTORE; grant +module, or exclude them with --type", finding.Count(keys, "key"), what, im.Server.Name)
	}
	return nil
}

// checkFunctions looks for libraries that the target cannot take, or cannot take beside its own.
func (im *importer) checkFunctions(ctx context.Context, add func(error)) {
	if im.Source.Once && im.survey.Version < 10 || !wants(im.Options.Filter.Types, server.FunctionRow) {
		return
	}
	count := len(im.survey.Libraries)
	if !im.Source.Once && count == 0 {
		return
	}
	if im.Server.Version < 10 {
		if count > 0 {
			add(fmt.Errorf("the source has function libraries, which %s does not support; exclude them with --type", im.Server.Name))
		}
		return
	}
	im.EveryMaster(ctx, add, im.checkFunctionsOf)
}

// checkFunctionsOf asks one server.
func (im *importer) checkFunctionsOf(ctx context.Context, add func(error)) {
	for _, l := range im.survey.Libraries {
		if l.Engine != "" && !strings.EqualFold(l.Engine, "lua") {
			if err := im.checkEngine(ctx, l); err != nil {
				add(err)
			}
		}
	}
	count := len(im.survey.Libraries)
	if im.Options.Method == plan.Replication || im.Options.Existing == plan.Skip || im.keeper.Resumed() || count == 0 {
		return // what is there is replaced, or kept
	}
	list, err := im.List(ctx, "FUNCTION", "LIST")
	have := server.LibrariesOf(list)
	switch {
	case redis.Code(err) == "NOPERM":
		add(fmt.Errorf("%w: the dump has %s; grant +function, or exclude them with --type", err, finding.Count(count, "function library")))
	case err != nil:
		add(server.Advise(err))
	default:
		for _, e := range server.Conflicts(im.survey.Libraries, have, im.Options.Existing == plan.Replace) {
			add(e)
		}
	}
}

// checkEngine reports that the target cannot run a library.
func (im *importer) checkEngine(ctx context.Context, l server.Library) error {
	reply, err := im.Ask(ctx, "FUNCTION", "STATS")
	if err != nil && redis.Code(err) == "" {
		return err
	}
	if strings.Contains(strings.ToLower(fmt.Sprint(reply)), strings.ToLower(l.Engine)) {
		return nil
	}
	return fmt.Errorf("the function library %q requires the engine %q, which the target lacks; exclude functions with --type", l.Name, l.Engine)
}
