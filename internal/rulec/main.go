// Command rulec compiles the rules of package policy to WebAssembly, for a build with the tag compiled, which has no OPA in it:
// rulec DIR, then go build -tags compiled -overlay=DIR/overlay.json. The overlay puts what was made into the directory
// compiled of package wasmrules, whose source holds nothing that is made.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"

	"github.com/redis-gitops/redis-gitops/policy/opa"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rulec DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rulec:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return err
	}
	wasm, metadata, err := compiled()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for name, data := range map[string][]byte{"rules.wasm": wasm, "rules.json": metadata} {
		file := filepath.Join(dir, name)
		if err := writeChanged(file, data); err != nil {
			return err
		}
		overlay["Replace"][filepath.Join(strings.TrimSpace(string(root)), "policy", "wasmrules", "compiled", name)] = file
	}
	text, err := json.MarshalIndent(overlay, "", "  ")
	if err != nil {
		return err
	}
	return writeChanged(filepath.Join(dir, "overlay.json"), text)
}

// writeChanged leaves a file as it is when it says the same, so that nothing is built anew.
func writeChanged(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(data) {
		return nil
	}
	return os.WriteFile(name, data, 0o644)
}

// compiled returns the rules as WebAssembly, and their METADATA.
func compiled() (wasm, metadata []byte, err error) {
	modules, entrypoints, metadata, err := program()
	if err != nil {
		return nil, nil, err
	}
	b := &bundle.Bundle{Data: map[string]any{}}
	for _, m := range modules {
		parsed, err := ast.ParseModuleWithOpts(m.File, m.Source, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, nil, err
		}
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: m.File, Path: m.File, Raw: []byte(m.Source), Parsed: parsed})
	}
	for i, e := range entrypoints {
		entrypoints[i] = "redisgitops/main/" + e
	}
	// Only the entry points are called: whatever else could be one would be kept.
	c := compile.New().WithTarget(compile.TargetWasm).WithBundle(b).WithEntrypoints(entrypoints...).WithPruneUnused(true).
		WithCapabilities(opa.Capabilities()).WithRegoVersion(ast.RegoV1)
	if err := c.Build(context.Background()); err != nil {
		return nil, nil, err
	}
	raw := c.Bundle().WasmModules
	if len(raw) != 1 {
		return nil, nil, fmt.Errorf("OPA made %d programs of the rules and not one", len(raw))
	}
	return withoutNames(raw[0].Raw), metadata, nil
}

// withoutNames leaves out the custom sections, which are for debuggers.
func withoutNames(program []byte) []byte {
	const header = 8
	out := slices.Clone(program[:header])
	for at := header; at < len(program); {
		size, n := binary.Uvarint(program[at+1:])
		end := at + 1 + n + int(size)
		if program[at] != 0 {
			out = append(out, program[at:end]...)
		}
		at = end
	}
	return out
}
