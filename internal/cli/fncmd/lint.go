package fncmd

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/flags"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/redact"
)

const lintHelp = `Lint the items of a ResourceList as a KRM function. Findings are its results,
with the resource, field, file and rule; the items stay as they are.

The functionConfig is a ConfigMap with data, or any kind with spec:
  strict: true           also apply the strict security rules
  failOn: warning        fail at this severity or higher: error, warning, info, never
  enable, disable, only  rules or categories, such as sec/*

Other settings are those of .redis-gitops.yaml of the repository around the
working directory. Custom rules and schemas are not applied.

kustomize runs it under transformers; under validators, kustomize 5 fails with
every function, because it compares the items with annotations of its own.

Exit codes: 0 no finding at or above failOn; 1 findings; 2 could not run.

Examples:
  kpt fn eval manifests --exec "redis-gitops fn lint" -- strict=true`

func newLint(e *env.Env) *cobra.Command {
	return &cobra.Command{
		Use: "lint", Short: "Lint the items of a ResourceList", Long: lintHelp, Args: flags.FromUse,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(e, func(list *framework.ResourceList) error { return lintList(c.Context(), e, list) })
		},
	}
}

func lintList(ctx context.Context, e *env.Env, list *framework.ResourceList) error {
	c, err := readConfig(list.FunctionConfig, "strict", "failOn", "enable", "disable", "only")
	if err != nil {
		return err
	}
	stream, items, err := streamOf(list.Items)
	if err != nil {
		return err
	}
	r, err := e.OpenMemory(map[string][]byte{env.StdinFile: stream})
	if err != nil {
		return err
	}
	defer r.FS.Close()
	opts := lint.Options{Config: r.Config, Strict: c.truth("strict"), Enable: c.list("enable"), Disable: c.list("disable"), Only: c.list("only"), Jobs: 1, Today: e.Now}
	threshold, known := failOn(c.text("failOn"), r.Config.FailOn)
	if !known {
		c.wrong("failOn", "invalid severity %q; %s", c.text("failOn"), finding.OneOf(severities))
	}
	if err := c.err(); err != nil {
		return err
	}
	res, err := lint.Run(ctx, r.Repo, opts)
	if err != nil {
		return err
	}
	e.Secrets.Merge(res.Secrets)
	for _, p := range res.Failures {
		return p
	}
	for _, f := range res.Findings {
		if f.Suppressed == nil {
			list.Results = append(list.Results, result(e, f, threshold, items))
		}
	}
	if list.Results.ExitCode() != 0 {
		return list.Results
	}
	return nil
}

var severities = []string{"error", "warning", "info", "never"}

// failOn returns how severe a finding has to be; -1 for none.
func failOn(asked, configured string) (finding.Severity, bool) {
	if asked == "" {
		asked = configured
	}
	if asked == "never" {
		return -1, true
	}
	if severity, ok := finding.Level(asked).Severity(); ok {
		return severity, true
	}
	return finding.Error, asked == ""
}

// item is where an item of the list begins in the stream that is linted, and where it came from.
type item struct {
	line int
	file *framework.File
}

// internal are annotations of functions, which are not applied to a cluster.
var internal = []string{"internal.config.kubernetes.io/", "config.kubernetes.io/", "config.k8s.io/", "kustomize.config.k8s.io/"}

// streamOf writes the items as a stream of YAML, without the annotations of functions.
func streamOf(nodes []*yaml.RNode) ([]byte, []item, error) {
	var b strings.Builder
	var items []item
	line := 1
	for _, node := range nodes {
		file, index, err := kioutil.GetFileAnnotations(node)
		if err != nil {
			return nil, nil, err
		}
		node = node.Copy()
		annotations := node.GetAnnotations()
		for _, key := range sorted(annotations) {
			for _, prefix := range internal {
				if strings.HasPrefix(key, prefix) {
					delete(annotations, key)
				}
			}
		}
		if err := node.SetAnnotations(annotations); err != nil {
			return nil, nil, err
		}
		text, err := node.String()
		if err != nil {
			return nil, nil, err
		}
		text = "---\n" + strings.TrimSuffix(text, "\n") + "\n"
		it := item{line: line}
		if file != "" {
			n, _ := strconv.Atoi(index)
			it.file = &framework.File{Path: file, Index: n}
		}
		items = append(items, it)
		line += strings.Count(text, "\n")
		b.WriteString(text)
	}
	return []byte(b.String()), items, nil
}

// result turns a finding into a result: an error if it makes the function fail, as the specification has it.
func result(e *env.Env, f *finding.Finding, threshold finding.Severity, items []item) *framework.Result {
	safe := func(text string) string { return redact.Printable(e.Secrets.Foreign(text)) }
	r := &framework.Result{
		Message: safe(f.Message), Severity: framework.Info,
		Tags: map[string]string{"rule": f.Rule, "help": finding.HelpURL("", f.Help)},
	}
	switch {
	case threshold >= 0 && f.Severity <= threshold:
		r.Severity = framework.Error
	case f.Severity <= finding.Warning:
		r.Severity = framework.Warning
	}
	if f.Resource != nil {
		r.ResourceRef = &yaml.ResourceIdentifier{
			TypeMeta: yaml.TypeMeta{APIVersion: safe(f.Resource.APIVersion), Kind: safe(f.Resource.Kind)},
			NameMeta: yaml.NameMeta{Name: safe(f.Resource.Name), Namespace: safe(f.Resource.Namespace)},
		}
		if len(f.Path) > 0 {
			r.Field = &framework.Field{Path: safe(strings.Join(f.Path, "."))}
		}
	}
	for _, it := range items {
		if it.line <= f.Line {
			r.File = it.file
		}
	}
	return r
}
