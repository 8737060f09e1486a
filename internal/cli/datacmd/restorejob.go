package datacmd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/job"
)

type restoreOptions struct {
	importOptions
	store    storeFlags
	at       string
	identity string
	maxAge   time.Duration
	list     bool
}

// inCluster prints the Job that restores the backup of a Redis, or lists its backups, or runs it.
func (o *restoreOptions) inCluster(c *cobra.Command, name string) error {
	_, err := o.options()
	_, wrongTime := parseTime(o.at)
	errs := []error{err, wrongTime, forJob(name, &o.server)}
	if o.flush && !o.yes {
		errs = append(errs, errors.New("--flush with --job needs --yes (a Job cannot prompt)"))
	}
	if o.store.ca != "" {
		errs = append(errs, errors.New("--endpoint-ca: local files are not available in the cluster; with --job the CA is that of the backup"))
	}
	var identity job.Place
	if o.identity != "" {
		if identity, err = job.ParsePlace(o.identity); err != nil || identity.Secret == "" {
			errs = append(errs, fmt.Errorf("--identity-file: %q is not available in the cluster; use secret://NAME/KEY", o.identity))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	in, err := resolve.Named(c.Context(), o.Env, name, &o.cluster)
	if err != nil {
		return err
	}
	b, err := job.BackupOf(in)
	if err != nil {
		return err
	}
	j := &job.Job{Command: c.Name(), Redis: in, Backup: b, Image: cmp.Or(o.job.image, b.Image), Identity: identity}
	if err := o.arguments(c, j); err != nil {
		return err
	}
	return o.job.finish(c.Context(), o.Env, j, &o.cluster)
}

// arguments sets those of the Job: what the backup has that a restore needs too, and what was given here.
func (o *restoreOptions) arguments(c *cobra.Command, j *job.Job) error {
	create, runs := newBackupCreate(o.Env), c
	if o.list {
		j.Command, runs = "backup list", newBackupList(o.Env)
	}
	if err := create.ParseFlags(j.Backup.Arguments); err != nil {
		return fmt.Errorf("the CronJob %q runs \"backup create\" with invalid arguments: %w", j.Backup.Name, err)
	}
	words := create.Flags().Args()
	if len(words) != 2 {
		return fmt.Errorf("the CronJob %q runs \"backup create\" with %d arguments instead of SOURCE and STORE", j.Backup.Name, len(words))
	}
	j.Store = words[1]
	j.Options = given(create.Flags(), func(f *pflag.Flag) bool {
		return runs.Flags().Lookup(f.Name) != nil && f.Name != "progress" && f.Name != "output" && !c.Flags().Changed(f.Name)
	})
	j.Flags = jobArguments(c)
	if o.list {
		j.Identity = job.Place{}
		for _, arg := range j.Flags {
			if flag, _, _ := strings.Cut(arg, "="); runs.Flags().Lookup(flag[2:]) == nil {
				return fmt.Errorf("--list cannot be combined with %s", flag)
			}
		}
		return nil
	}
	if !c.Flags().Changed("verify") {
		j.Flags = append(j.Flags, "--verify=full")
	}
	encrypted := create.Flags().Changed("recipient") || create.Flags().Changed("recipients-file")
	if encrypted && j.Identity.Secret == "" {
		var err error
		j.Identity, err = j.Backup.Identity()
		return err
	}
	return nil
}
