package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/policy"
)

// program returns what is compiled: all modules, the entry points among them, and the METADATA of the
// rules in JSON. Which rules are on is known later, so that each asks data.on.
func program() (modules []policy.Module, entrypoints []string, metadata []byte, err error) {
	rules, err := policy.Rules()
	if err != nil {
		return nil, nil, nil, err
	}
	library, err := policy.Library()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(library)) {
		modules = append(modules, policy.Module{File: "lib/" + name + ".rego", Source: library[name]})
	}
	var main strings.Builder
	main.WriteString("package " + policy.Package + ".main\n\n")
	for _, r := range rules {
		if r.Scope == policy.ScopeNative {
			continue
		}
		src, err := policy.Source(r.File)
		if err != nil {
			return nil, nil, nil, err
		}
		modules = append(modules, policy.Module{File: r.File, Source: src})
		entry := r.EntryPoint()
		if !slices.Contains(entrypoints, entry) {
			entrypoints = append(entrypoints, entry)
		}
		head := fmt.Sprintf("%s contains [%q, violation] if {\n\tdata.on[%q]\n", entry, r.Name, r.Name)
		body := fmt.Sprintf("\tsome violation in %s\n}\n", r.Reference())
		if r.Scope == policy.ScopeRepository || len(r.Kinds) == 0 {
			main.WriteString(head + body)
			continue
		}
		for _, kind := range r.Kinds {
			fmt.Fprintf(&main, "%s\tinput.kind == %q\n%s", head, kind, body)
		}
	}
	metadata, err = json.Marshal(rules)
	return append(modules, policy.Module{File: "main.rego", Source: main.String()}), entrypoints, metadata, err
}
