package scaffoldcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const rotateHelp = `Rotate the password of a generated Redis without downtime, in six stages.

Without --stage it prints the stages and how far the repository is:

  1  Git   add a second Secret with the new password
  2  live  servers and sentinels accept both passwords
  3  Git   clients use the second Secret
  4  Git   the Redis uses the second Secret, and its pods restart
  5  live  servers and sentinels refuse the old password
  6  Git   remove the first Secret

Stages in Git change files like generate: review, commit, merge, and wait until
Argo CD or Flux has applied them. Live stages send ACL SETUSER, CONFIG SET
masterauth and SENTINEL SET to the pods through the API server; they show what
each accepts and ask first, unless --yes is given. Run stage 2 again if a pod
restarts before stage 4: it starts with the old password alone.

--verify-stage N asks servers, sentinels and pods whether stage N may begin, and
changes nothing.

The new Secret is made like the old one. With --auth existing:SECRET, or if
nobody generated the old one, create it yourself. Redis 6 or later is required.

Exit codes: 0 done; 1 refused, nothing was changed; 2 failed, or the cluster
could not be queried.

Examples:
  redis-gitops rotate shop redis
  redis-gitops rotate shop redis --stage 1 --dry-run
  redis-gitops rotate shop redis --verify-stage 3
  redis-gitops rotate shop redis-cache --stage 1 --auth external:prod/shop#next`

// rotateOptions are those of rotate.
type rotateOptions struct {
	planOptions
	flags.Cluster
	req        scaffold.RotateRequest
	verify     int
	auth, cert string
}

func newRotate(e *env.Env) *cobra.Command {
	o := &rotateOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:               "rotate APP NAME",
		Short:             "Rotate the password of a Redis in stages",
		Long:              rotateHelp,
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames, generatedNames("")),
		RunE: func(c *cobra.Command, args []string) error {
			o.req.App, o.req.Name = args[0], args[1]
			return o.run(c.Context())
		},
	}
	o.plan.AddCommon(c)
	f := c.Flags()
	f.IntVar(&o.req.Stage, "stage", 0, "carry out a stage")
	f.IntVar(&o.verify, "verify-stage", 0, "ask servers and pods whether a stage may begin")
	f.StringVar(&o.auth, "auth", "", "with --stage 1: existing:SECRET, sealed, external or external:KEY (default: like the old one)")
	flags.File(f, &o.cert, "cert", "with --auth sealed: certificate file of the sealed-secrets controller")
	f.StringVar(&o.req.Auth.Store, "store", "", "with --auth external: ClusterSecretStore, or SecretStore/NAME")
	f.BoolVar(&o.req.Force, "force", false, "with --stage 6: remove the old Secret even if something still refers to it")
	c.MarkFlagsMutuallyExclusive("stage", "verify-stage")
	o.Cluster.Add(c)
	flags.Complete(c, "auth", scaffold.AuthMethods())
	return c
}

func (o *rotateOptions) run(ctx context.Context) error {
	req := o.req
	req.Namespace = o.Namespace
	var in scaffold.ResourceRequest
	if err := (resourceInput{auth: o.auth, cert: o.cert}).into(&in); err != nil {
		return err
	}
	in.Auth.Store, req.Auth = req.Auth.Store, in.Auth
	stage := req.Stage + o.verify
	live := o.verify > 0 || stage == scaffold.RotateAccept || stage == scaffold.RotateRefuse
	r, err := o.Open(ctx, stage > 0 && !live && !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	if stage != 0 && !live {
		p, err := scaffold.PlanRotate(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, req)
		return o.finish(ctx, r, p, err)
	}
	if live {
		if _, err := resolve.Cluster(&o.Cluster, r); err != nil {
			return err
		}
	}
	rotation, err := scaffold.Rotate(ctx, r.Repo, r.Config, req)
	switch {
	case err != nil:
		return err
	case stage == 0:
		return o.printStages(&rotation.Stages, rotation)
	}
	if _, err := rotation.Stage(stage); err != nil {
		return err
	}
	if rotation.Stages.Stages[0].State != scaffold.StageDone {
		return fmt.Errorf("stage 1 comes first: %s", rotation.Stages.Stages[0].Title)
	}
	return o.live(ctx, rotation, stage)
}

// printStages prints a change in stages. whole is what JSON has of it.
func (o *planOptions) printStages(s *scaffold.Stages, whole any) error {
	if o.plan.Output == "json" {
		return o.JSON(whole)
	}
	w := o.Table(0)
	w.Row("%s", ui.Trusted("STAGE\tWHERE\tSTATE\tWHAT"))
	var next *scaffold.Stage
	for i := range s.Stages {
		stage := &s.Stages[i]
		where := "Git"
		if stage.Live {
			where = "live"
		}
		if stage.State == scaffold.StageNext {
			next = stage
		}
		w.Row("%d\t%s\t%s\t%s", stage.Number, where, string(stage.State), stage.Title)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range s.Notes {
		o.PrintErrf("%s %s\n", o.Paint(ui.Yellow, "note:"), n)
	}
	if next != nil {
		o.Infof("\nNext:\n- redis-gitops %s --stage %d\n- %s", s.Command, next.Number, next.Then)
	}
	return nil
}

// live carries out a stage of running servers, or verifies that a stage may begin.
func (o *rotateOptions) live(ctx context.Context, rotation *scaffold.Rotation, stage int) error {
	c, r, err := resolve.Live(ctx, o.Env, rotation.Resource, &o.Cluster)
	if err != nil {
		return err
	}
	ro, err := c.Rotation(ctx, r, rotation.From, rotation.To)
	if err != nil {
		return err
	}
	acts, document := o.verify == 0 && !o.plan.DryRun, o.plan.Output == "json"
	if !acts || !document { // which is one
		if err := o.printCredentials(ro); err != nil {
			return err
		}
	}
	if err := o.Findings(ro.Obstacles(stage)...); err != nil {
		return err
	}
	title := rotation.Stages.Stages[stage-1].Title
	switch {
	case !acts && document:
		return nil
	case o.verify > 0:
		o.Infof("stage %d may begin: %s", stage, title)
		return nil
	case !acts:
		o.Infof("would %s", title)
		return nil
	}
	if !o.plan.Yes {
		if err := o.Approve(ctx, title); err != nil {
			return err
		}
	}
	act := c.AcceptBoth
	if stage == scaffold.RotateRefuse {
		act = c.RefuseOld
	}
	after, err := act(ctx, ro, cluster.RotateOptions{Progress: o.Step})
	if errors.Is(err, cluster.ErrNotRotated) {
		return o.Findings(err)
	}
	if after != nil {
		err = errors.Join(err, o.printCredentials(after))
	}
	if err == nil && !document {
		o.Infof("\nNext:\n- %s", rotation.Stages.Stages[stage-1].Then)
	}
	return err
}

// printCredentials shows what servers and sentinels accept.
func (o *rotateOptions) printCredentials(ro *cluster.Rotation) error {
	if o.plan.Output == "json" {
		return o.JSON(credentialsJSON(ro))
	}
	if o.Quiet {
		return nil
	}
	w := o.Table(0)
	w.Row("%s", ui.Trusted("POD\tREDIS\tACCEPTS"))
	for _, cr := range slices.Concat(ro.Servers, ro.Sentinels) {
		w.Row("%s\t%s\t%s", cr.Pod.Name, cr.Version, cr.Accepts())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(ro.Users) > 0 {
		o.Infof("pods with the old Secret: %s", strings.Join(ro.Users, ", "))
	}
	return nil
}

// credentialsJSON is what JSON has of them.
func credentialsJSON(ro *cluster.Rotation) any {
	type accepts struct {
		Pod     string `json:"pod"`
		Version string `json:"version"`
		Old     bool   `json:"old"`
		New     bool   `json:"new"`
	}
	out := struct {
		Servers   []accepts `json:"servers"`
		Sentinels []accepts `json:"sentinels"`
		Users     []string  `json:"users"`
	}{[]accepts{}, []accepts{}, append([]string{}, ro.Users...)}
	add := func(list *[]accepts, all []*cluster.Credentials) {
		for _, cr := range all {
			*list = append(*list, accepts{cr.Pod.Name, cr.Version, cr.Old, cr.New})
		}
	}
	add(&out.Servers, ro.Servers)
	add(&out.Sentinels, ro.Sentinels)
	return out
}
