package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/job"
)

// jobHelp is part of the help of import and dump.
const jobHelp = `With --job nothing is done here: a Kubernetes Job is printed that runs the same inside of the cluster, near the data. Apply it
with kubectl, or commit it; its log has the progress. FILE is then pvc://CLAIM/PATH, a file in a PersistentVolumeClaim%s.`

// jobFlags are those of a command that a Job can run.
type jobFlags struct {
	job   bool
	image string
}

func (f *jobFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.job, "job", false, "print a Kubernetes Job that does it inside of the cluster")
	c.Flags().StringVar(&f.image, "image", "", "with --job: an image that has redis-gitops")
}

// printJob prints the Job of a command with the flags that it was given.
func (a *app) printJob(c *cobra.Command, name, place string, f *jobFlags, cf *clusterFlags, server *serverFlags) error {
	var problems diag.Problems
	add := func(err error) { problems = append(problems, &diag.Problem{Message: err.Error()}) }
	dump, err := job.ParsePlace(place)
	if err != nil {
		add(err)
	}
	if server.passwordFile+server.sentinelPasswordFile+server.ca+server.cert+server.key != "" {
		add(errors.New("files of this machine are not in the cluster; with --job the password comes from the Secret of the Redis"))
	}
	if !instance.IsName(name) {
		add(fmt.Errorf("%q is no name of a Redis, which --job needs to know its Service and Secret", name))
	}
	if len(problems) > 0 {
		return problems
	}
	in, err := a.instanceNamed(c.Context(), name, cf)
	if err != nil {
		return err
	}
	text, err := (&job.Job{Command: c.Name(), Redis: in, Dump: dump, Image: f.image, Flags: jobArguments(c)}).YAML()
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}

// jobArguments gives the flags that were given and are not about this machine.
func jobArguments(c *cobra.Command) []string {
	here := []string{"job", "image", "kubeconfig", "context", "namespace"}
	var out []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(here, f.Name) || c.InheritedFlags().Lookup(f.Name) != nil {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			// Kubernetes would fill in $(NAME), and takes $$ for $.
			out = append(out, "--"+f.Name+"="+strings.ReplaceAll(v, "$(", "$$("))
		}
	})
	return out
}

// instanceNamed finds a Redis in the files of the repository, or in the cluster where there is none.
func (a *app) instanceNamed(ctx context.Context, name string, f *clusterFlags) (*instance.Instance, error) {
	o, noRepository := a.open(false)
	switch {
	case noRepository == nil:
		defer o.fs.Close()
		return a.findInstance(ctx, o, name, f.namespace)
	case !errors.Is(noRepository, errNoRepository):
		return nil, noRepository
	}
	_, r, err := a.outside(ctx, name, f, noRepository)
	if err != nil {
		return nil, err
	}
	return r.Instance, nil
}
