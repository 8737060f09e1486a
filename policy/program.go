//go:build !compiled

package policy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Program returns what internal/rulec compiles for the browser: all modules, the entry points among them, and the METADATA of the
// rules in JSON. Which rules are on is known later, so that each asks data.on.
func Program() (modules []Module, entrypoints []string, metadata []byte, err error) {
	rules, err := Rules()
	if err != nil {
		return nil, nil, nil, err
	}
	names, err := fs.Glob(files, "lib/*.rego")
	if err != nil {
		return nil, nil, nil, err
	}
	var main strings.Builder
	main.WriteString("package " + root + ".main\n\n")
	for _, r := range rules {
		if r.Scope == ScopeNative {
			continue
		}
		names = append(names, r.File)
		entry := entrypoint(r)
		if !slices.Contains(entrypoints, entry) {
			entrypoints = append(entrypoints, entry)
		}
		category, name, _ := strings.Cut(r.Name, "/")
		head := fmt.Sprintf("%s contains [%q, violation] if {\n\tdata.on[%q]\n", entry, r.Name, r.Name)
		body := fmt.Sprintf("\tsome violation in data.%s[%q][%q].deny\n}\n", root, category, name)
		if r.Scope == ScopeRepository || len(r.Kinds) == 0 {
			main.WriteString(head + body)
			continue
		}
		for _, kind := range r.Kinds {
			fmt.Fprintf(&main, "%s\tinput.kind == %q\n%s", head, kind, body)
		}
	}
	for _, name := range names {
		src, err := files.ReadFile(name)
		if err != nil {
			return nil, nil, nil, err
		}
		modules = append(modules, Module{name, string(src)})
	}
	metadata, err = json.Marshal(rules)
	return append(modules, Module{"main.rego", main.String()}), entrypoints, metadata, err
}

// Capabilities are what rules may use, for internal/rulec.
func Capabilities() *ast.Capabilities { return capabilities() }
