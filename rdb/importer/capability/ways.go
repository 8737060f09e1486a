package capability

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Of chooses how an entry is written. The first value of an encoding that the target should not know is tried on it: some
// servers read more than their version says.
func (w *Ways) Of(ctx context.Context, e *rdb.Entry) (Way, error) {
	switch {
	case e.Type == rdb.TypeModule2:
		return AsIs, w.moduleKnown(ctx, e)
	case w.Options.Method == plan.Commands, w.Server.NoRestore, !w.Server.AbsTTL:
		return Plain, nil
	case w.Shift != 0 && e.Type.FieldExpiry():
		return Reencoded, nil
	case Knows(w.Server.Version, e.Type): // if it refuses the value all the same, the value is damaged
		return AsIs, nil
	}
	if how, ok := w.methods[e.Type]; ok {
		return how, nil
	}
	if e.Raw == nil || plan.IsEmpty(e) {
		return Reencoded, nil
	}
	refused, err := w.ProbeMasters(ctx, e)
	if err != nil {
		return AsIs, err
	}
	how := AsIs
	if refused {
		how = Reencoded
		w.Ledger.Note("the target does not support the encoding %q of RDB version %d; such keys were re-encoded for RDB version %d", e.Type, e.Type.Since(), w.Server.Version)
	}
	w.methods[e.Type] = how
	return how, nil
}

// ModuleList returns the names of the modules of a server.
func (w *Ways) ModuleList(ctx context.Context) ([]string, error) {
	list, err := w.List(ctx, "MODULE", "LIST")
	return redis.ModuleNames(list), err
}

// moduleKnown stops a live import at the first key of a module that the target lacks.
func (w *Ways) moduleKnown(ctx context.Context, e *rdb.Entry) error {
	if !w.Source.Once || e.Raw == nil || w.modules[e.Module] {
		return nil
	}
	if !w.Server.NoRestore {
		known := true
		var failed error
		w.EveryMaster(ctx, func(err error) { failed = errors.Join(failed, err) }, func(ctx context.Context, add func(error)) {
			has, err := w.hasModule(ctx, e)
			if err != nil {
				add(err)
			}
			known = known && has
		})
		if known || failed != nil {
			w.modules[e.Module] = known && failed == nil
			return failed
		}
	}
	return server.Fatal(fmt.Errorf("key %q in database %d belongs to module %q, which the target lacks; load the module there, or exclude such keys with --type", e.Key, e.DB, e.Module))
}

// hasModule asks one server for the module of a value.
func (w *Ways) hasModule(ctx context.Context, e *rdb.Entry) (bool, error) {
	if !w.Fragile() {
		return w.ProbeModule(ctx, e)
	}
	have, err := w.ModuleList(ctx)
	return plan.ModuleListed(have, e.Module), server.UnlessRefused(err)
}
