package rights

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/importer/capability"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

// A need is what keys of the dump may need of a master: a command, or to be one that keys go to at all ("").
type need struct{ node, command string }

// need returns what has to come of the dump for a refusal to matter, or nil where it matters without any key.
func (ri *Rights) need(r *refusal) *need {
	switch {
	case r.value:
		return &need{r.node, r.name}
	case !ri.Server.Cluster || r.name == "UNLINK" && ri.Resumed: // temporary keys are searched for in every node
		return nil
	case r.name == "MULTI" || r.name == "EXEC" || strings.Contains(r.args, "KEY") || strings.Contains(r.args, "TMP"):
		return &need{r.node, ""}
	}
	return nil
}

// reallyNeeded leaves out commands that no value needs, and nodes of a cluster that no key goes to. That is not counted when
// the dump is read first, so it is read again where it matters.
func (ri *Rights) reallyNeeded(ctx context.Context, refused []refusal) ([]refusal, error) {
	open := map[need]bool{}
	for i := range refused {
		if n := ri.need(&refused[i]); n != nil {
			open[*n] = true
		}
	}
	if len(open) == 0 || ri.Source.Once {
		return refused, nil
	}
	err := ri.meetNeeds(ctx, open)
	if err != nil {
		return refused, err
	}
	return slices.DeleteFunc(refused, func(r refusal) bool { n := ri.need(&r); return n != nil && open[*n] }), nil
}

// meetNeeds reads the dump until every need has been met, and leaves those that are not.
func (ri *Rights) meetNeeds(ctx context.Context, open map[need]bool) error {
	nodeOf := func([]byte) string { return "" }
	if ri.Server.Cluster {
		m, err := ri.Slots(ctx)
		if err != nil {
			return err
		}
		nodeOf = func(key []byte) string { return m.Routes[m.Route(key)] }
	}
	body, err := ri.Source.Open(ctx, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	scanner := rdb.NewScanner(body, rdb.Options{Window: plan.Split, SkipChecksum: true})
	filter := ri.Options.Filter
	for len(open) > 0 {
		e, err := scanner.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if e.Kind != rdb.KeyEntry || filter.Apply(e) != rdb.Kept {
			continue
		}
		node := nodeOf(e.Key)
		delete(open, need{node, ""})
		if err := ri.commandsOf(ctx, e, func(name string) { delete(open, need{node, name}) }); err != nil {
			return err
		}
	}
	return nil
}

// commandsOf names the plain commands that an entry is written with.
func (ri *Rights) commandsOf(ctx context.Context, e *rdb.Entry, use func(name string)) error {
	if e.Type == rdb.TypeModule2 {
		return nil
	}
	how, err := ri.Ways.Of(ctx, e)
	if err != nil {
		return err
	}
	if n, _ := ri.Dump.Length(e); how != capability.Plain && (e.Raw != nil || e.Type.Kind() == "stream" && n <= plan.MaxWhole) {
		return nil
	}
	if e.Type == rdb.TypeString && e.Raw != nil && ri.Server.Version >= capability.ExpireAtSince { // SET with its expiry
		return nil
	}
	// What is wrong with a value is reported when it is written.
	_ = rdb.Commands(e, rdb.CommandOptions{RDBVersion: ri.Server.Version, Shift: ri.Shift}, func(args [][]byte) error {
		use(string(args[0]))
		return nil
	})
	return nil
}
