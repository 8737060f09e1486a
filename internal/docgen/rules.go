package main

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/internal/patch"
	"github.com/redis-gitops/redis-gitops/policy"
)

// want is the file of an example that holds what lint says about the others.
const want = "want.txt"

const generated = "<!-- Written by internal/docgen from the rule's folder. Do not edit. -->\n"

// categories describes the categories of rules, in the order of the index.
func categories() []struct{ name, about string } {
	return []struct{ name, about string }{
		{"yaml", "files that cannot be parsed"},
		{"auth", "passwords"},
		{"sec", "security other than passwords"},
		{"ha", "high availability and failover"},
		{"data", "persistence and data loss"},
		{"mem", "memory"},
		{"config", "Redis configuration"},
		{"op", "Redis operators and their resources"},
		{"ops", "resources of the OpsTree operator"},
		{"re", "Redis Enterprise"},
		{"kdb", "KubeDB"},
		{"name", "resource names"},
		{"url", "connection URLs"},
		{"svc", "Services"},
		{"rails", "Rails and Sidekiq"},
		{"val", "charts and their values"},
		{"kust", "kustomizations"},
		{"layout", "repository layout"},
		{"suppression", "suppressions"},
	}
}

// pages returns a page for each rule and an index.
func pages(rules []*policy.Rule) map[string]string {
	out := map[string]string{"README.md": index(rules)}
	for _, r := range rules {
		out[r.Name+".md"] = page(r)
	}
	return out
}

func page(r *policy.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# %s\n\n**%s**\n\n", generated, r.Name, r.Title)
	kinds := "all resources"
	switch {
	case len(r.Kinds) > 0:
		kinds = strings.Join(r.Kinds, ", ")
	case r.Compares:
		kinds = "changes"
	case r.Scope == policy.ScopeRepository:
		kinds = "the whole repository"
	}
	fix := "no"
	if r.Fix != "" {
		fix = r.Fix
	}
	fmt.Fprintf(&b, "| severity | with `--strict` | applies to | `--fix` | since |\n|---|---|---|---|---|\n| %s | %s | %s | %s | %s |\n",
		r.Severity, r.Strict, cell(kinds), cell(fix), cell(r.Since))
	if r.General {
		b.WriteString("\nA general rule: with `scope: redis`, the default, it only applies where Redis is involved; `scope: all` in `.redis-gitops.yaml` applies it to every chart and manifest.\n")
	}
	if r.Compares {
		b.WriteString("\nA rule about changes: `redis-gitops lint` only applies it with `--new-from-rev REV`, and [`diff`](../../diff.md) names it.\n")
	}
	if r.Description != "" {
		fmt.Fprintf(&b, "\n## Why it matters\n\n%s\n", r.Description)
	}
	if r.Remediation != "" {
		fmt.Fprintf(&b, "\n## How to fix\n\n%s\n", r.Remediation)
	}
	if r.Once != "" {
		fmt.Fprintf(&b, "\nReported once per %s, with the number of occurrences.\n", r.Once)
	}
	bad, good := txtar.Parse([]byte(r.Bad)), txtar.Parse([]byte(r.Good))
	if r.Compares {
		changes(&b, bad, good)
	} else {
		examples(&b, bad, good)
	}
	fmt.Fprintf(&b, "\n## Suppress\n\nOn the line, or above it:\n\n```yaml\n# redis-gitops:ignore %s -- reason\n```\n\nFor the whole repository, in `.redis-gitops.yaml`:\n\n```yaml\nrules:\n  %s: {severity: \"off\"}\n```\n", r.Name, r.Name)
	if len(r.References) > 0 {
		b.WriteString("\n## References\n\n")
		for _, ref := range r.References {
			if strings.HasPrefix(ref, "https://") {
				ref = "<" + ref + ">"
			}
			fmt.Fprintf(&b, "- %s\n", ref)
		}
	}
	return b.String()
}

// changes shows a change that is reported, its finding, and a change that is not.
func changes(b *strings.Builder, bad, good *txtar.Archive) {
	if len(bad.Files) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Example\n\n%s", fenced("diff", change(bad)))
	fmt.Fprintf(b, "\n`redis-gitops lint --new-from-rev REV` reports:\n\n%s", fenced("text", string(file(bad, want))))
	fmt.Fprintf(b, "\nNot reported:\n\n%s", fenced("diff", change(good)))
}

// change is the patch of an example: from its files below base/, of which empty ones do not exist, to the others.
func change(a *txtar.Archive) string {
	var b strings.Builder
	for _, f := range a.Files {
		name, ok := strings.CutPrefix(f.Name, "base/")
		if !ok {
			continue
		}
		from, to := name, name
		if len(f.Data) == 0 {
			from = "/dev/null"
		}
		after := file(a, name)
		if after == nil {
			to = "/dev/null"
		}
		b.WriteString(patch.Unified(from, to, string(f.Data), string(after)))
	}
	return b.String()
}

// examples shows a violation, its finding and the fix. A test of package lint checks that every rule has both examples.
func examples(b *strings.Builder, bad, good *txtar.Archive) {
	if len(bad.Files) == 0 {
		return
	}
	b.WriteString("\n## Example\n")
	for _, f := range bad.Files {
		if f.Name != want {
			fmt.Fprintf(b, "\n`%s`\n\n%s", f.Name, fenced(language(f.Name), string(f.Data)))
		}
	}
	if said := file(bad, want); len(said) > 0 {
		fmt.Fprintf(b, "\n`redis-gitops lint` reports:\n\n%s", fenced("text", string(said)))
	}
	fixed(b, bad, good)
}

// fixed writes the good example as a diff against the bad one.
func fixed(b *strings.Builder, bad, good *txtar.Archive) {
	var diff strings.Builder
	for _, f := range good.Files {
		old := file(bad, f.Name)
		switch {
		case f.Name == want || bytes.Equal(old, f.Data):
		case old == nil:
			diff.WriteString(patch.Unified("/dev/null", f.Name, "", string(f.Data)))
		default:
			diff.WriteString(patch.Unified(f.Name, f.Name, string(old), string(f.Data)))
		}
	}
	for _, f := range bad.Files {
		if f.Name != want && file(good, f.Name) == nil {
			diff.WriteString(patch.Unified(f.Name, "/dev/null", string(f.Data), ""))
		}
	}
	if diff.Len() > 0 {
		b.WriteString("\nFixed:\n\n" + fenced("diff", diff.String()))
	}
}

func index(rules []*policy.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# Rules\n\n%d rules. `redis-gitops rules show RULE` prints a page. The second severity applies with `--strict`.\n", generated, len(rules))
	left := slices.Clone(rules)
	section := func(name, about string) {
		var rows strings.Builder
		left = slices.DeleteFunc(left, func(r *policy.Rule) bool {
			if r.Category != name {
				return false
			}
			fix := ""
			if r.Fix != "" {
				fix = "yes"
			}
			fmt.Fprintf(&rows, "| [%s](%s.md) | %s | %s | %s | %s |\n", path.Base(r.Name), r.Name, cell(r.Title), r.Severity, r.Strict, fix)
			return true
		})
		if rows.Len() > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| rule | problem | severity | strict | fix |\n|---|---|---|---|---|\n%s", name, about, rows.String())
		}
	}
	for _, c := range categories() {
		section(c.name, strings.ToUpper(c.about[:1])+c.about[1:]+".")
	}
	for len(left) > 0 { // a category that nobody described yet
		section(left[0].Category, "")
	}
	return b.String()
}

// file returns a file of an example, or nil.
func file(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func language(name string) string {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".tpl":
		return "yaml"
	case ".json":
		return "json"
	case ".sh":
		return "sh"
	}
	return "text"
}

// fenced puts text between fences that are longer than any in it.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return fence + language + "\n" + text + fence + "\n"
}

// cell is text for a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}
