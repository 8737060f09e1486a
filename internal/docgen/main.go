// Command docgen writes the pages about the rules, from what the rules say of themselves and from their examples.
//
//	go run ./internal/docgen -o docs/rules
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/redis-gitops/redis-gitops/policy"
)

func main() {
	out := flag.String("o", filepath.Join("docs", "rules"), "the folder to write; pages of rules that are gone are removed")
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
	written, err := markdownFiles(out)
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

// embedded gives the pages of the rules in the binary, by their path below docs/rules.
func embedded() (map[string]string, error) {
	rules, err := policy.Rules()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		r.Examples()
	}
	return pages(rules), nil
}

// markdownFiles lists the pages in a folder, with "/".
func markdownFiles(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".md" {
			return err
		}
		name, err := filepath.Rel(dir, file)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	return names, err
}
