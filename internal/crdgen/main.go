// Command crdgen turns CustomResourceDefinitions into the CUE schema of an operator: names, types, enumerations,
// formats and bounds of the fields, and none of the texts.
//
//	go run ./internal/crdgen -o cue/operator/spotahome/schema.cue 1.2.4=crd-1.2.4.yaml 1.3.0=crd-1.3.0.yaml
//
// An operator's version may be given several times, once for each of its files; two definitions of one kind become one that accepts
// what either does. -optional names a field that the definition requires and the operator fills in before it is checked.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	out := flag.String("o", "schema.cue", "the file to write; its folder names the operator")
	var optional []string
	flag.Func("optional", "a field that need not be set, such as spec.authSecret.kind; may be repeated", func(path string) error {
		optional = append(optional, path)
		return nil
	})
	flag.Parse()
	if err := run(*out, optional, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "crdgen:", err)
		os.Exit(1)
	}
}

func run(out string, optional, args []string) error {
	g := newGenerator()
	g.optional = optional
	for _, arg := range args {
		version, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not VERSION=FILE", arg)
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := g.add(version, src); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	absolute, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	g.write(&b, filepath.Base(filepath.Dir(absolute)))
	return os.WriteFile(out, b.Bytes(), 0o644)
}
