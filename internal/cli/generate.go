package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const generateHelp = `Generate an application, resource or deployment in the repository.

generate is idempotent. If a file or value exists with different content, it
reports a conflict with a diff, writes nothing and exits with 2; use --keep or
--force to resolve it.

Examples:
  redis-gitops generate application shop
  redis-gitops generate resource shop redis --profile queue
  redis-gitops generate resource shop redis --suffix cache --profile cache --set memory=1Gi --dry-run
  redis-gitops generate resource shop redis --auth sealed --cert sealed-secrets.pem
  redis-gitops generate deployment shop sidekiq`

func (a *app) generateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "generate",
		Short: "Generate an application, resource or deployment",
		Long:  generateHelp,
		Args:  flags.Subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.generateApplicationCommand(), a.generateResourceCommand(), a.generateDeploymentCommand(), a.updateCommand())
	return c
}

// finish shows a plan and, unless it is a dry run, applies it.
func (a *app) finish(ctx context.Context, o *env.Repository, f *flags.Plan, p *scaffold.Plan, err error) error {
	var conflict *scaffold.ConflictError
	if err != nil && !errors.As(err, &conflict) {
		return err
	}
	if p.Generator != "" {
		a.Debugf("generator %s", p.Generator)
	}
	if conflict == nil && !f.DryRun {
		if ctx.Err() != nil {
			return ui.ErrInterrupted
		}
		if err := p.Apply(o.Repo); err != nil {
			return err
		}
	}
	if f.Output == "json" {
		out, err := p.JSON(func(diff string) string {
			text, _ := a.Secrets.Patch(diff)
			return text
		})
		if err != nil {
			return err
		}
		if err := a.JSONText(out); err != nil {
			return err
		}
		if conflict != nil {
			return exitcode.Code(exitcode.Error)
		}
		return nil
	}
	if conflict != nil {
		for _, c := range conflict.Conflicts {
			a.PrintErrf("%s %v\n", a.Paint(ui.Red, "error:"), &c.Problem)
			a.Patch(a.Err, c.Diff)
		}
		a.PrintErrf("%s\n", "nothing was changed")
		return exitcode.Code(exitcode.Error)
	}
	for _, n := range p.Notes {
		if a.Quiet {
			break
		}
		a.PrintErrf("%s %s\n", a.Paint(ui.Yellow, "note:"), n)
	}
	if f.DryRun {
		a.Patch(a.Out, p.Diff())
		return nil
	}
	if !p.Changed() {
		a.Infof("nothing to do: already up to date")
		return nil
	}
	for _, file := range p.Files {
		if file.Action != scaffold.Unchanged {
			a.Infof("%-6s %s", file.Action, file.Path)
		}
	}
	if p.URL != "" {
		a.Infof("\nURL: %s", p.URL)
	}
	if len(p.Next) > 0 {
		a.Infof("\nNext:")
		for _, n := range p.Next {
			a.Infof("- %s", a.Block(strings.ReplaceAll(n, "\n", "\n  ")))
		}
	}
	return nil
}

func (a *app) generateApplicationCommand() *cobra.Command {
	var plan flags.Plan
	var req scaffold.ApplicationRequest
	c := &cobra.Command{
		Use:   "application APP",
		Short: "Generate an application: a chart, or a kustomization",
		Long: `Generate an application: a chart with empty values and their JSON Schema or,
with --kustomize, an empty kustomization.

Examples:
  redis-gitops generate application shop
  redis-gitops generate application reports --kustomize`,
		Args: flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error {
			req.App, req.Conflicts = args[0], plan.Conflicts()
			o, err := a.Open(c.Context(), !plan.DryRun)
			if err != nil {
				return err
			}
			defer o.FS.Close()
			p, err := scaffold.PlanApplication(o.Repo, req)
			return a.finish(c.Context(), o, &plan, p, err)
		},
	}
	plan.Add(c)
	c.Flags().BoolVar(&req.Kustomize, "kustomize", false, "generate a kustomization instead of a chart")
	return c
}

func (a *app) generateResourceCommand() *cobra.Command {
	var plan flags.Plan
	var req scaffold.ResourceRequest
	var in resourceInput
	c := &cobra.Command{
		Use:   "resource APP [TYPE]",
		Short: "Add a resource to an application (default type: redis)",
		Long: `Add a resource to an application: a template from
generators/resources/TYPE.yaml, or the built-in one, and the values and
environment variables in values.yaml.

Values are added under resources, or under databases if a template of the chart
renders resources as a whole. A Redis gets a NetworkPolicy if the namespace of
the Redis operator is known: from operator.namespace in .redis-gitops.yaml, or
because the repository installs the operator. Use --set networkPolicy= to omit
it.

Examples:
  redis-gitops generate resource shop redis
  redis-gitops generate resource shop redis --suffix cache --profile cache --set memory=1Gi
  redis-gitops generate resource shop redis --auth existing:shop-redis-auth --dry-run`,
		Args:              flags.FromUse,
		ValidArgsFunction: a.CompleteArgs(a.AppNames, a.resourceTypes),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.App = args[0]
			if len(args) == 2 {
				req.Type = args[1]
			}
			if err := in.into(&req); err != nil {
				return err
			}
			return a.generateResource(cmd.Context(), &plan, req)
		},
	}
	plan.Add(c)
	f := c.Flags()
	f.StringVar(&req.Suffix, "suffix", "", "suffix for a second instance; added to every name")
	f.StringVar(&req.Operator, "operator", "", "operator to use (default: operator.name of the configuration)")
	f.StringVar(&req.Profile, "profile", "", "profile: cache, queue, store, or one from the configuration")
	f.StringVar(&req.Size, "size", "", "size: dev for a single small instance")
	f.StringArrayVar(&in.set, "set", nil, "set a value, such as memory=1Gi; may be repeated")
	f.StringVar(&in.auth, "auth", "", "authentication: none, existing:SECRET, sealed, external or external:KEY")
	f.StringVar(&in.cert, "cert", "", "with --auth sealed: certificate file of the sealed-secrets controller")
	f.StringVar(&req.Auth.Store, "store", "", "with --auth external: ClusterSecretStore, or SecretStore/NAME")
	f.StringVar(&req.Namespace, "namespace", "", "namespace of the application (default: from Argo CD or Flux)")
	f.StringArrayVar(&in.env, "env", nil, "rename an environment variable, for example REDIS_URL=CACHE_URL; may be repeated")
	flags.Complete(c, "auth", scaffold.AuthMethods())
	completeOperator(c)
	flags.Register(c, "profile", a.CompleteFlag(a.profileNames(false)))
	flags.Register(c, "size", a.CompleteFlag(a.profileNames(true)))
	return c
}

// resourceInput is what flags say in a notation of their own.
type resourceInput struct {
	set, env   []string
	auth, cert string
}

func (in resourceInput) into(req *scaffold.ResourceRequest) (err error) {
	if req.Set, err = parseSet(in.set); err != nil {
		return err
	}
	if req.Env, err = parsePairs("--env", in.env); err != nil {
		return err
	}
	method, secret, _ := strings.Cut(in.auth, ":")
	req.Auth.Method, req.Auth.Secret = scaffold.AuthMethod(method), secret
	if req.Auth.Method == scaffold.External {
		req.Auth.Secret, req.Auth.Key = "", secret
	}
	if in.cert != "" {
		if req.Auth.Cert, err = inputfile.Read(in.cert, inputfile.MaxSecret); err != nil {
			return fmt.Errorf("--cert: %w", err)
		}
	}
	return nil
}

// generateResource plans a resource, asking for what is missing on a terminal.
func (a *app) generateResource(ctx context.Context, plan *flags.Plan, req scaffold.ResourceRequest) error {
	req.Conflicts = plan.Conflicts()
	o, err := a.Open(ctx, !plan.DryRun)
	if err != nil {
		return err
	}
	defer o.FS.Close()
	interactive := a.Terminal && !plan.Yes && plan.Output == "text"
	if req.Type == "" && interactive {
		if req.Type, err = a.askType(ctx, o); err != nil {
			return err
		}
	}
	p, err := scaffold.PlanResource(ctx, o.Repo, o.Config, scaffold.Deps{Random: a.Random, Now: a.Now}, req)
	// There is one already: the person may want a second one.
	var conflict *scaffold.ConflictError
	if errors.As(err, &conflict) && interactive && req.Suffix == "" {
		if req.Suffix, err = a.Ask(ctx, "A Redis already exists. Suffix for a second one (empty to cancel): "); err != nil {
			return err
		}
		if req.Suffix == "" {
			return a.finish(ctx, o, plan, p, conflict)
		}
		p, err = scaffold.PlanResource(ctx, o.Repo, o.Config, scaffold.Deps{Random: a.Random, Now: a.Now}, req)
	}
	return a.finish(ctx, o, plan, p, err)
}

// askType asks for the type of a resource when there is more than one.
func (a *app) askType(ctx context.Context, o *env.Repository) (string, error) {
	operator, err := cue.OperatorNamed(o.Config.Operator.Name)
	if err != nil {
		return "", err
	}
	types, err := scaffold.GeneratorTypes(o.Repo, "resources", operator.Types)
	if err != nil || len(types) == 1 {
		return "", err
	}
	return a.Choose(ctx, "Resource type? ", types)
}

func (a *app) generateDeploymentCommand() *cobra.Command {
	var plan flags.Plan
	var req scaffold.DeploymentRequest
	c := &cobra.Command{
		Use:   "deployment APP TYPE",
		Short: "Add a deployment to an application",
		Long: `Add a deployment to an application: a template from
generators/deployments/TYPE.yaml and its values in values.yaml.

Examples:
  redis-gitops generate deployment shop web --image registry.example.com/shop:1 --hostname shop.example.com
  redis-gitops generate deployment shop sidekiq --name sidekiq-mail`,
		Args:              flags.FromUse,
		ValidArgsFunction: a.CompleteArgs(a.AppNames, a.deploymentTypes),
		RunE: func(c *cobra.Command, args []string) error {
			req.App, req.Type, req.Conflicts = args[0], args[1], plan.Conflicts()
			o, err := a.Open(c.Context(), !plan.DryRun)
			if err != nil {
				return err
			}
			defer o.FS.Close()
			p, err := scaffold.PlanDeployment(c.Context(), o.Repo, req)
			return a.finish(c.Context(), o, &plan, p, err)
		},
	}
	plan.Add(c)
	f := c.Flags()
	f.StringVar(&req.Name, "name", "", "name of the deployment (default: the type)")
	f.StringVar(&req.Image, "image", "", "container image (default: APP:latest)")
	f.StringVar(&req.Hostname, "hostname", "", "hostname to route to it in platform/cloudflared/config.yaml")
	return c
}

// parseSet reads --set KEY=VALUE flags.
func parseSet(set []string) (map[string]cue.LayerValue, error) {
	pairs, err := parsePairs("--set", set)
	if err != nil {
		return nil, err
	}
	out := map[string]cue.LayerValue{}
	for k, v := range pairs {
		out[k] = cue.LayerValue{Value: cue.ParseValue(v), At: finding.Position{File: "--set " + k}}
	}
	return out, nil
}

func parsePairs(flag string, list []string) (map[string]string, error) {
	var problems finding.Problems
	out := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			problems = append(problems, finding.Errorf(finding.Position{File: flag}, "", "invalid value %q; expected KEY=VALUE", s))
			continue
		}
		out[k] = v
	}
	return out, problems.Err()
}
