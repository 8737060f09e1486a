package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/rdb/importer/checkpoint"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/importer/server"
	"github.com/redis-gitops/redis-gitops/rdb/master"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// A debt is what the target's settings were before. It is kept in the checkpoint, so that --resume can pay it after a loss of
// power.
type debt struct {
	Format      int               `json:"format"`
	Replication bool              `json:"replication"`
	Target      string            `json:"target"`
	Settings    map[string]string `json:"settings"`

	refused bool // the target has not become a replica
}

// checkReplication describes all that forbids making the target a replica.
func (im *importer) checkReplication(ctx context.Context, add func(error)) {
	if im.Options.Method != plan.Replication {
		return
	}
	info := im.Server.Info
	other := "remove --method replication"
	if im.survey.Tail != nil {
		other = "import the file into a separate empty server, and import from that server"
	}
	f := im.Options.Filter
	f.Now = time.Time{}
	if !f.Empty() {
		add(errors.New("the target would load the whole dump unchanged; " + other + " to filter or change keys"))
	}
	if im.Source.Once {
		add(errors.New("the target can replicate from the live source directly (REPLICAOF); " + other))
	}
	if im.Shift != 0 {
		add(errors.New("the target would load expiry times unchanged, but the clock of the source was wrong (--source-clock); " + other))
	}
	if im.Target.Unix {
		add(errors.New("the target is on a Unix socket, but must connect back over TCP; " + other))
	}
	if im.Target.Moves {
		add(errors.New("the target is reached through the API server, but must connect back directly; " + other))
	}
	if im.Target.Master != "" {
		add(errors.New("the sentinels of the target would turn it into a master again; " + other))
	}
	if im.Server.Cluster {
		add(errors.New("a cluster node cannot become an external replica; " + other))
	}
	if info["connected_slaves"] == "" {
		add(errors.New("the target does not answer INFO (denied, renamed or a proxy), so its keys and replicas are unknown and would be lost; " + other))
	}
	if info["connected_slaves"] != "0" && info["connected_slaves"] != "" {
		add(fmt.Errorf("the target has replicas (%s), which would lose their data; %s", info["connected_slaves"], other))
	}
	if !im.keeper.Resumed() && im.Options.Existing != plan.Flush {
		for name, value := range info {
			if db, ok := strings.CutPrefix(name, "db"); ok && strings.HasPrefix(value, "keys=") {
				keys, _, _ := strings.Cut(strings.TrimPrefix(value, "keys="), ",")
				n, _ := strconv.ParseInt(keys, 10, 64)
				add(fmt.Errorf("database %s of the target has %s, which would all be deleted; use --flush, or %s", db, finding.Count(n, "key"), other))
			}
		}
	}
	if v := im.survey.Version; v > im.Server.Version || im.Server.Version >= 80 && v > 11 && v < 80 {
		add(fmt.Errorf("%s cannot load a dump of RDB version %d; %s, or convert it (rdb convert)", im.Server.Name, v, other))
	}
	if n, err := im.subscribers(ctx); err == nil && n > 0 {
		add(fmt.Errorf("%s the target and would turn it into a master again; %s", finding.Count(n, "sentinel", finding.Verb(n, "monitors", "monitor")), other))
	}
	for _, name := range []string{"tls-replication", "repl-diskless-load"} {
		value, err := im.setting(ctx, name)
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
func (im *importer) subscribers(ctx context.Context) (int64, error) {
	reply, err := im.Ask(ctx, "PUBSUB", "NUMSUB", "__sentinel__:hello")
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

// setting reads one setting; "" where the server does not know it.
func (im *importer) setting(ctx context.Context, name string) (string, error) {
	reply, err := im.Ask(ctx, "CONFIG", "GET", name)
	if err != nil {
		return "", err
	}
	list, _ := reply.([]any)
	if len(list) != 2 {
		return "", nil
	}
	value, _ := list[1].(string)
	return value, nil
}

// loadDebt takes over what a run that was killed has left undone.
func (im *importer) loadDebt() (*debt, error) {
	text, err := im.keeper.Read()
	if err != nil {
		return nil, err
	}
	var d debt
	if err := json.Unmarshal(text, &d); err != nil || !d.Replication || d.Target != im.Target.String() {
		return nil, errors.New("the checkpoint does not belong to an import into this target with --method replication")
	}
	return &d, nil
}

// resumeReplication ends what a run that was killed has begun. Whether the dump was loaded as a whole is not known, so that
// the import has to be made anew.
func (im *importer) resumeReplication(ctx context.Context) error {
	d, err := im.loadDebt()
	if err != nil {
		return err
	}
	if err := im.pay(ctx, d); err != nil {
		return err
	}
	if err := im.keeper.Remove(); err != nil {
		return err
	}
	return errors.New("the target is a master again with its original settings, but it is unknown whether it had loaded the dump; restart the import, with --flush if it has keys")
}

// replicate has the target load the dump by itself, as our replica, and makes it a master again, whatever happens.
func (im *importer) replicate(ctx context.Context) (err error) {
	if im.Options.Existing == plan.Flush && !im.keeper.Resumed() {
		if im.Options.Confirm == nil {
			return errors.New("--flush was not confirmed")
		}
		if err := im.Options.Confirm(fmt.Sprintf("all keys of all databases of %s will be deleted", im.Target)); err != nil {
			return err
		}
	}
	d := &debt{Format: checkpoint.Format, Replication: true, Target: im.Target.String(), Settings: map[string]string{}}
	const diskless = "repl-diskless-load" // without it the target would write the dump to its disk and read it again
	old, err := im.setting(ctx, diskless)
	if err != nil {
		return server.Advise(err)
	}
	if old != "" {
		d.Settings[diskless] = old
	}
	if err := im.keeper.Write(d); err != nil {
		return err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), im.Options.Patience)
		defer cancel()
		if e := im.pay(after, d); e != nil {
			err = errors.Join(err, e)
		} else if err != nil {
			err = errors.Join(err, im.keeper.Remove())
		}
	}()
	if old != "" {
		if _, err := im.Ask(ctx, "CONFIG", "SET", diskless, "on-empty-db"); err != nil && redis.Code(err) == "" {
			return err
		}
	}
	before, err := im.counters(ctx)
	if err != nil {
		return server.Advise(err)
	}
	if err := im.replicateFromDump(ctx, d); err != nil {
		return err
	}
	replayed, err := im.counters(ctx) // as long as nothing can expire or be evicted
	if err != nil {
		return server.Advise(err)
	}
	names, err := im.keyNames(ctx, replayed)
	if err != nil {
		return server.Advise(err)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), im.Options.Patience)
	defer cancel()
	if err := im.pay(after, d); err != nil {
		return err
	}
	if im.survey.Tail != nil {
		return im.afterReplay(ctx, before, replayed, names)
	}
	return im.afterLoad(ctx)
}

// pay makes the target a master again, with the settings that it had.
func (im *importer) pay(ctx context.Context, d *debt) error {
	var errs []error
	for !d.refused {
		err := im.replicaOf(ctx, "NO", "ONE")
		if err == nil {
			break
		}
		if redis.Code(err) != "LOADING" || ctx.Err() != nil {
			errs = append(errs, fmt.Errorf("cannot turn the target into a master again: %w; run REPLICAOF NO ONE", server.Advise(err)))
			break
		}
		select {
		case <-time.After(server.FirstBackoff):
		case <-ctx.Done():
		}
	}
	for name, value := range d.Settings {
		if _, err := im.askLoading(ctx, "CONFIG", "SET", name, value); err != nil {
			errs = append(errs, fmt.Errorf("cannot restore %s: %w; run CONFIG SET %s %s", name, server.Advise(err), name, value))
		}
	}
	return errors.Join(errs...)
}

// askLoading is ask over a connection for which the target need not be a master.
func (im *importer) askLoading(ctx context.Context, args ...string) (any, error) {
	if im.Control == nil {
		conn, err := im.Target.Connect(ctx)
		if err != nil {
			return nil, err
		}
		im.Control = conn
	}
	limited, cancel := context.WithTimeout(ctx, server.ReplyTimeout)
	defer cancel()
	reply, err := im.Control.Do(limited, args...)
	if err != nil && redis.Code(err) == "" {
		im.Control.Close()
		im.Control = nil
	}
	return reply, err
}

// replicaOf sends REPLICAOF, or SLAVEOF, as it was called before Redis 5.0.
func (im *importer) replicaOf(ctx context.Context, host, port string) error {
	_, err := im.askLoading(ctx, "REPLICAOF", host, port)
	if server.UnknownCommand(err) || redis.Code(err) == "NOPERM" {
		_, err = im.askLoading(ctx, "SLAVEOF", host, port)
	}
	return err
}

// replicateFromDump makes the target our replica until it has loaded the dump.
func (im *importer) replicateFromDump(ctx context.Context, d *debt) error {
	if im.Control == nil {
		return errors.New("lost the connection to the target; try again")
	}
	listen := im.Options.Replication.Listen
	if listen == "" {
		listen = net.JoinHostPort(im.Control.LocalIP().String(), "0")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot listen for the target: %w", err)
	}
	announce := im.Options.Replication.Announce
	if announce == "" {
		announce = l.Addr().String()
	}
	host, port, err := net.SplitHostPort(announce)
	if err != nil {
		return errors.Join(fmt.Errorf("invalid address %q; use HOST:PORT", announce), l.Close())
	}

	serving, stop := context.WithCancel(ctx)
	defer stop()
	im.Progress.Stage("loading", im.survey.Size)
	load := &loading{im: im, announce: announce, sent: make(chan struct{}, 1), loaded: make(chan struct{}, 1), failed: make(chan error, 1), served: make(chan error, 1)}
	dump := master.Dump{Size: im.survey.Size, Open: func(ctx context.Context) (io.ReadCloser, error) { return im.Source.Open(ctx, 0) }}
	if im.survey.Tail != nil {
		dump.Commands = im.survey.Tail.WriteTo
	}
	go func() { load.served <- master.Serve(serving, l, dump, master.Options{Event: load.event}) }()
	defer func() { stop(); <-load.served }()

	if err := im.replicaOf(ctx, host, port); err != nil {
		d.refused = redis.Code(err) != ""
		return fmt.Errorf("REPLICAOF: %w", server.Advise(err))
	}
	return load.wait(ctx)
}

// loading is what is known of a target that loads the dump.
type loading struct {
	im           *importer
	announce     string // the address that the target connects to
	syncs        atomic.Int32
	sent, loaded chan struct{}
	failed       chan error // the target does not get anywhere
	served       chan error // the master has ended
}

// event takes over what the master reports, from the goroutines of its connections.
func (l *loading) event(e master.Event) {
	notify := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	switch e.Kind {
	case master.Syncing:
		if l.syncs.Add(1) > maxSyncs {
			select {
			case l.failed <- fmt.Errorf("the target requested the dump %d times but did not load it; see its log", maxSyncs):
			default:
			}
		}
	case master.Sending:
		l.im.Progress.Bytes.Store(e.Bytes)
	case master.Sent:
		notify(l.sent)
	case master.Loaded:
		notify(l.loaded)
	case master.Left:
		if e.Err != nil {
			l.im.Progress.Waiting("the target disconnected: " + e.Err.Error())
		}
	}
}

// wait returns once the target has loaded the dump and carried out all commands.
func (l *loading) wait(ctx context.Context) error {
	im := l.im
	quiet := time.NewTimer(im.Options.Patience)
	defer quiet.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := int64(-1)
	// The target reports that it has loaded only once a second; when polled, it says so at once.
	ask := time.NewTicker(linkPoll)
	ask.Stop()
	defer ask.Stop()
	answered := time.Now()
	for {
		select {
		case <-l.sent:
			ask.Reset(linkPoll)
			answered = time.Now()
		case <-ask.C:
			up, err := im.linkUp(ctx)
			switch {
			case up && im.survey.Tail == nil:
				return nil
			case err == nil || redis.Code(err) == "LOADING":
				answered = time.Now()
			case ctx.Err() == nil && time.Since(answered) > im.Options.Patience:
				return fmt.Errorf("the target received the dump but no longer responds: %w", err)
			}
		case <-l.loaded: // and all commands are carried out
			return nil
		case err := <-l.failed:
			return err
		case err := <-l.served:
			l.served <- err
			return errors.Join(errors.New("cannot serve the target"), err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			// Loading takes as long as it takes; a link that does nothing before does not.
			if now := im.Progress.Bytes.Load(); now != before || now >= im.survey.Size {
				before = now
				quiet.Reset(im.Options.Patience)
			}
		case <-quiet.C:
			return fmt.Errorf("the target did not connect to %s within %v; check that it can reach this address (--listen, --announce)", l.announce, im.Options.Patience)
		}
	}
}

const (
	maxSyncs = 3
	linkPoll = 10 * time.Millisecond
)

// linkUp asks the target whether it has loaded the dump and follows us.
func (im *importer) linkUp(ctx context.Context) (bool, error) {
	reply, err := im.askLoading(ctx, "INFO", "replication")
	text, _ := reply.(string)
	return strings.Contains(text, "master_link_status:up") && !strings.Contains(text, "master_sync_in_progress:1"), err
}

// afterLoad takes account of what the target has loaded.
func (im *importer) afterLoad(ctx context.Context) error {
	rows := im.survey.Rows
	for i := range rows {
		r := &rows[i]
		r.Written = r.Read - r.Expired - r.Skipped
	}
	im.Ledger.SetRows(rows, im.Server.RunID)
	if im.Options.Verify == plan.VerifySample {
		im.sampler = im.survey.Sampler
	}
	for _, lib := range im.survey.Libraries {
		im.Ledger.AddLibrary(lib.Name)
	}
	im.Options.Existing = plan.Flush // the target has what the dump has
	if err := im.Identify(ctx); err != nil {
		return err
	}
	return im.check(ctx)
}
