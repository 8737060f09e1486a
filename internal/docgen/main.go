// Command docgen writes the pages that follow from the sources: those of the rules from what they say of themselves and from their
// examples, the others from the configuration's schema, the operators' facts, the formats and the library.
//
//	go run ./internal/docgen -o docs
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/redis-gitops/redis-gitops/policy"
)

func main() {
	out := flag.String("o", "docs", "the directory to write; pages of rules that are gone are removed")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	pages, err := embedded()
	if err != nil {
		return err
	}
	for name, text := range pages {
		file := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	written, err := rulePages(out)
	if err != nil {
		return err
	}
	for _, name := range written {
		if _, ok := pages[name]; !ok {
			if err := os.Remove(filepath.Join(out, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	return nil
}

// embedded returns all pages, by their path below docs.
func embedded() (map[string]string, error) {
	rules, err := policy.Rules()
	if err != nil {
		return nil, err
	}
	out, err := guides()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		policy.Examples(r)
	}
	for name, text := range pages(rules) {
		out[path.Join("rules", name)] = text
	}
	return out, nil
}

// rulePages lists the pages of rules in a directory, with "/".
func rulePages(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(dir, "rules"), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".md" {
			return err
		}
		name, err := filepath.Rel(dir, file)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	return names, err
}
