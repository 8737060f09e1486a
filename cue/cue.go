// Package cue holds the schemas, which are the one source of truth for the configuration, the values of a new
// resource, what each operator creates and how it names it, and the fields of its resources. It evaluates them.
//
// Compiling them takes milliseconds and checking a resource with CUE another, which is too slow for a linter. So what
// every start needs is derived from them into config.json and operator/*/structure.json (derive.go), and the fields of resources
// into operator/*/shapes.json, and checked without CUE (check.go). Tests hold the two against each other.
//
// CUE cannot be stopped once it runs, so CUE that a repository brings (own.go) is evaluated in a process of its own, which
// package isolate starts and ends.
//
// An operator is a directory of operator/, found by iteration: operator.cue has its facts, schema.cue the fields of its resources,
// resource.yaml the template of a new one, and values.cue what generate asks for it beside redis.cue. A fork that has no resource.yaml
// shares the template and the values of the operator it comes from. Another type of resource than redis, such as cluster, is a directory
// of the operator with a resource.yaml and values.cue of its own; what all operators ask for it is in cluster.cue.
package cue

import (
	"embed"
	"fmt"
	"path"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
)

//go:embed *.cue config.json operator/*/operator.cue operator/*/values.cue operator/*/structure.json operator/*/shapes.json operator/*/resource.yaml operator/*/*/values.cue operator/*/*/resource.yaml
var files embed.FS

// compile builds the named embedded files as one CUE package, in a context of their own: a context keeps what was ever
// built in it, so it must go when the value goes.
func compile(names ...string) (cue.Value, error) { return compileFrom(files.ReadFile, names...) }

// compileFrom compiles what read returns for the names.
func compileFrom(read func(name string) ([]byte, error), names ...string) (cue.Value, error) {
	instance := build.NewContext().NewInstance("", nil)
	instance.User = true // files of several directories: the names of their packages may differ
	for _, name := range names {
		src, err := read(name)
		if err != nil {
			return cue.Value{}, fmt.Errorf("embedded schema %s: %w", name, err)
		}
		file, err := parser.ParseFile(path.Join("cue", name), src, parser.ParseComments)
		if err != nil {
			return cue.Value{}, fmt.Errorf("embedded schema: %w", err)
		}
		if err := instance.AddSyntax(file); err != nil {
			return cue.Value{}, fmt.Errorf("embedded schema: %w", err)
		}
	}
	v := cuecontext.New().BuildInstance(instance)
	if err := v.Err(); err != nil {
		return cue.Value{}, fmt.Errorf("embedded schema: %w", err)
	}
	return v, nil
}

// lookup gives the value at a path such as "defaults.values" or "#Values".
func lookup(v cue.Value, path string) cue.Value { return v.LookupPath(cue.ParsePath(path)) }

// asValue gives data as a value of a context of its own: one that is shared would keep it for ever.
func asValue(data any) cue.Value { return cuecontext.New().Encode(data) }
