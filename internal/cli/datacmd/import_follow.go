package datacmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/spool"
	"github.com/redis-gitops/redis-gitops/rdb"
	"github.com/redis-gitops/redis-gitops/rdb/follow"
	"github.com/redis-gitops/redis-gitops/rdb/importer/account"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
	"github.com/redis-gitops/redis-gitops/rdb/redis"
)

// followHelp is part of the help of import.
const followHelp = `With --follow, FILE is a running server, and after its snapshot every write to
it is applied to TARGET, in order and once each, until the cut-over: with
--cutover as soon as the target has caught up, or else at Ctrl-C. The source
then pauses its writers (CLIENT PAUSE WRITE), the last writes are applied, and
keys are counted and compared. If the target is equal, point the clients to it:
the source keeps writers waiting for the rest of --max-pause. Otherwise the
source is unpaused at once. Writers of a source that does not permit the pause
must be stopped by you, when asked. TARGET must be empty, or use --flush.`

// followFlags are about --follow.
type followFlags struct {
	follow, cutover bool
	maxPause        time.Duration
}

func (f *followFlags) add(c *cobra.Command) {
	set := c.Flags()
	set.BoolVar(&f.follow, "follow", false, "with a server as FILE: apply its writes, too, until --cutover or Ctrl-C")
	set.BoolVar(&f.cutover, "cutover", false, "with --follow: cut over as soon as the target has caught up")
	set.DurationVar(&f.maxPause, "max-pause", time.Minute, "with --follow: how long the source keeps its writers waiting at the cut-over; longer than its clients need to move to the target")
}

// notFollowed are flags that --follow does not go with, because the target becomes equal to the source, or the writes come from elsewhere.
var notFollowed = map[string]string{
	"db": "the target becomes equal to the source", "match": "the target becomes equal to the source", "exclude": "the target becomes equal to the source",
	"type": "the target becomes equal to the source", "map-db": "the target becomes equal to the source", "ttl": "the target becomes equal to the source",
	"replace": "the target becomes equal to the source; use --flush", "skip-existing": "the target becomes equal to the source; use --flush",
	"scan": "only replication has the writes", "only-node": "a node of a cluster cannot be followed",
	"job": "run it where it reaches both servers, for example with kubectl run", "checkpoint": "the target stores the position",
	"no-run-id": "the target must be a Redis or Valkey", "listen": "writes are sent to the target", "announce": "writes are sent to the target",
}

// check refuses flags that do not go together.
func (f *followFlags) check(c *cobra.Command, from string) error {
	if !f.follow {
		for _, name := range []string{"cutover", "max-pause"} {
			if c.Flags().Changed(name) {
				return fmt.Errorf("--%s requires --follow", name)
			}
		}
		return nil
	}
	var problems finding.Problems
	add := func(format string, args ...any) {
		problems = append(problems, &finding.Problem{Message: fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(notFollowed)) {
		if c.Flags().Changed(name) {
			add("--follow does not support --%s: %s", name, notFollowed[name])
		}
	}
	if method := c.Flags().Lookup("method"); method.Value.String() == plan.Replication.String() {
		add("--follow does not support --method replication: writes are sent to the target")
	}
	if !redis.IsTarget(from) {
		add("--follow requires the URL of a server as FILE, such as redis://old.example.com")
	}
	if f.maxPause < time.Second || f.maxPause > time.Hour {
		add("--max-pause must be between 1s and 1h")
	}
	return problems.Err()
}

// run imports a server and its writes until the cut-over.
func (f *followFlags) run(ctx context.Context, e *env.Env, from string, source *importSource, target *redis.Target, opts plan.Options, show *ui.Progress, output string) error {
	server, err := source.server.Target(e.UI, from)
	if err != nil {
		return err
	}
	about, err := source.live(ctx, e, from)
	if err != nil {
		return err
	}
	unpaused := func() {}
	follower := follow.New(server, about, target, follow.Options{
		Import: opts, Cutover: f.cutover, MaxPause: f.maxPause, Resume: opts.Resume,
		Temp: func() (follow.File, error) { return temporary(e) },
		Show: func(now follow.Status) { show.Print(followStatus(now)) },
		Log: func(text string) {
			show.End()
			e.PrintErrf("%s %s\n", e.Paint(ui.Yellow, "note:"), text)
		},
		Paused: func(unpause func()) { unpaused = e.AtExit(unpause) },
	})
	defer e.OnInterrupt(follower.Cutover)()
	report, err := follower.Run(ctx)
	unpaused()
	show.End()
	if err := printFollow(e, report, server, target, output); err != nil {
		return err
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted before the cut-over; clients must stay with the source, which takes writes" + incomplete(report))
	case follow.IsDifferent(err):
		return e.Findings(fmt.Errorf("%w; the source takes writes, and its clients must stay with it; use --flush to start again", err))
	case err != nil:
		return fmt.Errorf("%w%s", err, incomplete(report))
	}
	return nil
}

// incomplete says what to do about a target without a cut-over.
func incomplete(r *follow.Report) string {
	if !r.Begun {
		return ""
	}
	what := "\nthe target is incomplete, and its keys do not expire; use --flush to start again"
	if r.Resumable {
		what += ", or --resume to continue"
	}
	return what
}

// temporaryFile is removed at the end, also of a process that ends early.
type temporaryFile struct {
	*spool.File
	done func()
}

func (t temporaryFile) Remove() {
	t.File.Remove()
	t.done()
}

func temporary(e *env.Env) (follow.File, error) {
	f, err := spool.Create("redis-gitops-follow-*")
	if err != nil {
		return nil, err
	}
	return temporaryFile{f, e.AtExit(f.Remove)}, nil
}

func followStatus(now follow.Status) ui.Status {
	s := ui.Status{Stage: now.Stage, Bytes: now.Bytes, Total: now.Total, Elapsed: now.Elapsed}
	if now.Commands > 0 || now.Lag > 0 {
		s.Note = finding.Count(now.Commands, "command")
	}
	if now.Lag >= 0 && now.Total == 0 {
		s.Lag = &now.Lag
		s.Note = "lag " + rdb.FormatBytes(uint64(now.Lag)) + ", " + finding.Count(now.Commands, "command")
		if now.Lag == 0 {
			s.Note += "; Ctrl-C cuts over"
		}
	}
	return s
}

// printFollow prints what came of it.
func printFollow(e *env.Env, r *follow.Report, source, target *redis.Target, output string) error {
	if output == "json" {
		return e.JSON(followJSON(r))
	}
	if r.Import != nil {
		if err := printImport(e, r.Import, output); err != nil {
			return err
		}
	}
	for _, d := range r.Differences {
		e.PrintErrf("key %q in database %d: %s\n", d.Key, d.DB, d.Reason)
	}
	if more := r.Differing - min(r.Differing, uint64(len(r.Differences))); more > 0 {
		e.PrintErrf("and %d more\n", more)
	}
	if !r.Begun {
		return nil
	}
	e.Infof("%s applied up to offset %d of the source; %s, %s", finding.Count(r.Commands, "command"), r.Offset, finding.Count(r.Snapshots, "snapshot"), finding.Count(r.Resumed, "resumed link"))
	switch {
	case r.Pause != nil:
		e.Infof("cut over: %s is equal to %s; %s compared; writers were paused for %v", target, source, finding.Count(r.Compared, "key"), r.Pause.Round(time.Millisecond))
		e.Infof("point the clients to %s now: the source keeps writers waiting until %s, then it accepts writes that the target does not get", target, r.PausedUntil.Format(time.TimeOnly))
	case r.CutOver:
		e.Infof("cut over: %s is equal to %s; %s compared; the source was not paused, so do not start its writers again: point them to the target", target, source, finding.Count(r.Compared, "key"))
	}
	return nil
}

// followJSON is the report of the import and, below "follow", that of what came after.
func followJSON(r *follow.Report) any {
	type followed struct {
		*follow.Report
		Pause *float64 `json:"pauseSeconds,omitempty"`
	}
	f := followed{Report: r}
	if r.Pause != nil {
		seconds := r.Pause.Seconds()
		f.Pause = &seconds
	}
	imported := r.Import
	if imported == nil {
		imported = &account.Report{Rows: []account.Row{}}
	}
	return struct {
		*account.Report
		Seconds float64  `json:"seconds"`
		Follow  followed `json:"follow"`
	}{imported, imported.Took.Seconds(), f}
}
