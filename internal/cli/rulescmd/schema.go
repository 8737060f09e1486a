package rulescmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/atomicfile"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/policy"
)

const schemaHelp = `Export the schemas of lint for editors and other tools.

Examples:
  redis-gitops schema export schemas`

const schemaExportHelp = `Export the schemas of lint to a new directory:

  OPERATOR/GROUP/KIND_VERSION.json  JSON Schema of a kind of custom resource
  OPERATOR/all.json                 JSON Schema of all of them, by apiVersion and kind
  config.schema.json                JSON Schema of .redis-gitops.yaml
  values.schema.json                JSON Schema of values.yaml of the generators
  cue/                              the same in CUE, as a module

The schemas of an operator are those of the version that the repository runs, or
else of the version that lint assumes.

Examples:
  redis-gitops schema export schemas
  redis-gitops schema export schemas --operator opstree@0.26.0
  kubeconform -schema-location default -schema-location 'schemas/OPERATOR/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json' manifests`

// schemaOptions are those of schema export.
type schemaOptions struct {
	*env.Env
	operators []string // NAME or NAME@VERSION
}

// NewSchema returns the command schema.
func NewSchema(e *env.Env) *cobra.Command {
	c := &cobra.Command{Use: "schema", Short: "Export the schemas of custom resources and values", Long: schemaHelp, Args: flags.Subcommand, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	o := &schemaOptions{Env: e}
	sub := &cobra.Command{
		Use: "export DIR", Short: "Export JSON Schemas and CUE for other tools", Long: schemaExportHelp, Args: flags.FromUse,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args[0]) },
	}
	sub.Flags().StringArrayVar(&o.operators, "operator", nil, "only export the schemas of this operator, as NAME or NAME@VERSION; may be repeated")
	flags.Register(sub, "operator", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return operatorNames(), cobra.ShellCompDirectiveNoFileComp // which takes time, so not at every start
	})
	c.AddCommand(sub)
	return c
}

func (o *schemaOptions) run(ctx context.Context, dir string) error {
	_, charge, err := chargeOf(ctx, o.Env)
	if err != nil {
		return err
	}
	chosen, err := chooseOperators(o.operators, charge)
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, c := range chosen {
		if err := addKinds(files, c); err != nil {
			return err
		}
	}
	for name, schema := range map[string]func() ([]byte, error){"config.schema.json": cue.ConfigJSONSchema, "values.schema.json": cue.ValuesJSONSchema} {
		text, err := schema()
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	module, err := cue.SchemaFiles()
	if err != nil {
		return err
	}
	for name, text := range module {
		files[path.Join("cue", name)] = text
	}
	var all []policy.Module
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, policy.Module{File: name, Source: files[name]})
	}
	if err := atomicfile.WriteDirectory(dir, func(made string) error { return writeModules(made, all) }); err != nil {
		return err
	}
	for _, c := range chosen {
		o.Debugf("%s %s", c.operator.Name, c.version)
	}
	o.Debugf("%s in %s", finding.Count(len(all), "file"), dir)
	return nil
}

// operatorNames returns the operators that have schemas.
func operatorNames() (names []string) {
	operators, err := cue.Operators()
	if err != nil {
		panic(err) // they are in the program
	}
	for _, o := range operators {
		if len(cue.SchemaVersions(o)) > 0 {
			names = append(names, o.Name)
		}
	}
	return names
}

// chosenOperator is an operator with the version whose schemas are exported.
type chosenOperator struct {
	operator *cue.Operator
	version  string
}

// chooseOperators returns the operators that were asked for, or else all that have schemas.
func chooseOperators(names []string, charge instance.Charge) ([]chosenOperator, error) {
	if len(names) == 0 {
		names = operatorNames()
	}
	var all []chosenOperator
	for _, name := range names {
		name, version, _ := strings.Cut(name, "@")
		operator, err := cue.OperatorNamed(name)
		if err != nil {
			return nil, err
		}
		known := cue.SchemaVersions(operator)
		if len(known) == 0 {
			return nil, fmt.Errorf("operator %q has no custom resources", name)
		}
		if version == "" && name == charge.Operator && slices.Contains(known, charge.Version) {
			version = charge.Version
		}
		if version == "" {
			version = known[0]
		}
		if !slices.Contains(known, version) {
			return nil, fmt.Errorf("operator %q: no schemas of version %q; %s%s", name, version, finding.OneOf(known), finding.DidYouMean(version, known))
		}
		all = append(all, chosenOperator{operator, version})
	}
	return all, nil
}

// addKinds adds the schemas of an operator's kinds, named as kubeconform asks for them, and one of all of them.
func addKinds(files map[string]string, c chosenOperator) error {
	kinds, err := cue.KindSchemas(c.operator, c.version)
	if err != nil {
		return err
	}
	var branches []any
	for _, k := range kinds {
		group, version, _ := strings.Cut(k.APIVersion, "/")
		name := path.Join(group, strings.ToLower(k.Kind.Kind)+"_"+version+".json")
		files[path.Join(c.operator.Name, name)] = string(k.Schema)
		is := map[string]any{"apiVersion": map[string]any{"const": k.APIVersion}, "kind": map[string]any{"const": k.Kind.Kind}}
		branches = append(branches, map[string]any{"if": map[string]any{"properties": is, "required": []string{"apiVersion", "kind"}}, "then": map[string]any{"$ref": name}})
	}
	text, err := json.MarshalIndent(map[string]any{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Custom resources of " + c.operator.Name + " " + c.version, "allOf": branches}, "", "  ")
	if err != nil {
		return err
	}
	files[path.Join(c.operator.Name, "all.json")] = string(text) + "\n"
	return nil
}
