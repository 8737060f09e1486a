package main

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/redis-gitops/redis-gitops/policy"
)

// want is the file of an example that holds what lint says about the others.
const want = "want.txt"

const generated = "<!-- Written by internal/docgen from the rule's folder. Do not edit. -->\n"

// categories says what the rules of a category are about; the order is that of the index.
func categories() []struct{ name, about string } {
	return []struct{ name, about string }{
		{"yaml", "files that cannot be read as they are meant"},
		{"auth", "passwords"},
		{"sec", "security beside passwords"},
		{"ha", "failover, and what stands in its way"},
		{"data", "data that can be lost"},
		{"mem", "memory"},
		{"config", "the configuration of Redis"},
		{"op", "the operator and its resources"},
		{"ops", "resources of OpsTree's operator"},
		{"re", "Redis Enterprise"},
		{"name", "names"},
		{"url", "addresses of clients"},
		{"svc", "Services"},
		{"rails", "Rails and Sidekiq"},
		{"val", "values of charts"},
		{"kust", "kustomizations"},
		{"layout", "the layout of the repository"},
		{"suppression", "suppressions of findings"},
	}
}

// pages gives a page for each rule and an index.
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
	kinds := "everything"
	switch {
	case len(r.Kinds) > 0:
		kinds = strings.Join(r.Kinds, ", ")
	case r.Scope == policy.ScopeRepository:
		kinds = "the whole repository"
	}
	fix := "no"
	if r.Fix != "" {
		fix = r.Fix
	}
	fmt.Fprintf(&b, "| severity | with `--strict` | looks at | `--fix` | since |\n|---|---|---|---|---|\n| %s | %s | %s | %s | %s |\n",
		r.Severity, r.Strict, cell(kinds), cell(fix), cell(r.Since))
	if r.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", r.Description)
	}
	if r.Remediation != "" {
		fmt.Fprintf(&b, "\n## What to do\n\n%s\n", r.Remediation)
	}
	if r.Once != "" {
		fmt.Fprintf(&b, "\nIt is told once for each %s, with the number of places.\n", r.Once)
	}
	examples(&b, txtar.Parse([]byte(r.Bad)), txtar.Parse([]byte(r.Good)))
	fmt.Fprintf(&b, "\n## Living with it\n\n```yaml\n# redis-gitops:ignore %s -- why it does not matter here\n```\n\non the line or above it; for the whole repository, in `.redis-gitops.yaml`,\n\n```yaml\nrules:\n  %s: {severity: \"off\"}\n```\n", r.Name, r.Name)
	if len(r.References) > 0 {
		b.WriteString("\n## Where this is from\n\n")
		for _, ref := range r.References {
			if strings.HasPrefix(ref, "https://") {
				ref = "<" + ref + ">"
			}
			fmt.Fprintf(&b, "- %s\n", ref)
		}
	}
	return b.String()
}

// examples shows what lint reports, what it says, and what is repaired. That a rule has both is for a test of lint to see.
func examples(b *strings.Builder, bad, good *txtar.Archive) {
	if len(bad.Files) == 0 {
		return
	}
	b.WriteString("\n## What is wrong\n")
	comment(b, bad.Comment)
	for _, f := range bad.Files {
		if f.Name != want {
			fmt.Fprintf(b, "\n`%s`\n\n%s", f.Name, fenced(language(f.Name), string(f.Data)))
		}
	}
	if said := file(bad, want); len(said) > 0 {
		fmt.Fprintf(b, "\n`redis-gitops lint` says\n\n%s", fenced("text", string(said)))
	}
	b.WriteString("\n## What is right\n")
	comment(b, good.Comment)
	repaired(b, bad, good)
}

// repaired writes the good example as changes to the bad one.
func repaired(b *strings.Builder, bad, good *txtar.Archive) {
	var diff strings.Builder
	for _, f := range good.Files {
		old := file(bad, f.Name)
		switch {
		case f.Name == want || bytes.Equal(old, f.Data):
		case old == nil:
			diff.WriteString(udiff.Unified("/dev/null", f.Name, "", string(f.Data)))
		default:
			diff.WriteString(udiff.Unified(f.Name, f.Name, string(old), string(f.Data)))
		}
	}
	for _, f := range bad.Files {
		if f.Name != want && file(good, f.Name) == nil {
			diff.WriteString(udiff.Unified(f.Name, "/dev/null", string(f.Data), ""))
		}
	}
	if diff.Len() > 0 {
		b.WriteString("\n" + fenced("diff", diff.String()))
	}
}

func index(rules []*policy.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# Rules\n\n%d rules. `redis-gitops rules show RULE` prints a page; `--strict` is the second severity.\n", generated, len(rules))
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
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| rule | what is wrong | severity | strict | fix |\n|---|---|---|---|---|\n%s", name, about, rows.String())
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

func comment(b *strings.Builder, text []byte) {
	if t := strings.TrimSpace(string(text)); t != "" {
		fmt.Fprintf(b, "\n%s\n", t)
	}
}

// file gives a file of an example, or nil.
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
