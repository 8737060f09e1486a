package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
	"github.com/redis-gitops/redis-gitops/report"
)

const generatedFrom = "<!-- Written by internal/docgen from %s. Do not edit. -->\n"

// guides returns the pages and schemas that follow from other sources than rules, by their path below docs.
func guides() (map[string]string, error) {
	out := map[string]string{}
	for name, write := range map[string]func() (string, error){
		"addons.md": addonsPage, "runbooks/README.md": runbooksPage,
		"configuration.md": configurationPage, "engines.md": enginesPage, "images.md": imagesPage, "operators.md": operatorsPage, "output-formats.md": formatsPage, "rego-library.md": libraryPage,
		"schema/config.schema.json": schemaFile(cue.ConfigJSONSchema), "schema/values.schema.json": schemaFile(cue.ValuesJSONSchema),
		"schema/repository.schema.json": schemaFile(repositorySchema),
	} {
		text, err := write()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = text
	}
	return out, nil
}

func schemaFile(schema func() ([]byte, error)) func() (string, error) {
	return func() (string, error) {
		src, err := schema()
		return string(src), err
	}
}

// option is a schema of the configuration, as far as the page shows it.
type option struct {
	Description          string            `json:"description"`
	Type                 any               `json:"type"`
	Default              any               `json:"default"`
	Enum                 []any             `json:"enum"`
	Properties           map[string]option `json:"properties"`
	AdditionalProperties json.RawMessage   `json:"additionalProperties"`
	Items                *option           `json:"items"`
}

func configurationPage() (string, error) {
	src, err := cue.ConfigJSONSchema()
	if err != nil {
		return "", err
	}
	var root option
	if err := json.Unmarshal(src, &root); err != nil {
		return "", err
	}
	template, err := cue.ConfigTemplate()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "cue/config.cue")
	b.WriteString("# Configuration\n\n`.redis-gitops.yaml` at the root of the repository. All options are optional, and a repository without the file uses the defaults. " +
		"Unknown\nkeys and wrong values are reported together, with their lines. Editors can validate the file with\n[schema/config.schema.json](schema/config.schema.json):\n\n" +
		"```yaml\n# yaml-language-server: $schema=https://raw.githubusercontent.com/redis-gitops/redis-gitops/main/docs/schema/config.schema.json\n```\n\n" +
		"Globs match paths relative to the repository; `*` matches within a directory and `**` across directories.\n\n## Options\n\n| option | default | |\n|---|---|---|\n")
	writeOptions(&b, "", root)
	fmt.Fprintf(&b, "\n## Template\n\n`redis-gitops init` writes this file:\n\n```yaml\n%s```\n", template)
	return b.String(), nil
}

func writeOptions(b *strings.Builder, prefix string, o option) {
	for _, name := range slices.Sorted(maps.Keys(o.Properties)) {
		p := o.Properties[name]
		key := prefix + name
		about := cell(p.Description)
		if len(p.Enum) > 0 {
			about = strings.TrimSuffix(about, ".") + ". One of " + enumeration(p.Enum) + "."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, defaultOf(p), about)
		writeOptions(b, key+".", p)
		if p.Items != nil {
			writeOptions(b, key+"[].", *p.Items)
		}
		var each option
		if json.Unmarshal(p.AdditionalProperties, &each) == nil {
			writeOptions(b, key+".NAME.", each)
		}
	}
}

func enumeration(values []any) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("`%v`", quoteEmpty(v)))
	}
	return strings.Join(out, ", ")
}

func quoteEmpty(v any) any {
	if v == "" {
		return `""`
	}
	return v
}

func defaultOf(p option) string {
	if p.Default == nil {
		return ""
	}
	if text, ok := p.Default.(string); ok && text != "" {
		return "`" + text + "`"
	}
	src, err := json.Marshal(p.Default)
	if err != nil {
		return ""
	}
	return "`" + string(src) + "`"
}

func operatorsPage() (string, error) {
	operators, err := cue.Operators()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "cue/operator/*/operator.cue")
	b.WriteString("# Operators\n\nThe operators and other ways to run Redis that redis-gitops recognizes, and what it knows about each. The operator of a resource follows\n" +
		"from what the repository installs (a chart, a kustomize base or an image, also from a mirror), from fields of the resource, or from\n`operator.name` in the [configuration](configuration.md).\n\n" +
		"`redis-gitops operators` lists those that a repository uses.\n\n| `operator.name` | state | kinds | versions | scaffold |\n|---|---|---|---|---|\n")
	for _, o := range operators {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", o.Name, o.Name, state(o), strings.Join(kindNames(o), ", "), strings.Join(o.Versions, ", "), strings.Join(o.Types, ", "))
	}
	b.WriteString("\n## Which one\n\nEach entry is as of the month in its section. Redis and Valkey have licenses of their own.\n\n| operator | promotes a replica | lacks | license |\n|---|---|---|---|\n")
	for _, o := range operators {
		s := o.Status()
		license := s.License
		if s.State == "commercial" {
			license = s.State
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", o.Name, o.Name, s.Failover, s.Lacks, license)
	}
	b.WriteString("\nIn the tables below, `{name}` is the name of the resource, and `{PATH|DEFAULT}` a field of it; `with.PATH` is one of the cluster it runs on, or of its sentinels.\n")
	for _, o := range operators {
		writeOperator(&b, o)
	}
	return b.String(), nil
}

// state is the status of an operator in a word; that of no operator is empty.
func state(o *cue.Operator) string {
	s := o.Status()
	switch {
	case s.State == "none":
		return ""
	case s.Since != "":
		return s.State + " " + s.Since
	}
	return s.State
}

func kindNames(o *cue.Operator) []string {
	var out []string
	for _, k := range o.Kinds {
		if !slices.Contains(out, k.Kind) {
			out = append(out, k.Kind)
		}
	}
	return out
}

func writeOperator(b *strings.Builder, o *cue.Operator) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", o.Name, o.Doc)
	status := o.Status()
	if status.Note != "" {
		fmt.Fprintf(b, "\n%s (as of %s).\n", strings.ToUpper(status.Note[:1])+status.Note[1:], status.Seen)
	}
	if len(status.Ways) > 0 {
		b.WriteString("\n")
	}
	for _, way := range status.Ways {
		fmt.Fprintf(b, "- Move to [%s](#%s): %s\n", way.To, way.To, way.Work)
	}
	by := o.Recognise()
	var charts []string
	for _, c := range by.Charts {
		charts = append(charts, c.Repository+" "+c.Name)
	}
	var releases []string
	for _, c := range o.Charts() {
		releases = append(releases, c.Name+" of "+strings.Join(c.Publishers, ", "))
	}
	for _, line := range []struct {
		title string
		list  []string
	}{{"Charts", charts}, {"Charts whose releases are a Redis each", releases}, {"Kustomize bases", by.Bases}, {"Images", by.Images}} {
		if len(line.list) > 0 {
			fmt.Fprintf(b, "\n- %s: `%s`", line.title, strings.Join(line.list, "`, `"))
		}
	}
	if len(charts)+len(releases)+len(by.Bases)+len(by.Images) > 0 {
		b.WriteByte('\n')
	}
	rows := map[string]bool{}
	head := "\n| kind | writes | reads | sentinels | password |\n|---|---|---|---|---|\n"
	for _, s := range o.Schemes() {
		if s.Is != "" {
			continue
		}
		row := fmt.Sprintf("| %s | %s | %s | %s | %s |\n", kindOf(s), services(s.Write, s.Port), services(s.Read, s.Port), services(s.Sentinel, ""), passwords(s.Auth))
		if rows[row] {
			continue
		}
		rows[row] = true
		b.WriteString(head + row)
		head = ""
	}
}

func kindOf(s cue.Scheme) string {
	kind := s.Kind
	if kind == cue.KindOfCharts {
		kind += " " + s.APIVersions[0]
	}
	if len(s.If) == 0 {
		return kind
	}
	return kind + " if " + code(strings.Join(s.If, ", "))
}

func services(list []cue.Service, port string) string {
	var out []string
	for _, s := range list {
		text := s.Service
		if p := s.Port; p != "" {
			text += ":" + p
		} else if port != "" {
			text += ":" + port
		}
		if text = code(text); s.Service == "" {
			text = "none"
		}
		if s.Master != "" {
			text += " (master " + code(s.Master) + ")"
		}
		if len(s.If) > 0 {
			text += " if " + code(strings.Join(s.If, ", "))
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func passwords(list []cue.AuthFrom) string {
	var out []string
	for _, a := range list {
		text := "Secret " + code(a.Secret) + ", key " + code(a.Key)
		if len(a.If) > 0 {
			text += " if " + code(strings.Join(a.If, ", "))
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// code quotes a text for a cell of a table.
func code(text string) string { return "`" + strings.ReplaceAll(text, "|", "\\|") + "`" }

func formatsPage() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "package report")
	b.WriteString("# Output formats\n\n`lint --format NAME` prints one format; `--format NAME=FILE` writes it to a file, and both may be repeated:\n\n" +
		"```console\n$ redis-gitops lint --format text --format sarif=lint.sarif --format junit=lint.xml\n```\n\n" +
		"Reports never contain values that may be secrets (printed as `***`), control characters, or text of the repository that a terminal, browser\n" +
		"or CI runner would interpret. Paths are relative to the repository; lines and columns start at 1. The output is the same for any number of\ncores.\n\n" +
		"JSON is a contract ([schema/findings.schema.json](schema/findings.schema.json)): fields are added, not renamed or removed.\n\n| format | media type | |\n|---|---|---|\n")
	for _, f := range report.Formats() {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` | %s |\n", f.Name, f.Name, f.Media, cell(f.Title))
	}
	source := []byte("resources:\n  redis:\n    memory: 100MB\n")
	run := &report.Run{
		Version: "0.1.0", Files: 1, Resources: 4,
		Rules: map[string]finding.RuleInfo{"val/invalid-value": {
			Severity: finding.LevelError, Name: "val/invalid-value", Category: "val", Title: "Invalid value for a Redis", Description: "The operator rejects the resource.",
		}},
		Findings: []*finding.Finding{{
			Rule: "val/invalid-value", Severity: finding.Error, Message: `"100MB" is not a Mi or Gi quantity; use 100Mi`,
			Position: finding.Position{File: "applications/shop/values.yaml", Line: 3, Column: 13}, EndLine: 3, EndColumn: 18,
			Path: []string{"resources", "redis", "memory"}, Help: finding.HelpPage("val/invalid-value"),
			Related: []finding.Related{{Position: finding.Position{File: "applications/shop/templates/redis.yaml", Line: 26, Column: 7}, Message: "used here"}},
		}},
		Source: func(file string) ([]byte, bool) { return source, file == "applications/shop/values.yaml" },
	}
	for _, f := range report.Formats() {
		var text bytes.Buffer
		if err := report.Write(&text, f.Name, run, report.Options{}); err != nil {
			return "", err
		}
		fence := "```"
		if strings.Contains(text.String(), fence) {
			fence = "````"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n%s\n%s\n%s\n", f.Name, strings.ToUpper(f.Title[:1])+f.Title[1:], fence, strings.TrimRight(text.String(), "\n"), fence)
	}
	return b.String(), nil
}

// definition is the head of a rule or function of Rego at the beginning of a line.
var definition = regexp.MustCompile(`^([a-z_][a-z0-9_]*)(\([^)]*\))?(\[| contains| :=| if| = )`)

func libraryPage() (string, error) {
	library, err := policy.Library()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, generatedFrom, "policy/lib/*.rego")
	b.WriteString("# Rego library\n\nHelpers that rules import, custom rules included: `import data.redisgitops.lib.NAME`. See [policies.md](policies.md) for how to write a\nrule, and [schema/repository.schema.json](schema/repository.schema.json) for the fields of `data.repo`.\n" +
		"Names without a description are internal and may change.\n")
	for _, name := range slices.Sorted(maps.Keys(library)) {
		fmt.Fprintf(&b, "\n## %s\n", name)
		writeLibrary(&b, library[name])
	}
	return b.String(), nil
}

// writeLibrary lists what has a comment: the package first, then each definition once.
func writeLibrary(b *strings.Builder, src string) {
	var comment []string
	said := map[string]bool{}
	rows := ""
	for line := range strings.Lines(src) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(line, "#"); ok {
			comment = append(comment, strings.TrimSpace(text))
			continue
		}
		about := strings.Join(comment, " ")
		if m := definition.FindStringSubmatch(line); m != nil && about != "" && !said[m[1]] {
			said[m[1]] = true
			rows += fmt.Sprintf("| `%s%s` | %s |\n", m[1], cell(m[2]), cell(about))
		} else if strings.HasPrefix(line, "package ") && about != "" {
			fmt.Fprintf(b, "\n%s\n", about)
		}
		comment = nil
	}
	if rows != "" {
		b.WriteString("\n| name | |\n|---|---|\n" + rows)
	}
}
