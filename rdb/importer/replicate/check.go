package replicate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// Check describes all that forbids making the target a replica.
func (rep *Replication) Check(ctx context.Context, add func(error)) {
	if rep.Options.Method != plan.Replication {
		return
	}
	info := rep.Server.Info
	other := "remove --method replication"
	if rep.Dump.Tail != nil {
		other = "import the file into a separate empty server, and import from that server"
	}
	f := rep.Options.Filter
	f.Now = time.Time{}
	if !f.Empty() {
		add(errors.New("the target would load the whole dump unchanged; " + other + " to filter or change keys"))
	}
	if rep.Source.Once {
		add(errors.New("the target can replicate from the live source directly (REPLICAOF); " + other))
	}
	if rep.Shift != 0 {
		add(errors.New("the target would load expiry times unchanged, but the clock of the source was wrong (--source-clock); " + other))
	}
	if rep.Target.Unix {
		add(errors.New("the target is on a Unix socket, but must connect back over TCP; " + other))
	}
	if rep.Target.Moves {
		add(errors.New("the target is reached through the API server, but must connect back directly; " + other))
	}
	if rep.Target.Master != "" {
		add(errors.New("the sentinels of the target would turn it into a master again; " + other))
	}
	if rep.Server.Cluster {
		add(errors.New("a cluster node cannot become an external replica; " + other))
	}
	if info["connected_slaves"] == "" {
		add(errors.New("the target does not answer INFO (denied, renamed or a proxy), so its keys and replicas are unknown and would be lost; " + other))
	}
	if info["connected_slaves"] != "0" && info["connected_slaves"] != "" {
		add(fmt.Errorf("the target has replicas (%s), which would lose their data; %s", info["connected_slaves"], other))
	}
	if !rep.Keeper.Resumed() && rep.Options.Existing != plan.Flush {
		for name, value := range info {
			if db, ok := strings.CutPrefix(name, "db"); ok && strings.HasPrefix(value, "keys=") {
				keys, _, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
				n, _ := strconv.ParseInt(keys, 10, 64)
				add(fmt.Errorf("database %s of the target has %s, which would all be deleted; use --flush, or %s", db, finding.Count(n, "key"), other))
			}
		}
	}
	if v := rep.Dump.Version; v > rep.Server.Version || rep.Server.Version >= 80 && v > 11 && v < 80 {
		add(fmt.Errorf("%s cannot load a dump of RDB version %d; %s, or convert it (rdb convert)", rep.Server.Name, v, other))
	}
	if n, err := rep.subscribers(ctx); err == nil && n > 0 {
		add(fmt.Errorf("%s the target and would turn it into a master again; %s", finding.Count(n, "sentinel", finding.Verb(n, "monitors", "monitor")), other))
	}
	for _, name := range []string{"tls-replication", "repl-diskless-load"} {
		value, err := rep.setting(ctx, name)
		switch {
		case server.UnknownCommand(err):
			add(fmt.Errorf("the target has no CONFIG command (renamed or disabled), which turning it into a replica requires; %s", other))
			return
		case redis.Code(err) == "NOPERM":
			add(fmt.Errorf("%w: turning the target into a replica requires REPLICAOF and CONFIG permissions; %s", err, other))
			return
		case err != nil:
			add(server.Advise(err))
			return
		case name == "tls-replication" && value == "yes":
			add(errors.New("the target only replicates over TLS (tls-replication), which is not supported; " + other))
		}
	}
}

// subscribers counts the Sentinels: each has a subscription of its own to this channel (redis src/sentinel.c).
func (rep *Replication) subscribers(ctx context.Context) (int64, error) {
	reply, err := rep.Ask(ctx, "PUBSUB", "NUMSUB", "__sentinel__:hello")
	if err != nil {
		return 0, err
	}
	list, _ := reply.([]any)
	if len(list) != 2 {
		return 0, nil
	}
	n, _ := list[1].(int64)
	return n, nil
}

// CheckCommands asks the target whether it knows all commands of the append-only file.
func (rep *Replication) CheckCommands(ctx context.Context, add func(error)) {
	t := rep.Dump.Tail
	if t == nil {
		return
	}
	names := t.NamesInOrder()
	reply, err := rep.Ask(ctx, append([]string{"COMMAND", "INFO"}, names...)...)
	if err != nil {
		if redis.Code(err) == "" {
			add(server.Advise(err))
		}
		rep.Ledger.Note("the target does not describe its commands (COMMAND INFO: %v), so unsupported ones are only detected afterwards", err)
		return
	}
	list, _ := reply.([]any)
	var unknown []string
	for i, name := range names {
		if i < len(list) {
			if known, ok := list[i].([]any); ok && len(known) > 0 {
				continue
			}
		}
		unknown = append(unknown, fmt.Sprintf("%s (%d)", strings.ToUpper(name), t.Names[name]))
	}
	if len(unknown) > 0 {
		add(fmt.Errorf("%s does not support %s of the append-only file; import into a server with the version and modules of the one that wrote it", rep.Server.Name, strings.Join(unknown, ", ")))
	}
}
