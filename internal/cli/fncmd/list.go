package fncmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/cli/env"
	"github.com/redis-gitops/redis-gitops/internal/cli/exitcode"
	"github.com/redis-gitops/redis-gitops/internal/cli/ui"
	"github.com/redis-gitops/redis-gitops/repo"
)

// run processes the ResourceList on standard input. What is wrong with a request goes to standard error.
func run(e *env.Env, process func(*framework.ResourceList) error) error {
	src, err := io.ReadAll(io.LimitReader(e.In, repo.MaxFileSize+1))
	if err != nil {
		return fmt.Errorf("cannot read standard input: %w", err)
	}
	if len(src) > repo.MaxFileSize {
		return fmt.Errorf("the ResourceList on standard input is larger than %d MiB", repo.MaxFileSize>>20)
	}
	var out bytes.Buffer
	rw := &kio.ByteReadWriter{Reader: bytes.NewReader(src), Writer: &out, OmitReaderAnnotations: true, KeepReaderAnnotations: true}
	err = framework.Execute(framework.ResourceListProcessorFunc(func(list *framework.ResourceList) error {
		if rw.WrappingKind != kio.ResourceListKind {
			return errors.New("standard input is no ResourceList; run this as a function of kustomize or kpt")
		}
		return process(list)
	}), rw)
	var results framework.Results
	if err != nil && !errors.As(err, &results) {
		return err
	}
	if _, err := e.Raw(e.Out).Write(out.Bytes()); err != nil {
		return err
	}
	for _, r := range results {
		e.PrintErrf("%s\n", ui.Trusted(r.String())) // its texts are masked and printable
	}
	if results.ExitCode() != 0 {
		return exitcode.Code(exitcode.Findings)
	}
	return nil
}

// config reads the settings of a functionConfig: spec of any kind, or data of a ConfigMap, where lists are separated by commas.
type config struct {
	problems finding.Problems
	values   map[string]*yaml.Node
	listed   bool // texts are lists
}

func readConfig(node *yaml.RNode, known ...string) (*config, error) {
	c := &config{values: map[string]*yaml.Node{}}
	if node == nil || yaml.IsMissingOrNull(node) {
		return c, nil
	}
	field := "spec"
	if c.listed = node.GetKind() == "ConfigMap"; c.listed {
		field = "data"
	}
	settings := node.Field(field)
	if settings == nil || yaml.IsMissingOrNull(settings.Value) {
		return c, nil
	}
	if settings.Value.YNode().Kind != yaml.MappingNode {
		return nil, fmt.Errorf("functionConfig: %s is not a mapping", field)
	}
	content := settings.Value.Content()
	for i := 0; i+1 < len(content); i += 2 {
		key := content[i].Value
		if !slices.Contains(known, key) {
			c.wrong(key, "unknown setting; %s%s", finding.OneOf(known), finding.DidYouMean(key, known))
		}
		c.values[key] = content[i+1]
	}
	return c, nil
}

func (c *config) wrong(key, format string, args ...any) {
	c.problems = append(c.problems, finding.Errorf(finding.Position{File: "functionConfig"}, key, format, args...))
}

// err returns all that is wrong.
func (c *config) err() error { return c.problems.Err() }

func (c *config) text(key string) string {
	n := c.values[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		c.wrong(key, "is not a string")
	}
	return n.Value
}

func (c *config) truth(key string) bool {
	switch text := c.text(key); text {
	case "true":
		return true
	case "", "false":
	default:
		c.wrong(key, "%q is not true or false", text)
	}
	return false
}

func (c *config) list(key string) []string {
	n := c.values[key]
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode && c.listed:
		return strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' || r == ' ' })
	case n.Kind != yaml.SequenceNode:
		c.wrong(key, "is not a list")
		return nil
	}
	var all []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			c.wrong(key, "is not a list of strings")
			continue
		}
		all = append(all, item.Value)
	}
	return all
}

// pairs returns a mapping of scalars, by key.
func (c *config) pairs(key string) map[string]string {
	n := c.values[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		c.wrong(key, "is not a mapping")
		return nil
	}
	all := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i+1].Kind != yaml.ScalarNode {
			c.wrong(key+"."+n.Content[i].Value, "is not a string, number or boolean")
			continue
		}
		all[n.Content[i].Value] = n.Content[i+1].Value
	}
	return all
}

// sorted returns the keys of a mapping.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
