package scaffoldcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/internal/inputfile"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

// resourceOptions are those of generate resource.
type resourceOptions struct {
	planOptions
	req scaffold.ResourceRequest
	in  resourceInput
}

func newResource(e *env.Env) *cobra.Command {
	o := &resourceOptions{planOptions: planOptions{Env: e}}
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
		ValidArgsFunction: e.CompleteArgs(e.AppNames, resourceTypes),
		RunE: func(c *cobra.Command, args []string) error {
			o.req.App = args[0]
			if len(args) == 2 {
				o.req.Type = args[1]
			}
			return o.run(c.Context())
		},
	}
	o.plan.Add(c)
	f := c.Flags()
	f.StringVar(&o.req.Suffix, "suffix", "", "suffix for a second instance; added to every name")
	f.StringVar(&o.req.Operator, "operator", "", "operator to use (default: operator.name of the configuration)")
	f.StringVar(&o.req.Profile, "profile", "", "profile: cache, queue, store, or one from the configuration")
	f.StringVar(&o.req.Size, "size", "", "size: dev for a single small instance")
	f.StringArrayVar(&o.in.set, "set", nil, "set a value, such as memory=1Gi; may be repeated")
	f.StringVar(&o.in.auth, "auth", "", "authentication: none, existing:SECRET, sealed, external or external:KEY")
	f.StringVar(&o.in.cert, "cert", "", "with --auth sealed: certificate file of the sealed-secrets controller")
	f.StringVar(&o.req.Auth.Store, "store", "", "with --auth external: ClusterSecretStore, or SecretStore/NAME")
	f.StringVar(&o.req.Namespace, "namespace", "", "namespace of the application (default: from Argo CD or Flux)")
	f.StringArrayVar(&o.in.env, "env", nil, "rename an environment variable, for example REDIS_URL=CACHE_URL; may be repeated")
	flags.Complete(c, "auth", scaffold.AuthMethods())
	completeOperator(c)
	flags.Register(c, "profile", e.CompleteFlag(profileNames(false)))
	flags.Register(c, "size", e.CompleteFlag(profileNames(true)))
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

// run plans a resource, asking for what is missing on a terminal.
func (o *resourceOptions) run(ctx context.Context) error {
	req := o.req
	if err := o.in.into(&req); err != nil {
		return err
	}
	req.Conflicts = o.plan.Conflicts()
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	interactive := o.Terminal && !o.plan.Yes && o.plan.Output == "text"
	if req.Type == "" && interactive {
		if req.Type, err = o.askType(ctx, r); err != nil {
			return err
		}
	}
	p, err := scaffold.PlanResource(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, req)
	// There is one already: the person may want a second one.
	var conflict *scaffold.ConflictError
	if errors.As(err, &conflict) && interactive && req.Suffix == "" {
		if req.Suffix, err = o.Ask(ctx, "A Redis already exists. Suffix for a second one (empty to cancel): "); err != nil {
			return err
		}
		if req.Suffix == "" {
			return o.finish(ctx, r, p, conflict)
		}
		p, err = scaffold.PlanResource(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, req)
	}
	return o.finish(ctx, r, p, err)
}

// askType asks for the type of a resource when there is more than one.
func (o *resourceOptions) askType(ctx context.Context, r *env.Repository) (string, error) {
	types, err := resourceTypes(r, nil)
	if err != nil || len(types) == 1 {
		return "", err
	}
	return o.Choose(ctx, "Resource type? ", types)
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
