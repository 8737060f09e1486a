package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/backup"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/internal/memlimit"
	"github.com/redis-gitops/redis-gitops/rdb/importer/plan"
)

const restoreHelp = `Restore a backup into a running Redis or Valkey, and verify it: the newest one,
or with --at the newest that is not younger than a time.

%s

%s %s

The backup is compared with its record before the first write. The target must
be empty unless --flush, --replace or --skip-existing says what to do with its
keys. As with import, every key is accounted for, and values are compared
afterwards: exits with 0 only if all keys of the backup are in the target. Repeat
an interrupted restore with --flush.

Without STORE, TARGET is the NAME of a Redis of this repository that has the
addon backup ("redis-gitops generate addon"), and a Kubernetes Job manifest is
printed that restores its backup in the cluster: the Job runs with the image,
the store and the Secrets of the backup's CronJob, and compares all values at
the end. The age identity is that of its drill, or of the Secret given with
--identity-file secret://NAME/KEY. --list prints a Job that lists the backups.
With --apply, the Job is created and followed: its log goes to standard error,
and its exit code becomes the exit code of this command. Ctrl-C leaves the Job
running; run the same command again to follow it.

Exit codes: 0 restored and verified; 1 some keys failed or differ, or the backup
is damaged or too old; 2 the restore did not start, or was interrupted.

Examples:
  redis-gitops restore shop s3://backups/production/shop --identity-file key.txt
  redis-gitops restore redis://localhost:6379 /backups/shop --at 2026-11-30T05:00:00Z --flush
  redis-gitops restore shop --at 2026-11-30T05:00:00Z | kubectl apply -f -
  redis-gitops restore shop --list --apply
  redis-gitops restore shop --apply --flush --yes`

func newRestore(e *env.Env) *cobra.Command {
	o := &restoreOptions{importOptions: importOptions{Env: e, method: plan.Auto.String(), checkpoint: "none"}}
	c := &cobra.Command{
		Use:   "restore TARGET [STORE]",
		Short: "Restore a backup into a running Redis",
		Long:  fmt.Sprintf(restoreHelp, storeHelp, o.server.Help(), resolve.NamedServer),
		Args:  flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1:
				return o.inCluster(c, args[0])
			case o.job.job || o.job.apply || o.list:
				return errors.New("a Job restores from the store of the addon backup; remove STORE, or --job, --apply and --list")
			}
			return o.run(c.Context(), args[0], args[1])
		},
	}
	o.server.Add(c)
	o.cluster.Add(c)
	o.job.add(c)
	o.store.add(c)
	set := c.Flags()
	set.StringVar(&o.at, "at", "", "restore the newest backup that is not younger than this time, such as 2026-11-30T05:00:00Z (default: the newest)")
	set.DurationVar(&o.maxAge, "max-age", 0, "exit with 1 if the newest backup is older than this, such as 26h; nothing is restored then")
	flags.File(set, &o.identity, "identity-file", "file with the age identity of a recipient, for an encrypted backup")
	set.BoolVar(&o.list, "list", false, "without STORE: list the backups of the Redis")
	o.addSending(c)
	flags.AddOutput(c, &o.output, "text", "json")
	return c
}

func (o *restoreOptions) run(ctx context.Context, to, from string) error {
	defer memlimit.CollectOften()()
	opts, err := o.options()
	at, e := parseTime(o.at)
	if err := errors.Join(err, e); err != nil {
		return err
	}
	store, err := o.store.open(o.Env, from)
	if err != nil {
		return err
	}
	ids, err := o.identities()
	if err != nil {
		return err
	}
	target, err := resolve.Master(ctx, o.Env, to, &o.server, &o.cluster)
	if err != nil {
		return err
	}
	records, notes, err := backup.List(ctx, store)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	for _, n := range notes {
		o.Warnf("%s", n)
	}
	r, err := backup.Pick(records, at)
	if err != nil {
		return fmt.Errorf("%w in %s", err, store)
	}
	if err := stale(r, time.Now(), o.maxAge); err != nil {
		return o.Findings(err)
	}
	show, err := o.NewProgress(o.progress)
	if err != nil {
		return err
	}
	defer show.End()
	began := time.Now()
	src, release, err := spooled(o.Env, r.File, func(w io.Writer) error {
		show.Print(ui.Status{Stage: "reading the backup", Total: r.Size, Elapsed: time.Since(began)})
		return backup.Read(ctx, store, r, ids, w)
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return ui.ErrInterrupted
	case errors.Is(err, backup.ErrDamaged):
		show.End()
		return o.Findings(err)
	case err != nil:
		return err
	}
	defer release()
	report, err := o.into(ctx, src, target, opts, show)
	switch {
	case err != nil:
		return err
	case r.Dump.Counted && report.Total.Read != r.Dump.Keys:
		return o.Findings(fmt.Errorf("the backup has %d keys, but its record says %d", report.Total.Read, r.Dump.Keys))
	}
	if o.output == "text" && !o.dryRun {
		o.Infof("restored the backup of %s (%v old) from %s", r.Time.Format(time.RFC3339), began.Sub(r.Time).Round(time.Second), store)
	}
	return nil
}

func (o *restoreOptions) identities() ([]age.Identity, error) {
	if o.identity == "" {
		return nil, nil
	}
	src, err := inputfile.Read(o.identity, inputfile.MaxSecret)
	if err != nil {
		return nil, fmt.Errorf("--identity-file: %w", err)
	}
	ids, err := backup.Identities(src)
	if err != nil {
		return nil, fmt.Errorf("--identity-file: %s: %w", o.identity, err)
	}
	return ids, nil
}
