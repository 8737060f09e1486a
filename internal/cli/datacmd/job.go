package datacmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/job"
)

// jobHelp is part of the help of import and dump.
const jobHelp = `With --job, prints a Kubernetes Job manifest that runs this command in the
cluster, close to the data. Apply it with kubectl, or commit it; its log shows
the progress. FILE is then pvc://CLAIM/PATH, a file in a
PersistentVolumeClaim%s. With --apply, the Job is created and followed: its log
goes to standard error, and its exit code becomes the exit code of this command.
Ctrl-C leaves the Job running; run the same command again to follow it.`

var errApplyAlone = errors.New("--apply requires --job")

// jobFlags are those of a command that a Job can run.
type jobFlags struct {
	job   bool
	apply bool
	image string
}

func (f *jobFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.job, "job", false, "print a Kubernetes Job that runs this in the cluster")
	c.Flags().BoolVar(&f.apply, "apply", false, "with --job: create the Job and follow it until it finishes")
	c.Flags().StringVar(&f.image, "image", "", "with --job: image that contains redis-gitops (default: redis-gitops with the version of this program, as make image builds it)")
}

// makeJob prints the Job of a command with the flags that it was given, or runs it.
func makeJob(e *env.Env, c *cobra.Command, name, place string, f *jobFlags, cf *flags.Cluster, server *flags.Server) error {
	dump, err := job.ParsePlace(place)
	if err := errors.Join(err, forJob(name, server)); err != nil {
		return err
	}
	in, err := resolve.Named(c.Context(), e, name, cf)
	if err != nil {
		return err
	}
	j := &job.Job{Command: c.Name(), Redis: in, Dump: dump, Image: cmp.Or(f.image, e.Image()), Flags: jobArguments(c)}
	return f.finish(c.Context(), e, j, cf)
}

// forJob returns what a Job cannot have.
func forJob(name string, server *flags.Server) error {
	var errs []error
	if server.Files() {
		errs = append(errs, errors.New("local files are not available in the cluster; with --job the password comes from the Secret of the Redis"))
	}
	if !instance.IsName(name) {
		errs = append(errs, fmt.Errorf("%q is not the name of a Redis; --job needs one to find its Service and Secret", name))
	}
	return errors.Join(errs...)
}

// finish prints a Job, or runs it.
func (f *jobFlags) finish(ctx context.Context, e *env.Env, j *job.Job, cf *flags.Cluster) error {
	if f.apply {
		manifest, err := j.Object()
		if err != nil {
			return err
		}
		again := map[string]string{"import": ", with --resume if it had started", "restore": ", with --flush if it had started"}[j.Command]
		return runJob(ctx, e, manifest, again, cf)
	}
	text, err := j.YAML()
	if err != nil {
		return err
	}
	if e.Secrets.Text(string(text)) != string(text) {
		return errors.New("the Job cannot be printed, because the backup's CronJob has a value that looks like a password; move it to a Secret, or use --apply")
	}
	_, err = e.Out.Write(text)
	return err
}

// runJob creates a Job and follows it to its end; again is how the command is run again after a failure.
func runJob(ctx context.Context, e *env.Env, manifest map[string]any, again string, cf *flags.Cluster) error {
	c, err := resolve.Cluster(cf, nil)
	if err != nil {
		return err
	}
	j, err := c.StartJob(ctx, manifest)
	if err != nil {
		return err
	}
	if j.Found {
		e.Step(fmt.Sprintf("%s is already running with the same command; following it", j))
	} else {
		e.Step(fmt.Sprintf("%s created", j))
	}
	o := cluster.JobOptions{Say: e.Step}
	if !e.Quiet {
		o.Log = e.Err
	}
	began := time.Now()
	end, err := c.FollowJob(ctx, j, o)
	if err != nil {
		return err
	}
	if end.Code == 0 {
		e.Infof("%s succeeded after %v", j, time.Since(began).Round(time.Second))
		return nil
	}
	if e.Quiet && end.Last != "" {
		e.PrintErrf("%s\n", end.Last)
	}
	err = fmt.Errorf("%s failed: %s; run kubectl delete job %s -n %s, then run this command again%s", j, end.Why, j.Name, j.Namespace, again)
	if end.Code != exitcode.Findings {
		return err
	}
	return e.Findings(err)
}

// jobArguments returns the flags that were given and are not about this machine.
func jobArguments(c *cobra.Command) []string {
	here := []string{"job", "apply", "image", "kubeconfig", "context", "namespace", "list", "identity-file"}
	return given(c.Flags(), func(f *pflag.Flag) bool {
		return !slices.Contains(here, f.Name) && c.InheritedFlags().Lookup(f.Name) == nil
	})
}

// given returns those of the flags that were given, as arguments.
func given(set *pflag.FlagSet, ok func(*pflag.Flag) bool) []string {
	var out []string
	set.Visit(func(f *pflag.Flag) {
		if !ok(f) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			out = append(out, "--"+f.Name+"="+v)
		}
	})
	return out
}
