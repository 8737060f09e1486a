package fncmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/scaffold"
)

const generateHelp = `Generate a Redis as a KRM generator function: the manifests that generate
resource writes as a template, rendered. Items with the same kind, namespace and
name are replaced; others stay as they are.

The functionConfig is of any kind. metadata.name is the application,
metadata.namespace the namespace of the manifests, and spec has:
  operator, profile, size, suffix  as the flags of generate resource
  auth: SECRET                     Secret with the key password
  values                           values of the Redis, such as memory

The same in data of a ConfigMap, with values as keys of their own.

Examples:
  kpt fn eval manifests --fn-config redis.yaml --exec "redis-gitops fn generate"`

func newGenerate(e *env.Env) *cobra.Command {
	return &cobra.Command{
		Use: "generate", Short: "Add a Redis to the items of a ResourceList", Long: generateHelp, Args: flags.FromUse,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(e, func(list *framework.ResourceList) error { return generateInto(c.Context(), e, list) })
		},
	}
}

func generateInto(ctx context.Context, e *env.Env, list *framework.ResourceList) error {
	req, namespace, err := request(list.FunctionConfig)
	if err != nil {
		return err
	}
	documents, err := rendered(ctx, e, req)
	if err != nil {
		return err
	}
	file := "redis-" + req.App + suffixOf(req.Suffix) + ".yaml"
	for i, text := range documents {
		node, err := yaml.Parse(text)
		if err != nil {
			return err
		}
		for n := node.YNode(); n != nil; n = first(n) { // the description of a template is not one of an item
			n.HeadComment = ""
		}
		if namespace != "" {
			if err := node.SetNamespace(namespace); err != nil {
				return err
			}
		}
		if old := same(list.Items, node); old != nil {
			annotations, err := old.Pipe(yaml.Get(yaml.MetadataField), yaml.Get(yaml.AnnotationsField)) // of functions: where it is kept
			if err != nil {
				return err
			}
			if annotations != nil {
				if err := node.PipeE(yaml.Lookup(yaml.MetadataField), yaml.SetField(yaml.AnnotationsField, annotations)); err != nil {
					return err
				}
			}
			old.SetYNode(node.YNode())
			continue
		}
		for key, value := range map[string]string{kioutil.PathAnnotation: file, kioutil.IndexAnnotation: fmt.Sprint(i)} {
			if err := node.PipeE(yaml.SetAnnotation(key, value)); err != nil {
				return err
			}
		}
		list.Items = append(list.Items, node)
	}
	return nil
}

// first returns the node that the comment above a mapping may belong to.
func first(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 || n.Kind != yaml.DocumentNode && n.Kind != yaml.MappingNode {
		return nil
	}
	return n.Content[0]
}

func suffixOf(suffix string) string {
	if suffix == "" {
		return ""
	}
	return "-" + strings.TrimPrefix(suffix, "-")
}

// same returns the item that is the same object.
func same(items []*yaml.RNode, node *yaml.RNode) *yaml.RNode {
	for _, item := range items {
		if item.GetApiVersion() == node.GetApiVersion() && item.GetKind() == node.GetKind() && item.GetName() == node.GetName() && item.GetNamespace() == node.GetNamespace() {
			return item
		}
	}
	return nil
}

// request reads what is asked for.
func request(node *yaml.RNode) (req scaffold.ResourceRequest, namespace string, err error) {
	if node == nil || yaml.IsMissingOrNull(node) || node.GetName() == "" {
		return req, "", errors.New("functionConfig has no metadata.name; set it to the name of the application")
	}
	own := []string{"operator", "profile", "size", "suffix", "auth"}
	known := append([]string{"values"}, own...)
	if node.GetKind() == "ConfigMap" { // its values are keys of their own, which the generator checks
		for key := range node.GetDataMap() {
			known = append(known, key)
		}
	}
	c, err := readConfig(node, known...)
	if err != nil {
		return req, "", err
	}
	req = scaffold.ResourceRequest{
		App: node.GetName(), Operator: c.text("operator"), Profile: c.text("profile"), Size: c.text("size"), Suffix: c.text("suffix"),
		Set: map[string]cue.LayerValue{}, Namespace: node.GetNamespace(),
	}
	if secret := c.text("auth"); secret != "" {
		req.Auth = scaffold.Auth{Method: scaffold.Existing, Secret: secret}
	}
	values := c.pairs("values")
	if c.listed {
		values = node.GetDataMap()
		for _, key := range own {
			delete(values, key)
		}
	}
	for key, text := range values {
		req.Set[key] = cue.LayerValue{Value: cue.ParseValue(text), At: finding.Position{File: "functionConfig"}}
	}
	return req, node.GetNamespace(), c.err()
}

// rendered plans the Redis in a chart of its own, which nobody keeps, and renders it.
func rendered(ctx context.Context, e *env.Env, req scaffold.ResourceRequest) ([]string, error) {
	dir := "applications/" + req.App + "/"
	r, err := e.OpenMemory(map[string][]byte{
		dir + "Chart.yaml":  fmt.Appendf(nil, "apiVersion: v2\nname: %q\nversion: 0.1.0\n", req.App),
		dir + "values.yaml": []byte("{}\n"),
	})
	if err != nil {
		return nil, err
	}
	defer r.FS.Close()
	plan, err := scaffold.PlanResource(ctx, r.Repo, r.Config, scaffold.Deps{Random: e.Random, Now: e.Now}, req)
	if err != nil {
		return nil, err
	}
	if err := plan.Apply(r.Repo); err != nil {
		return nil, err
	}
	targets, problems, err := render.Targets(r.Repo)
	if err != nil {
		return nil, err
	}
	all := finding.Problems(problems)
	var documents []string
	for _, t := range targets {
		res, err := render.Render(ctx, r.Repo, t, render.Options{})
		if err != nil {
			return nil, err
		}
		all = append(all, res.Problems...)
		for _, d := range res.Documents() {
			documents = append(documents, string(d.Text))
		}
	}
	return documents, all.Err()
}
