package scaffoldcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cluster"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/resolve"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const migrateHelp = `Move a Redis to another operator or engine, in five stages.

NAME is a generated Redis of APP, or a release of Bitnami's charts redis and
valkey, whatever installs it; then the new Redis is one of APP. What another
generator wrote, such as that of Reclaim the Stack, is first taken over in place,
in one stage, which prints what restarts.

Without --stage it prints the stages, how far the repository is, and what cannot
be carried over; --list prints what is possible, and why the rest is not.

  1  Git   add the new Redis beside the old one
  2  live  the new Redis follows the old one
  3  live  the old Redis refuses writes, then the new one accepts them
  4  Git   clients use the new Redis
  5  Git   remove the old Redis; its volumes stay

Where the new Redis cannot follow the old one, stage 2 makes the old one refuse
writes, and stage 3 compares the data that dump and import copy in between.

Stages in Git change files like generate: review, commit, merge, and wait until
Argo CD or Flux has applied them. Live stages send REPLICAOF, SENTINEL REMOVE
and ACL SETUSER to the pods through the API server; they ask first, unless --yes
is given. From stage 3 until clients have restarted with stage 4, they cannot
write. --back makes the old Redis accept writes again before that.

--verify-stage N asks servers, sentinels and pods whether stage N may begin, and
changes nothing.

Exit codes: 0 done; 1 refused, nothing was changed; 2 failed, or the cluster
could not be queried.

Examples:
  redis-gitops migrate shop redis --list
  redis-gitops migrate shop redis --to statefulset
  redis-gitops migrate shop redis --to valkey --stage 1 --dry-run
  redis-gitops migrate shop redis --verify-stage 3
  redis-gitops migrate shop cache-redis --to statefulset  # a release of a chart`

// migrateOptions are those of migrate.
type migrateOptions struct {
	planOptions
	flags.Cluster
	req        scaffold.MigrateRequest
	verify     int
	list, back bool
	set        []string
	auth, cert string
}

func newMigrate(e *env.Env) *cobra.Command {
	o := &migrateOptions{planOptions: planOptions{Env: e}}
	c := &cobra.Command{
		Use:               "migrate APP NAME",
		Short:             "Move a Redis to another operator or engine in stages",
		Long:              migrateHelp,
		Args:              flags.FromUse,
		ValidArgsFunction: e.CompleteArgs(e.AppNames, generatedNames("")),
		RunE: func(c *cobra.Command, args []string) error {
			o.req.App, o.req.Name = args[0], args[1]
			return o.run(c.Context())
		},
	}
	o.plan.AddCommon(c)
	f := c.Flags()
	f.StringVar(&o.req.To, "to", "", "operator of the new Redis, or valkey to change the engine")
	f.StringVar(&o.req.Suffix, "suffix", "", "suffix of the new Redis (default: that of the old one with a number)")
	f.StringArrayVar(&o.set, "set", nil, "with --stage 1: set a value, such as memory=1Gi; may be repeated")
	f.StringVar(&o.auth, "auth", "", "with --stage 1 of a chart: existing:SECRET, sealed, external or external:KEY (default: the same password)")
	flags.File(f, &o.cert, "cert", "with --auth sealed: certificate file of the sealed-secrets controller")
	f.StringVar(&o.req.Auth.Store, "store", "", "with --auth external: ClusterSecretStore, or SecretStore/NAME")
	f.IntVar(&o.req.Stage, "stage", 0, "carry out a stage")
	f.IntVar(&o.verify, "verify-stage", 0, "ask servers and pods whether a stage may begin")
	f.BoolVar(&o.list, "list", false, "print what the Redis can be migrated to")
	f.BoolVar(&o.back, "back", false, "make the old Redis accept writes again, before clients have moved")
	f.BoolVar(&o.req.Force, "force", false, "with --stage 5: remove the old Redis even if something still refers to it or its volumes go too")
	c.MarkFlagsMutuallyExclusive("stage", "verify-stage", "list", "back")
	o.Cluster.Add(c)
	flags.Register(c, "to", e.CompleteFlag(o.targets))
	flags.Complete(c, "auth", scaffold.AuthMethods())
	return c
}

// targets completes --to.
func (o *migrateOptions) targets(r *env.Repository, args []string) ([]string, error) {
	if len(args) < 2 {
		return nil, nil
	}
	all, err := scaffold.MigrationTargets(context.Background(), r.Repo, r.Config, scaffold.MigrateRequest{App: args[0], Name: args[1]})
	var names []string
	for _, t := range all {
		if t.Reason == "" {
			names = append(names, t.Name)
		}
	}
	return names, err
}

func (o *migrateOptions) run(ctx context.Context) error {
	req := o.req
	req.Namespace = o.Namespace
	in := scaffold.ResourceRequest{Auth: req.Auth}
	err := resourceInput{set: o.set, auth: o.auth, cert: o.cert}.into(&in)
	if err != nil {
		return err
	}
	req.Set, req.Auth = in.Set, in.Auth
	stage := req.Stage + o.verify
	live := o.back || o.verify > 0 || stage == scaffold.MigrateFollow || stage == scaffold.MigrateSwitch
	r, err := o.Open(ctx, stage > 0 && !live && !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	switch {
	case o.list:
		targets, err := scaffold.MigrationTargets(ctx, r.Repo, r.Config, req)
		if err != nil {
			return err
		}
		return o.printTargets(targets)
	case stage != 0 && !live:
		p, err := scaffold.PlanMigrate(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, req)
		if err == nil && p.Running {
			err = consequences(ctx, r, p)
		}
		return o.finish(ctx, r, p, err)
	case live:
		if _, err := resolve.Cluster(&o.Cluster, r); err != nil {
			return err
		}
	}
	migration, err := scaffold.Migrate(ctx, r.Repo, r.Config, req)
	switch {
	case err != nil:
		return err
	case !live:
		return o.printStages(&migration.Stages, migration)
	}
	if !o.back {
		if _, err := migration.Stage(stage); err != nil {
			return err
		}
	}
	switch stages := migration.Stages.Stages; {
	case migration.Way == scaffold.Adopt, migration.Way == scaffold.InPlace:
		return fmt.Errorf("the migration to operator %q has no live stages; redis-gitops doctor checks the result", migration.Operator)
	case stages[0].State != scaffold.StageDone:
		return fmt.Errorf("stage 1 comes first: %s", stages[0].Title)
	case stages[scaffold.MigrateRemove-1].State == scaffold.StageDone:
		return fmt.Errorf("the migration is complete: %s is gone", migration.From)
	case o.back && stages[scaffold.MigrateClients-1].State == scaffold.StageDone:
		return errors.New("the clients were pointed to the new Redis; what they have written there is not in the old one, so it must not accept writes again")
	}
	return o.live(ctx, migration, stage)
}

func (o *migrateOptions) printTargets(targets []scaffold.MigrationTarget) error {
	if o.plan.Output == "json" {
		return o.JSON(targets)
	}
	w := o.Table(0)
	w.Row("%s", ui.Trusted("TO\tBY\tWHY"))
	for _, t := range targets {
		way, why := string(t.Way), t.Why
		if t.Source != "" {
			why += " (" + t.Source + ")"
		}
		if t.Reason != "" {
			way, why = "–", t.Reason
		}
		w.Row("%s\t%s\t%s", t.Name, way, why)
	}
	return w.Flush()
}

// live carries out a stage of running servers, or verifies that a stage may begin.
func (o *migrateOptions) live(ctx context.Context, migration *scaffold.Migration, stage int) error {
	c, old, err := resolve.Live(ctx, o.Env, migration.Resource, &o.Cluster)
	if err != nil {
		return err
	}
	_, now, err := resolve.Live(ctx, o.Env, migration.NewResource, &o.Cluster)
	if err != nil {
		return err
	}
	m, err := c.Migration(ctx, old, now, migration.Way == scaffold.Import)
	if err != nil {
		return err
	}
	acts, document := o.verify == 0 && !o.plan.DryRun, o.plan.Output == "json"
	if !acts || !document { // which is one
		if err := o.printSides(m); err != nil {
			return err
		}
	}
	title := "make " + migration.From + " accept writes again"
	if !o.back {
		title = migration.Stages.Stages[stage-1].Title
	}
	compares := migration.Way == scaffold.Import && stage == scaffold.MigrateSwitch
	if !acts || compares {
		begins := stage
		if acts && compares {
			begins = scaffold.MigrateClients
		}
		return o.may(m, migration, begins, stage, title, acts)
	}
	if !o.plan.Yes {
		if err := o.Approve(ctx, title); err != nil {
			return err
		}
	}
	return o.act(ctx, c, m, migration, stage)
}

// may reports whether a stage may begin.
func (o *migrateOptions) may(m *cluster.Migration, migration *scaffold.Migration, begins, stage int, title string, compares bool) error {
	found := o.Findings(m.Obstacles(begins)...)
	document := o.plan.Output == "json"
	switch {
	case found != nil && compares && !document:
		o.Infof("\nNext:\n- redis-gitops dump %[1]s %[1]s.rdb\n- redis-gitops import %[1]s.rdb %[2]s\n- this command again", migration.Resource, migration.NewResource)
		return found
	case found != nil:
		return found
	case document:
	case compares:
		o.Infof("%s has the keys of %s\n\nNext:\n- %s", migration.To, migration.From, migration.Stages.Stages[stage-1].Then)
	case o.verify > 0:
		o.Infof("stage %d may begin: %s", stage, title)
	default:
		o.Infof("would %s", title)
	}
	return nil
}

// act changes the servers.
func (o *migrateOptions) act(ctx context.Context, c *cluster.Cluster, m *cluster.Migration, migration *scaffold.Migration, stage int) error {
	options := cluster.MigrateOptions{Progress: o.Step}
	var err error
	var gap time.Duration
	switch {
	case o.back:
		return c.AcceptWrites(ctx, m, options)
	case stage == scaffold.MigrateFollow && migration.Way == scaffold.Import:
		err = c.RefuseWrites(ctx, m, options)
	case stage == scaffold.MigrateFollow:
		err = c.Follow(ctx, m, options)
	default:
		var s *cluster.Switch
		if s, err = c.Switch(ctx, m, options); s != nil {
			gap = s.Gap
		}
	}
	if errors.Is(err, cluster.ErrNotMigrated) {
		return o.Findings(err)
	}
	if err != nil {
		return err
	}
	if o.plan.Output == "json" {
		return o.JSON(struct {
			Stage int   `json:"stage"`
			Gap   int64 `json:"gapMilliseconds"`
		}{stage, gap.Milliseconds()})
	}
	o.Infof("\nNext:\n- %s", migration.Stages.Stages[stage-1].Then)
	return nil
}

// printSides shows the old and the new servers.
func (o *migrateOptions) printSides(m *cluster.Migration) error {
	if o.plan.Output == "json" {
		return o.JSON(sidesJSON(m))
	}
	if o.Quiet {
		return nil
	}
	w := o.Table(0)
	w.Row("%s", ui.Trusted("POD\tVERSION\tROLE\tWRITES"))
	for _, row := range m.Sides() {
		w.Row("%s\t%s\t%s\t%s", row[0], row[1], row[2], row[3])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(m.Pods) > 0 {
		o.Infof("pods that name the old Redis: %s", strings.Join(m.Pods, ", "))
	}
	return nil
}

// sidesJSON is what JSON has of them.
func sidesJSON(m *cluster.Migration) any {
	type server struct {
		Pod     string `json:"pod"`
		Version string `json:"version"`
		Role    string `json:"role"`
		Writes  string `json:"writes"`
	}
	out := struct {
		Servers []server `json:"servers"`
		Pods    []string `json:"pods"`
	}{[]server{}, append([]string{}, m.Pods...)}
	for _, row := range m.Sides() {
		out.Servers = append(out.Servers, server{row[0], row[1], row[2], row[3]})
	}
	return out
}
