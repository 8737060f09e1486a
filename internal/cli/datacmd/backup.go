package datacmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/backup"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/rdb"
)

func newBackup(e *env.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: "Write, list and verify backups of a Redis in a bucket or directory",
		Args:  flags.Subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newBackupCreate(e), newBackupList(e), newBackupVerify(e))
	return c
}

const backupCreateHelp = `Back up a running Redis or Valkey: take a dump as "redis-gitops dump" does, and
store it compressed, with a record of its size, checksum and number of keys.

%s

%s %s

The dump is read back from the store and compared before its record is written;
a dump without a record does not count as a backup, and is never restored. With
--recipient, it is encrypted with age, and only the holder of the private key,
which is not needed here, can restore it.

Old backups are removed according to the --keep-* flags once the new one is
verified; without them, all are kept.

Examples:
  redis-gitops backup create shop s3://backups/production/shop --keep-daily 14
  redis-gitops backup create redis+sentinel://rfs-shop:26379/mymaster /backups/shop --recipient age1…`

type backupCreateOptions struct {
	dumpOptions
	store          storeFlags
	recipients     []string
	recipientsFile string
	keep           backup.Keep
	output         string
}

func newBackupCreate(e *env.Env) *cobra.Command {
	o := &backupCreateOptions{dumpOptions: dumpOptions{Env: e}}
	c := &cobra.Command{
		Use:   "create SOURCE STORE",
		Short: "Back up a running Redis",
		Long:  fmt.Sprintf(backupCreateHelp, storeHelp, o.server.Help(), resolve.NamedServer),
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0], args[1]) },
	}
	o.addSource(c)
	o.store.add(c)
	set := c.Flags()
	set.StringArrayVar(&o.recipients, "recipient", nil, "encrypt for this age recipient (age1…; may be repeated)")
	flags.File(set, &o.recipientsFile, "recipients-file", "file with age recipients, one per line")
	set.IntVar(&o.keep.Last, "keep-last", 0, "keep the last N backups")
	set.IntVar(&o.keep.Days, "keep-daily", 0, "keep the newest backup of each of the last N days that have one")
	set.IntVar(&o.keep.Weeks, "keep-weekly", 0, "keep the newest backup of each of the last N weeks that have one")
	set.IntVar(&o.keep.Months, "keep-monthly", 0, "keep the newest backup of each of the last N months that have one")
	flags.AddOutput(c, &o.output, "text", "json")
	return c
}

// backedUp is what backup create did. The names of the fields are those of the JSON.
type backedUp struct {
	Store   string        `json:"store"`
	Backup  backup.Record `json:"backup"`
	Removed []string      `json:"removed"`
	Seconds float64       `json:"seconds"`
}

func (o *backupCreateOptions) run(ctx context.Context, from, to string) error {
	opts, err := o.options()
	if err != nil {
		return err
	}
	store, err := o.store.open(o.Env, to)
	if err != nil {
		return err
	}
	d, err := o.dumpOptions.open(ctx, from)
	if err != nil {
		return err
	}
	defer d.show.End()
	opts.Source = d.source.String()
	opts.Checking = func(size int64) {
		d.show.Print(ui.Status{Stage: "verifying", Total: size, Elapsed: time.Since(d.began)})
	}
	r, err := backup.Write(ctx, store, opts, func(ctx context.Context, w io.Writer) (backup.Dump, error) {
		err := d.fill(ctx, w)
		return d.dumped, err
	})
	d.show.End()
	if err != nil {
		return interruptedOr(ctx, err)
	}
	removed, err := backup.Prune(ctx, store, o.keep)
	if o.output == "json" {
		if removed == nil {
			removed = []string{}
		}
		err = errors.Join(o.JSON(backedUp{store.String(), r, removed, time.Since(d.began).Seconds()}), err)
	} else {
		o.Infof("%s: %s; %s stored and verified%s", r.File, d.summary, rdb.FormatBytes(uint64(r.Size)), map[bool]string{true: ", encrypted"}[r.Sealed])
		if len(removed) > 0 {
			o.Infof("%s removed", finding.Count(len(removed), "old backup"))
		}
	}
	if err != nil {
		return interruptedOr(ctx, fmt.Errorf("the backup is complete, but %w", err))
	}
	return nil
}

// options returns what the flags say, all mistakes at once.
func (o *backupCreateOptions) options() (backup.Options, error) {
	var errs []error
	recipients := slices.Clone(o.recipients)
	if o.recipientsFile != "" {
		file, err := inputfile.Read(o.recipientsFile, inputfile.MaxSecret)
		if err != nil {
			errs = append(errs, fmt.Errorf("--recipients-file: %w", err))
		} else {
			recipients = append(recipients, string(file))
		}
	}
	opts := backup.Options{Time: time.Now()}
	var err error
	if opts.Recipients, err = backup.Recipients(recipients...); err != nil {
		errs = append(errs, fmt.Errorf("--recipient: %w", err))
	}
	if min(o.keep.Last, o.keep.Days, o.keep.Weeks, o.keep.Months) < 0 {
		errs = append(errs, errors.New("--keep-last, --keep-daily, --keep-weekly and --keep-monthly cannot be negative"))
	}
	return opts, errors.Join(errs...)
}

func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ui.ErrInterrupted
	}
	return err
}

const backupListHelp = `List the backups in a store, newest first. Dumps without a record, which are
incomplete, are not listed; records without their dump are reported.

%s

With --max-age, exits with 1 if the newest backup is older, or if there is none.

Examples:
  redis-gitops backup list s3://backups/production/shop
  redis-gitops backup list /backups/shop --max-age 26h -o json`

type backupListOptions struct {
	*env.Env
	store  storeFlags
	maxAge time.Duration
	output string
}

func newBackupList(e *env.Env) *cobra.Command {
	o := &backupListOptions{Env: e}
	c := &cobra.Command{
		Use:   "list STORE",
		Short: "List the backups in a store",
		Long:  fmt.Sprintf(backupListHelp, storeHelp),
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	o.store.add(c)
	c.Flags().DurationVar(&o.maxAge, "max-age", 0, "exit with 1 if the newest backup is older than this, such as 26h")
	flags.AddOutput(c, &o.output, "text", "json")
	return c
}

// listedBackups is what backup list prints as JSON.
type listedBackups struct {
	Store   string          `json:"store"`
	Backups []backup.Record `json:"backups"`
	Notes   []string        `json:"notes"`
}

func (o *backupListOptions) run(ctx context.Context, from string) error {
	store, err := o.store.open(o.Env, from)
	if err != nil {
		return err
	}
	records, notes, err := backup.List(ctx, store)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	if o.output == "json" {
		if records == nil {
			records = []backup.Record{}
		}
		if notes == nil {
			notes = []string{}
		}
		if err := o.JSON(listedBackups{store.String(), records, notes}); err != nil {
			return err
		}
	} else {
		for _, n := range notes {
			o.Warnf("%s", n)
		}
		w := o.Table(0)
		w.Row("TIME\tKEYS\tDUMP\tSTORED\tENCRYPTED\tFILE")
		for _, r := range records {
			w.Row("%s\t%s\t%s\t%s\t%s\t%s", r.Time.Format(time.RFC3339), keysOf(r), rdb.FormatBytes(uint64(r.Dump.Bytes)), rdb.FormatBytes(uint64(r.Size)), map[bool]string{true: "yes", false: "no"}[r.Sealed], r.File)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if o.maxAge <= 0 {
		return nil
	}
	return o.Findings(newest(records, store, time.Now(), o.maxAge))
}

// newest returns an error if the newest backup is too old, or there is none.
func newest(records []backup.Record, store backup.Store, now time.Time, limit time.Duration) error {
	r, err := backup.Pick(records, time.Time{})
	if err != nil {
		return fmt.Errorf("%w in %s", err, store)
	}
	return stale(r, now, limit)
}

func keysOf(r backup.Record) string {
	if !r.Dump.Counted {
		return "?"
	}
	return fmt.Sprint(r.Dump.Keys)
}

const backupVerifyHelp = `Read the backups in a store and compare each with its record: every byte is
read. Exits with 1 if one is damaged or incomplete, or if there is none.

%s

This proves that the store returns what was written. That a backup can be
loaded, only a restore proves: "redis-gitops restore" into an empty Redis.

Examples:
  redis-gitops backup verify s3://backups/production/shop
  redis-gitops backup verify /backups/shop --all --max-age 26h`

type backupVerifyOptions struct {
	backupListOptions
	all bool
}

func newBackupVerify(e *env.Env) *cobra.Command {
	o := &backupVerifyOptions{backupListOptions: backupListOptions{Env: e}}
	c := &cobra.Command{
		Use:   "verify STORE",
		Short: "Compare the backups in a store with their records",
		Long:  fmt.Sprintf(backupVerifyHelp, storeHelp),
		Args:  flags.FromUse,
		RunE:  func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	o.store.add(c)
	c.Flags().BoolVar(&o.all, "all", false, "read all backups instead of the newest")
	c.Flags().DurationVar(&o.maxAge, "max-age", 0, "also exit with 1 if the newest backup is older than this, such as 26h")
	return c
}

func (o *backupVerifyOptions) run(ctx context.Context, from string) error {
	store, err := o.store.open(o.Env, from)
	if err != nil {
		return err
	}
	records, notes, err := backup.List(ctx, store)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	var errs []error
	for _, n := range notes {
		errs = append(errs, errors.New(n))
	}
	errs = append(errs, newest(records, store, time.Now(), o.maxAge))
	if !o.all && len(records) > 1 {
		records = records[:1]
	}
	for _, r := range records {
		switch err := backup.Check(ctx, store, r); {
		case ctx.Err() != nil:
			return ui.ErrInterrupted
		case err == nil:
			o.Infof("%s: checksum OK, %s, of %s", r.File, rdb.FormatBytes(uint64(r.Size)), r.Time.Format(time.RFC3339))
		case errors.Is(err, backup.ErrDamaged):
			errs = append(errs, err)
		default:
			return err
		}
	}
	return o.Findings(errs...)
}
