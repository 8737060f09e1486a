package capability

import (
	"context"
	"errors"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Ways decides how each value is written, by what the target reads. What it had to try on the target it remembers.
type Ways struct {
	*server.Link
	*plan.Plan

	methods map[rdb.Type]Way // for types that were tried
	modules map[string]bool  // of a live source: modules that the target has
}

// New returns the ways into a target.
func New(l *server.Link, p *plan.Plan) *Ways {
	return &Ways{Link: l, Plan: p, methods: map[rdb.Type]Way{}, modules: map[string]bool{}}
}

// tryRestore asks whether the target takes a payload, and returns the reply that refuses it. The key's time is over, so that
// it is checked and not made. Redis 5.0.8 and 6.0.0 make it all the same (redis src/cluster.c, restoreCommand), and count it
// among their keys until somebody looks for it; version is what is known of the server.
func (w *Ways) tryRestore(ctx context.Context, like, payload []byte, version int) (redis.Error, error) {
	key := w.ProbeKey(like)
	_, err := w.Ask(ctx, "RESTORE", key, "1", string(payload), "ABSTTL")
	var refused redis.Error
	if errors.As(err, &refused) {
		return refused, nil
	}
	if err != nil || version >= 10 {
		return "", err
	}
	_, err = w.Ask(ctx, "EXISTS", key)
	return "", server.UnlessRefused(err)
}

// Probe asks whether the target refuses an entry, because of its type or of damage. The key expires at once, so it is checked
// and not made.
func (w *Ways) Probe(ctx context.Context, e *rdb.Entry) (refused bool, err error) {
	payload, err := rdb.AppendDump(nil, e, PayloadVersion(e.Type))
	if err != nil || w.Restorable(e) != nil {
		return true, nil
	}
	reply, err := w.tryRestore(ctx, e.Key, payload, w.Server.Version)
	switch {
	case err != nil || reply == "":
		return false, err
	case server.ClassifyReply(reply) == server.KeyFailed:
		return e.Type != rdb.TypeModule2, nil
	}
	return false, server.Advise(reply)
}

// ProbeMasters asks every master, and reports whether one of them refuses the entry.
func (w *Ways) ProbeMasters(ctx context.Context, e *rdb.Entry) (refused bool, err error) {
	w.EveryMaster(ctx, func(e error) { err = errors.Join(err, e) }, func(ctx context.Context, add func(error)) {
		no, err := w.Probe(ctx, e)
		if err != nil {
			add(err)
		}
		refused = refused || no
	})
	return refused, err
}

// ProbeModule asks whether the target has the module of a value.
func (w *Ways) ProbeModule(ctx context.Context, e *rdb.Entry) (bool, error) {
	payload, err := rdb.AppendDump(nil, e, PayloadVersion(e.Type))
	if err != nil {
		return false, err
	}
	refused, err := w.tryRestore(ctx, e.Key, payload, w.Server.Version)
	switch {
	case err != nil || refused == "":
		return err == nil, err
	case server.ClassifyReply(refused) == server.KeyFailed:
		return false, nil
	}
	return false, server.Advise(refused)
}

// Fragile reports that the target does not survive RESTORE of a value of a module that it lacks, and of some damaged values:
// before 7.0 it ends its process, as when it loads a dump (redis 6.0.16 src/rdb.c, rdbLoadObject: "no matching module",
// rdbExitReportCorruptRDB). 6.2 cannot be distinguished from 5.0 by its RDB version.
func (w *Ways) Fragile() bool { return w.Server.Version < 10 }

// Restorable refuses what a fragile target would not survive.
func (w *Ways) Restorable(e *rdb.Entry) error {
	if !w.Fragile() || e.Raw == nil || e.Type == rdb.TypeModule2 {
		return nil
	}
	return rdb.Check(e)
}
