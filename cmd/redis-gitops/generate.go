package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/diag"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const generateHelp = `Write a new application, resource or deployment into the repository.

What is there already with the same content stays: a second run changes nothing. What is there with other content is a
conflict: it is shown, nothing is written, and the exit code is 2, unless --keep or --force says what to do.

Examples:
  redis-gitops generate application shop
  redis-gitops generate resource shop redis --profile queue
  redis-gitops generate resource shop redis --suffix cache --profile cache --set memory=1Gi --dry-run
  redis-gitops generate resource shop redis --auth sealed --cert sealed-secrets.pem
  redis-gitops generate deployment shop sidekiq`

func (a *app) generateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "generate",
		Short: "Write a new application, resource or deployment",
		Long:  generateHelp,
		Args:  subcommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.generateApplicationCommand(), a.generateResourceCommand(), a.generateDeploymentCommand(), a.updateCommand())
	return c
}

var outputs = []string{"text", "json"}

// planFlags are the flags of every command that makes a plan.
type planFlags struct {
	dryRun, force, keep, yes bool
	output                   string
}

func (f *planFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the change as a patch for git apply and write nothing")
	c.Flags().BoolVar(&f.force, "force", false, "replace what stands in the way")
	c.Flags().BoolVar(&f.keep, "keep", false, "leave what stands in the way")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "never ask")
	c.Flags().StringVar(&f.output, "output", "text", "text, or json for the plan as data")
	c.MarkFlagsMutuallyExclusive("force", "keep")
	complete(c, "output", outputs)
}

func (f *planFlags) conflicts() scaffold.OnConflict {
	switch {
	case f.force:
		return scaffold.Replace
	case f.keep:
		return scaffold.Keep
	}
	return scaffold.Refuse
}

// finish shows a plan and, unless it is a dry run, applies it.
func (a *app) finish(o *opened, f *planFlags, p *scaffold.Plan, err error) error {
	if !slices.Contains(outputs, f.output) {
		return fmt.Errorf("unknown output %q; %s%s", f.output, diag.OneOf(outputs), diag.DidYouMean(f.output, outputs))
	}
	var conflict *scaffold.ConflictError
	if err != nil && !errors.As(err, &conflict) {
		return err
	}
	if p.Generator != "" {
		a.tell("generator %s", p.Generator)
	}
	if conflict == nil && !f.dryRun {
		if a.ctx.Err() != nil {
			return errInterrupted
		}
		if err := p.Apply(o.Repo); err != nil {
			return err
		}
	}
	if f.output == "json" {
		out, err := p.JSON(func(diff string) string {
			text, _ := a.secrets.Patch(diff)
			return text
		})
		if err != nil {
			return err
		}
		if err := a.jsonText(out); err != nil {
			return err
		}
		if conflict != nil {
			return errCode(exitError)
		}
		return nil
	}
	if conflict != nil {
		for _, c := range conflict.Conflicts {
			a.errf("%s %v\n", a.paint(red, "error:"), &c.Problem)
			a.patch(a.err, c.Diff)
		}
		a.errf("%s\n", "nothing was changed")
		return errCode(exitError)
	}
	for _, n := range p.Notes {
		if a.quiet {
			break
		}
		a.errf("%s %s\n", a.paint(yellow, "note:"), n)
	}
	if f.dryRun {
		a.patch(a.out, p.Diff())
		return nil
	}
	if !p.Changed() {
		a.say("nothing to do: everything is there already")
		return nil
	}
	for _, file := range p.Files {
		if file.Action != scaffold.Unchanged {
			a.say("%-6s %s", file.Action, file.Path)
		}
	}
	if p.URL != "" {
		a.say("\nURL: %s", p.URL)
	}
	if len(p.Next) > 0 {
		a.say("\nNext:")
		for _, n := range p.Next {
			a.say("- %s", a.block(strings.ReplaceAll(n, "\n", "\n  ")))
		}
	}
	return nil
}

func (a *app) generateApplicationCommand() *cobra.Command {
	var flags planFlags
	var req scaffold.ApplicationRequest
	c := &cobra.Command{
		Use:   "application APP",
		Short: "Write a new application: a chart, or a kustomization",
		Long: `Write a new application: a chart with empty values and their JSON Schema or, with --kustomize, an empty kustomization.

Examples:
  redis-gitops generate application shop
  redis-gitops generate application reports --kustomize`,
		Args: fromUse,
		RunE: func(_ *cobra.Command, args []string) error {
			req.App, req.Conflicts = args[0], flags.conflicts()
			o, err := a.open(!flags.dryRun)
			if err != nil {
				return err
			}
			defer o.fs.Close()
			p, err := scaffold.PlanApplication(o.Repo, req)
			return a.finish(o, &flags, p, err)
		},
	}
	flags.add(c)
	c.Flags().BoolVar(&req.Kustomize, "kustomize", false, "a kustomization in the place of a chart")
	return c
}

func (a *app) generateResourceCommand() *cobra.Command {
	var flags planFlags
	var req scaffold.ResourceRequest
	var set, env []string
	var auth, cert string
	c := &cobra.Command{
		Use:   "resource APP [TYPE]",
		Short: "Write a resource of an application, a Redis unless another type is named",
		Long: `Write a resource into an application: its template from generators/resources/TYPE.yaml or, without one, the built-in one,
and its values and env entries in values.yaml.

Values go under resources, or under databases in a chart whose templates render the whole of resources. A Redis gets a
NetworkPolicy when the namespace of the Redis operator is known: operator.namespace in .redis-gitops.yaml, or the namespace in
which the repository installs the operator. --set networkPolicy= leaves it out.

Examples:
  redis-gitops generate resource shop redis
  redis-gitops generate resource shop redis --suffix cache --profile cache --set memory=1Gi
  redis-gitops generate resource shop redis --auth existing:shop-redis-auth --dry-run`,
		Args:              fromUse,
		ValidArgsFunction: a.completeArgs(a.appNames, a.resourceTypes),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.App, req.Conflicts = args[0], flags.conflicts()
			if len(args) == 2 {
				req.Type = args[1]
			}
			var err error
			if req.Set, err = parseSet(set); err != nil {
				return err
			}
			if req.Env, err = parsePairs("--env", env); err != nil {
				return err
			}
			method, secret, _ := strings.Cut(auth, ":")
			req.Auth.Method, req.Auth.Secret = scaffold.AuthMethod(method), secret
			if cert != "" {
				if req.Auth.Cert, err = readRegular(cert, maxSecret); err != nil {
					return fmt.Errorf("--cert: %w", err)
				}
			}
			o, err := a.open(!flags.dryRun)
			if err != nil {
				return err
			}
			defer o.fs.Close()
			interactive := a.terminal && !flags.yes && flags.output == "text"
			if req.Type == "" && interactive {
				if req.Type, err = a.askType(o); err != nil {
					return err
				}
			}
			p, err := scaffold.PlanResource(cmd.Context(), o.Repo, o.config, a.machine, req)
			// There is one already: the person may want a second one.
			var conflict *scaffold.ConflictError
			if errors.As(err, &conflict) && interactive && req.Suffix == "" {
				if req.Suffix, err = a.ask("There is one already. A suffix for a second one (empty to stop): "); err != nil {
					return err
				}
				if req.Suffix == "" {
					return a.finish(o, &flags, p, conflict)
				}
				p, err = scaffold.PlanResource(cmd.Context(), o.Repo, o.config, a.machine, req)
			}
			return a.finish(o, &flags, p, err)
		},
	}
	flags.add(c)
	f := c.Flags()
	f.StringVar(&req.Suffix, "suffix", "", "for a second one: becomes part of every name")
	f.StringVar(&req.Operator, "operator", "", "the operator (default: the configuration's, else spotahome)")
	f.StringVar(&req.Profile, "profile", "", "what it is for: cache, queue, store, or one of the configuration")
	f.StringVar(&req.Size, "size", "", "dev for one small copy")
	f.StringArrayVar(&set, "set", nil, "a value, such as memory=1Gi; may be repeated")
	f.StringVar(&auth, "auth", "", "none, existing:SECRET, sealed or external")
	f.StringVar(&cert, "cert", "", "with --auth sealed: the certificate of the sealed-secrets controller")
	f.StringVar(&req.Auth.Store, "store", "", "with --auth external: a ClusterSecretStore, or SecretStore/NAME")
	f.StringVar(&req.Namespace, "namespace", "", "where the application runs (default: what Argo CD or Flux says)")
	f.StringArrayVar(&env, "env", nil, "another name for an env entry: REDIS_URL=CACHE_URL; may be repeated")
	complete(c, "auth", scaffold.AuthMethods())
	complete(c, "operator", cue.OperatorNames())
	register(c, "profile", a.completeFlag(a.profileNames(false)))
	register(c, "size", a.completeFlag(a.profileNames(true)))
	return c
}

// askType asks for the type of a resource when there is more than one.
func (a *app) askType(o *opened) (string, error) {
	operator, err := cue.OperatorNamed(o.config.Operator.Name)
	if err != nil {
		return "", err
	}
	types, err := scaffold.GeneratorTypes(o.Repo, "resources", operator.Types)
	if err != nil || len(types) == 1 {
		return "", err
	}
	return a.choose("What type of resource? ", types)
}

func (a *app) generateDeploymentCommand() *cobra.Command {
	var flags planFlags
	var req scaffold.DeploymentRequest
	c := &cobra.Command{
		Use:   "deployment APP TYPE",
		Short: "Write a deployment of an application from generators/deployments/TYPE.yaml",
		Long: `Write a deployment into an application: its template from generators/deployments/TYPE.yaml, and its values in values.yaml.

Examples:
  redis-gitops generate deployment shop web --image registry.example.com/shop:1 --hostname shop.example.com
  redis-gitops generate deployment shop sidekiq --name sidekiq-mail`,
		Args:              fromUse,
		ValidArgsFunction: a.completeArgs(a.appNames, a.deploymentTypes),
		RunE: func(c *cobra.Command, args []string) error {
			req.App, req.Type, req.Conflicts = args[0], args[1], flags.conflicts()
			o, err := a.open(!flags.dryRun)
			if err != nil {
				return err
			}
			defer o.fs.Close()
			p, err := scaffold.PlanDeployment(c.Context(), o.Repo, req)
			return a.finish(o, &flags, p, err)
		},
	}
	flags.add(c)
	f := c.Flags()
	f.StringVar(&req.Name, "name", "", "its name (default: the type)")
	f.StringVar(&req.Image, "image", "", "its image (default: APP:latest)")
	f.StringVar(&req.Hostname, "hostname", "", "route this host name to it in platform/cloudflared/config.yaml")
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
		out[k] = cue.LayerValue{Value: cue.ParseValue(v), At: diag.Position{File: "--set " + k}}
	}
	return out, nil
}

func parsePairs(flag string, list []string) (map[string]string, error) {
	var problems diag.Problems
	out := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			problems = append(problems, diag.Errorf(diag.Position{File: flag}, "", "%q has not the form KEY=VALUE", s))
			continue
		}
		out[k] = v
	}
	return out, problems.Err()
}
