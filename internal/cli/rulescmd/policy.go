package rulescmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/policy/export"
)

const policyHelp = `Export lint rules to other policy engines.

Examples:
  redis-gitops policy export --format conftest policies
  redis-gitops rules    # list the rules`

const exportHelp = `Export the rules for single resources to another policy engine, with the
severities from this repository's configuration. Rules for the repository as a
whole depend on data that only lint has, and are omitted.

conftest, OPA and Gatekeeper evaluate the same Rego. Kubernetes itself (vap) and
Kyverno evaluate the rules in CEL, translated from the Rego for each kind of
custom resource. README.md in DIR lists the rules that CEL cannot express.

Suppressions by annotation, and entries of "ignore" in the configuration without
a path, are exported too. Suppressions in comments or by file path are not
available to other engines.

DIR is a new directory with a README.md, or a new file that ends with .tar.gz.
With --oci it is an OCI image layout, tagged latest.

Examples:
  redis-gitops policy export --format conftest DIR      # conftest test --policy DIR/policy --data DIR/data manifests
  redis-gitops policy export --format gatekeeper DIR    # kubectl apply -f DIR/templates, and then -f DIR/constraints
  redis-gitops policy export --format opa DIR           # opa eval -b DIR -i manifest.json data.redisgitops.main.resource
  redis-gitops policy export --format opa bundle.tar.gz
  redis-gitops policy export --format vap DIR           # kubectl apply -f DIR/policies, and then -f DIR/bindings
  redis-gitops policy export --format kyverno DIR       # kubectl apply -f DIR/policies
  redis-gitops policy export --oci DIR                  # oras cp --from-oci-layout DIR:latest REGISTRY/policies:latest`

// exportOptions are those of policy export.
type exportOptions struct {
	*env.Env
	export.Options
	OCI bool
}

// NewPolicy returns the command policy.
func NewPolicy(e *env.Env) *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Export lint rules to other policy engines", Long: policyHelp, Args: flags.Subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	o := &exportOptions{Env: e}
	sub := &cobra.Command{
		Use: "export DIR", Short: "Export the rules for another policy engine", Long: exportHelp, Args: flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	f := sub.Flags()
	f.StringVar(&o.Format, "format", "conftest", strings.Join(export.Formats(), ", "))
	f.BoolVar(&o.Strict, "strict", false, "use the rules and severities of strict mode")
	f.BoolVar(&o.OCI, "oci", false, "write an OCI image layout, to push to a registry")
	f.StringArrayVar(&o.ExcludedNamespaces, "exclude-namespace", nil, "accept all objects in this namespace; may be repeated")
	flags.Complete(sub, "format", export.Formats())
	c.AddCommand(sub)
	return c
}

func (o *exportOptions) run(ctx context.Context, dir string) error {
	config, charge, err := chargeOf(ctx, o.Env)
	if err != nil {
		return err
	}
	o.Strict = o.Strict || config.Strict
	operators, err := cue.Operators()
	if err != nil {
		return err
	}
	o.Settings = lint.Settings(config, charge, operators, o.Strict)
	rules, err := policy.Rules()
	if err != nil {
		return err
	}
	for _, r := range rules {
		if set := policy.Level(config.Rules[r.Name].Severity); set != "" {
			r.Severity, r.Strict = set, set
		}
	}
	o.Rules, o.Frozen = rules, config.Frozen
	for _, i := range config.Ignore {
		if i.Path == "" {
			o.Ignore = append(o.Ignore, export.Ignored{Rule: i.Rule, Resource: i.Resource, Until: i.Until})
		}
	}
	if export.InCEL(o.Format) {
		if o.Kinds, err = export.Kinds(operators, charge.Operator, charge.Version); err != nil {
			return err
		}
	}
	files, err := export.Rules(o.Options)
	if err != nil {
		return err
	}
	if o.OCI {
		if files, err = export.OCI(o.Format, files); err != nil {
			return err
		}
	}
	if strings.HasSuffix(dir, archiveSuffix) {
		err = writeArchive(dir, files)
	} else {
		err = atomicfile.WriteDirectory(dir, func(made string) error { return writeModules(made, files) })
	}
	if err != nil {
		return err
	}
	o.Debugf("%s in %s", finding.Count(len(files), "file"), dir)
	return nil
}

// archiveSuffix is that of a file that is written in place of a directory.
const archiveSuffix = ".tar.gz"

// writeArchive writes files as a gzipped tar.
func writeArchive(name string, files []policy.Module) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s already exists; pass a new file", name)
	}
	return atomicfile.Write(name, func(w io.Writer) error { return export.Archive(w, files) })
}

// writeModules writes files below a directory.
func writeModules(dir string, files []policy.Module) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.File))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(f.Source), 0o644); err != nil {
			return err
		}
	}
	return nil
}
