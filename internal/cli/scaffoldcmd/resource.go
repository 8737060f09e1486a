package scaffoldcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	f.StringVar(&o.req.Engine, "engine", "", "server to run: redis or valkey")
	f.StringArrayVar(&o.in.set, "set", nil, "set a value, such as memory=1Gi; may be repeated")
	f.StringVar(&o.in.auth, "auth", "", "authentication: none, existing:SECRET, sealed, external or external:KEY")
	flags.File(f, &o.in.cert, "cert", "with --auth sealed: certificate file of the sealed-secrets controller")
	f.StringVar(&o.req.Auth.Store, "store", "", "with --auth external: ClusterSecretStore, or SecretStore/NAME")
	f.StringVar(&o.req.Namespace, "namespace", "", "namespace of the application (default: from Argo CD or Flux)")
	f.StringArrayVar(&o.in.env, "env", nil, "rename an environment variable, for example REDIS_URL=CACHE_URL; may be repeated")
	flags.Complete(c, "auth", scaffold.AuthMethods())
	flags.Complete(c, "engine", []string{"redis", "valkey"})
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
	r, err := o.Open(ctx, !o.plan.DryRun)
	if err != nil {
		return err
	}
	defer r.FS.Close()
	if req.Type == "" && o.interactive() {
		if req.Type, err = o.askType(ctx, r); err != nil {
			return err
		}
	}
	plan := func(on scaffold.OnConflict) (*scaffold.Plan, error) {
		req.Conflicts = on
		p, err := scaffold.PlanResource(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, req)
		if err != nil || !o.interactive() || !isNew(p) {
			return p, err
		}
		asked, err := o.askMissing(ctx, r, &req)
		if err != nil || !asked {
			return p, err
		}
		return scaffold.PlanResource(ctx, r.Repo, r.Config, scaffold.Deps{Random: o.Random, Now: o.Now}, req)
	}
	var more []choice
	if req.Suffix == "" {
		more = []choice{{"suffix", "suffix for a second instance"}}
	}
	p, err := o.resolve(ctx, plan, more, func(string) (scaffold.OnConflict, error) {
		if req.Suffix, err = o.Ask(ctx, "Suffix, such as cache: "); err != nil {
			return scaffold.Refuse, err
		}
		if req.Suffix == "" {
			return scaffold.Refuse, errors.New("no suffix; nothing was changed")
		}
		return scaffold.Refuse, nil
	})
	return o.finish(ctx, r, p, err)
}

// isNew reports whether a plan creates the resource, rather than finding it there.
func isNew(p *scaffold.Plan) bool {
	return slices.ContainsFunc(p.Files, func(f scaffold.FileChange) bool {
		return f.Action == scaffold.Create && !strings.HasPrefix(f.Path, ".redis-gitops/")
	})
}

// askMissing asks for the profile and the authentication of a new Redis where neither a flag nor the configuration has them.
func (o *resourceOptions) askMissing(ctx context.Context, r *env.Repository, req *scaffold.ResourceRequest) (asked bool, err error) {
	operator, err := cue.OperatorNamed(cmp.Or(req.Operator, r.Config.Operator.Name))
	if err != nil || req.Type != "" && !slices.Contains(operator.Types, req.Type) {
		return false, nil // a generator of the repository has values of its own; PlanResource has checked the operator
	}
	if req.Profile == "" && req.Size == "" && len(o.in.set) == 0 {
		names, err := profileNames(false)(r, nil)
		if err != nil {
			return false, err
		}
		if req.Profile, err = o.chooseOr(ctx, "Profile (empty for none)? ", names); err != nil {
			return false, err
		}
		asked = asked || req.Profile != ""
	}
	if o.in.auth == "" && r.Config.Defaults.Auth.Method == "" {
		reply, err := o.Ask(ctx, "Authentication: none, existing:SECRET, sealed or external (empty for none)? ")
		if err != nil {
			return false, err
		}
		if reply != "" {
			in := o.in
			in.auth = reply
			if err := in.into(req); err != nil {
				return false, err
			}
			asked = true
		}
	}
	return asked, nil
}

// chooseOr lets a person pick one of several, or none by an empty reply.
func (o *resourceOptions) chooseOr(ctx context.Context, question string, options []string) (string, error) {
	o.PrintErrf("%s\n", strings.Join(options, ", "))
	for range maxReplies {
		reply, err := o.Ask(ctx, question)
		if err != nil || reply == "" || slices.Contains(options, reply) {
			return reply, err
		}
		question = fmt.Sprintf("Unknown %q%s; enter one of the above, or nothing: ", reply, finding.DidYouMean(reply, options))
	}
	return "", errors.New("no valid reply; nothing was changed")
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
