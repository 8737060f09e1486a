package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Render turns a target into resources. What is broken is in the result's Problems, and the rest is rendered all the same;
// the error is for a folder that cannot be read at all, and for a context that is done.
func Render(ctx context.Context, r *repo.Repo, t Target, opts Options) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k := keptIn(ctx, t, opts); k != nil {
		return k.render(r, t, func(r *repo.Repo, opts Options) (*Result, error) { return Render(ctx, r, t, opts) })
	}
	defer running(ctx, t.Dir)()
	result := &Result{}
	var err error
	switch t.Kind {
	case repo.Chart:
		err = renderChart(ctx, r, t, opts, result)
	case repo.Kustomize:
		err = renderKustomization(ctx, r, t, opts, result)
	default:
		err = renderPlain(ctx, r, t, result)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if d := t.Deployment; d != nil && d.Substitute != nil && t.Kind != repo.Chart {
		for _, r := range result.Resources {
			r.substitute(d.Substitute)
		}
	}
	slices.Sort(result.Files)
	result.Files = slices.Compact(result.Files)
	return result, nil
}

func renderChart(ctx context.Context, r *repo.Repo, t Target, opts Options, result *Result) error {
	l := &loader{repo: r, result: result, parsed: opts.Parsed}
	root := l.loadChart(ctx, t.Dir)
	if root == nil {
		return l.unreadable(t.Dir)
	}
	cr := &chartRun{root: root}
	result.run, result.library = cr, sync.OnceValue(result.libraryReads)
	given := l.given(cr, t)
	result.Chart = &Chart{Name: root.meta.Name}
	for _, d := range root.meta.Dependencies {
		result.Chart.Subcharts = append(result.Chart.Subcharts, d.key())
	}
	for _, d := range root.deps {
		result.Chart.Subcharts = append(result.Chart.Subcharts, d.name)
	}
	slices.Sort(result.Chart.Subcharts)
	result.Chart.Subcharts = slices.Compact(result.Chart.Subcharts)
	result.Chart.setValues(slices.Concat(root.own, cr.given))
	if l.broken {
		result.Chart.Partial = true
		return nil // without its values a chart gives something else
	}
	if err := cr.values(given); err != nil {
		result.Chart.Partial = true
		l.fail(finding.Errorf(finding.Position{File: path.Join(t.Dir, "Chart.yaml")}, "", "%s", err))
		return nil
	}
	if t.Deployment == nil || !t.Deployment.SkipSchema {
		l.schemas(cr, root)
	}
	e := startEngine(ctx, opts.Timeout, opts.Parsed)
	defer e.stop()
	cr.engine = e
	defer func() { cr.engine = nil }()
	l.render(ctx, cr, t, opts)
	root.forget()
	result.Chart.reads(cr)
	return nil
}

// forget drops what only templates need.
func (c *chart) forget() {
	c.data, c.templates, c.files = nil, nil, nil
	for _, d := range c.deps {
		d.forget()
	}
}

// given reads the values that are put over those of the chart, in the order of the deployment.
func (l *loader) given(cr *chartRun, t Target) map[string]any {
	all := map[string]any{}
	add := func(files []ValueFile, m map[string]any, err error) {
		for _, p := range finding.All(err) {
			l.problem(p)
		}
		cr.given = append(cr.given, files...)
		all = overlay(all, m)
	}
	file := func(name string, missingIsFine bool, by finding.Position) ([]ValueFile, map[string]any, error) {
		if _, err := l.repo.Fs().Stat(name); errors.Is(err, fs.ErrNotExist) {
			if !missingIsFine {
				l.fail(finding.Errorf(by, "", "values file %q does not exist; create it or remove it from the list", name))
			}
			return nil, nil, nil
		}
		docs := l.documents(name)
		m, err := mapping(docs)
		return valueFiles(docs), m, err
	}
	if d := t.Deployment; d != nil {
		if d.NoChartValues {
			cr.root.values, cr.root.own = map[string]any{}, nil
		}
		for _, name := range d.ValueFiles {
			at, named := d.ValueFilesAt[name]
			if !named {
				at = d.Source
			}
			files, m, err := file(name, d.IgnoreMissingValueFiles, at)
			if d.NoChartValues && err == nil {
				cr.root.values = overlay(cr.root.values, m)
				cr.root.own = append(cr.root.own, files...)
				continue
			}
			add(files, m, err)
		}
		for _, p := range d.Missing {
			l.fail(p)
		}
		if d.ValuesErr != nil {
			for _, p := range finding.All(d.ValuesErr) {
				l.problem(p)
			}
		}
		inline := func(file string, values *yaml.Node) {
			l.result.Files = append(l.result.Files, file)
			at := finding.Position{File: file, Line: values.Line, Column: values.Column}
			values = substituted(values, d.ValuesSubstitute)
			m, err := nodeMapping(at, values)
			add([]ValueFile{{at, values}}, m, err)
		}
		for _, from := range d.ValuesFrom {
			for _, p := range finding.All(from.Err) {
				l.problem(p)
			}
			switch {
			case from.Unknown != "":
				l.result.Notices = append(l.result.Notices, finding.Errorf(from.At, "", "values come from %s, which is not in the repository, so they are not linted", from.Unknown))
			case from.Parameter != nil:
				l.result.Files = append(l.result.Files, from.File)
				l.set(cr, &all, []repo.Parameter{*from.Parameter})
			case from.Values != nil:
				inline(from.File, from.Values)
			}
		}
		if d.Values != nil {
			inline(d.Source.File, d.Values)
		}
		if len(d.Parameters) > 0 {
			l.result.Files = append(l.result.Files, d.Source.File)
			l.set(cr, &all, d.Parameters)
		}
	}
	for _, name := range t.ValueFiles {
		add(file(name, false, finding.Position{}))
	}
	l.set(cr, &all, t.Parameters)
	return all
}

// set puts parameters over the values.
func (l *loader) set(cr *chartRun, all *map[string]any, parameters []repo.Parameter) {
	if len(parameters) == 0 {
		return
	}
	*all = copyMapping(*all)
	for _, p := range parameters {
		steps, err := setParameter(*all, p)
		if err != nil {
			l.fail(finding.Errorf(p.At, "", "%s", err))
			continue
		}
		cr.given = append(cr.given, ValueFile{p.At, parameterNode(steps, p)})
	}
}

// values makes the values of every chart.
func (cr *chartRun) values(given map[string]any) error {
	if err := cr.root.enable(given, ""); err != nil {
		return err
	}
	if err := cr.root.importValues(); err != nil {
		return err
	}
	values := copyMapping(given)
	if err := coalesce(cr.root, values, false); err != nil {
		return err
	}
	cr.root.setScope(values)
	return nil
}

// setScope notes what .Values is in a chart and its subcharts.
func (c *chart) setScope(values map[string]any) {
	c.scope = values
	for _, d := range c.deps {
		sub, _ := values[d.name].(map[string]any)
		if sub == nil {
			sub = map[string]any{}
		}
		d.setScope(sub)
	}
}

// template is a file that is to be rendered.
type templateFile struct {
	source *source
	data   map[string]any
	base   string
}

// render runs the templates of a chart and its subcharts.
func (l *loader) render(ctx context.Context, cr *chartRun, t Target, opts Options) {
	templates := l.templates(cr, t, opts)
	failed := map[*source]bool{}
	for _, f := range templates {
		if err := cr.engine.parse(f.source); err != nil {
			failed[f.source], cr.unrun = true, true
			l.result.Chart.Partial = true
			cr.sources = cr.engine.sources
			l.add(cr.explain(f.source, err, nil))
		}
	}
	cr.sources = cr.engine.sources
	results := map[string]*renderedFile{}
	var names []string
	for _, f := range templates {
		name := f.source.name
		if failed[f.source] || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		rendered, spent := l.execute(cr, f)
		if spent {
			cr.unrun = true
			break // the others would say the same
		}
		if rendered == nil {
			continue
		}
		l.result.texts = append(l.result.texts, rendered)
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		names = append(names, name)
		results[name] = rendered
	}
	l.crds(cr.root)
	slices.Sort(names)
	for _, name := range names {
		l.resources(results[name])
	}
}

// templates returns the templates of a chart and its subcharts with their data, in the order in which they run.
func (l *loader) templates(cr *chartRun, t Target, opts Options) []*templateFile {
	release := map[string]any{"Name": cr.root.name, "Namespace": "default", "IsUpgrade": false, "IsInstall": true, "Revision": 1, "Service": "Helm"}
	if d := t.Deployment; d != nil {
		if d.ReleaseName != "" {
			release["Name"] = d.ReleaseName
		}
		if d.Namespace != "" {
			release["Namespace"] = d.Namespace
		}
	}
	files := &lazyFiles{loader: l, left: maxChartFiles}
	var templates []*templateFile
	l.collect(cr.root, release, newCapabilities(opts.KubeVersion, opts.APIVersions), map[string]bool{}, &templates)
	for _, f := range templates {
		files.want = files.want || strings.Contains(f.source.text, "Files")
	}
	if files.want {
		files.fill(cr.root, templates)
	}
	// A template in a deeper folder is read, and run, before those above it: what is defined last counts.
	slices.SortFunc(templates, func(a, b *templateFile) int {
		if n := strings.Count(b.source.name, "/") - strings.Count(a.source.name, "/"); n != 0 {
			return n
		}
		return strings.Compare(b.source.name, a.source.name)
	})
	return templates
}

// execute runs a template. It returns nil for one that fails, and whether the limits of the chart are spent.
func (l *loader) execute(cr *chartRun, f *templateFile) (rendered *renderedFile, spent bool) {
	e := cr.engine
	f.data["Template"] = map[string]any{"Name": f.source.name, "BasePath": f.base}
	out, err := e.execute(f.source, f.data)
	if err != nil {
		p := cr.explain(f.source, err, out)
		cr.fails(f.source, p)
		missing := noTemplate.FindStringSubmatch(err.Error())
		if missing != nil && cr.elsewhere(missing[1]) {
			l.result.Incomplete = true
		} else {
			l.add(p)
		}
		if e.spent() {
			return nil, true
		}
		if missing == nil {
			return nil, false
		}
		// A library chart that is not in the repository is missing in every file. What does not come from it can be checked all the
		// same.
		e.lenient = true
		out, err = e.execute(f.source, f.data)
		e.lenient = false
		if err != nil {
			return nil, false
		}
	}
	return &renderedFile{run: cr, source: f.source, text: out.text, marks: out.marks, saved: out.saved}, false
}

// elsewhere reports whether a template that is not defined may be one of a subchart that is packed or not in the repository: no template that
// is defined begins with the same word.
func (cr *chartRun) elsewhere(name string) bool {
	word, _, _ := strings.Cut(name, ".")
	return cr.root.lacks() && !slices.ContainsFunc(cr.engine.set.Templates(), func(t *template.Template) bool {
		return strings.HasPrefix(t.Name(), word+".")
	})
}

// lacks reports whether a chart has subcharts, at any depth, that are not rendered.
func (c *chart) lacks() bool {
	return c.absent || len(c.archives) > 0 || slices.ContainsFunc(c.deps, (*chart).lacks)
}

// fails notes which templates a problem ended.
func (cr *chartRun) fails(s *source, p *finding.Problem) {
	if cr.failed == nil {
		cr.failed = map[string]bool{}
	}
	cr.failed[s.file], cr.failed[p.File] = true, true
	for _, r := range p.Related {
		cr.failed[r.Position.File] = true
	}
}

// collect reads the templates of a chart and its subcharts and prepares what they see.
func (l *loader) collect(c *chart, release map[string]any, caps *capabilities, seen map[string]bool, all *[]*templateFile) map[string]any {
	subs := map[string]any{}
	data := map[string]any{"Chart": c.meta.asMap(c.parent == nil), "Files": chartFiles{}, "Release": release, "Capabilities": caps,
		"Values": c.scope, "Subcharts": subs}
	c.data = data
	for _, d := range c.deps {
		subs[d.name] = l.collect(d, release, caps, seen, all)
	}
	library := strings.EqualFold(c.meta.Type, "library")
	for _, name := range c.templates {
		if library && !strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		full := c.fullPath() + "/" + name
		if seen[full] {
			continue
		}
		seen[full] = true
		file := path.Join(c.dir, name)
		src, err := l.repo.ReadFile(file)
		if err != nil {
			for _, p := range finding.All(err) {
				l.result.Problems = append(l.result.Problems, p.WithCode(CodeFails))
			}
			l.result.Chart.Partial = true
			continue
		}
		l.result.Files = append(l.result.Files, file)
		s := newSource(full, file, strings.TrimPrefix(string(src), "\ufeff"))
		s.chart = c
		*all = append(*all, &templateFile{s, data, c.fullPath() + "/templates"})
	}
	return data
}

// lazyFiles reads the files of charts whose templates speak of them.
type lazyFiles struct {
	loader *loader
	left   int64
	want   bool
}

func (f *lazyFiles) fill(c *chart, templates []*templateFile) {
	files := chartFiles{}
	for _, name := range c.files {
		file := path.Join(c.dir, name)
		b, err := f.loader.read(file, &f.left)
		if err != nil {
			for _, p := range finding.All(err) {
				f.loader.add(p.WithCode(CodeFails))
			}
			continue
		}
		files[name] = b
		f.loader.result.Files = append(f.loader.result.Files, file)
	}
	c.data["Files"] = files
	for _, d := range c.deps {
		f.fill(d, templates)
	}
}

// crds returns the manifests of crds/, which Helm does not render.
func (l *loader) crds(c *chart) {
	for _, name := range c.files {
		if strings.HasPrefix(name, "crds/") && isManifest(name) {
			l.manifests(path.Join(c.dir, name))
		}
	}
	for _, d := range c.deps {
		l.crds(d)
	}
}

func isManifest(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// resources takes the text that a file's templates gave apart.
func (l *loader) resources(f *renderedFile) {
	if len(strings.TrimSpace(string(f.text))) == 0 {
		return
	}
	docs, problems := f.documents()
	for _, p := range problems {
		l.add(f.notYAML(p))
	}
	for _, doc := range docs {
		if doc.Node.Kind != yaml.MappingNode {
			at := f.position(doc.Node)
			l.add(finding.Errorf(at.Source, "", "the template renders %s here; a manifest is a mapping with apiVersion and kind", nodeKind(doc.Node)).WithCode(CodeNotYAML))
			continue
		}
		for _, n := range items(doc.Node) {
			l.result.Resources = append(l.result.Resources, &Resource{Node: n, File: f.source.file, from: f})
		}
	}
}

// documents takes a stream apart and goes on behind a document that is broken.
func documents(file string, text []byte) ([]*repo.Document, finding.Problems) {
	var docs []*repo.Document
	var problems finding.Problems
	skipped := 0 // lines
	for range 100 {
		found, err := repo.ParseDocuments(file, text)
		docs = append(docs, found...)
		if err == nil {
			return docs, problems
		}
		all := finding.All(err)
		problems = append(problems, all...)
		last := 0
		for _, p := range all {
			if p.Code == repo.CodeDuplicateKey { // the others are there
				continue
			}
			last = max(last, p.Line)
		}
		if last == 0 {
			return docs, problems
		}
		next, lines := nextDocument(text, last)
		if next == nil || lines <= skipped {
			return docs, problems
		}
		skipped = lines
		text = append(slices.Repeat([]byte("\n"), lines), next...)
	}
	return docs, problems
}

// nextDocument returns what is behind the first "---" behind a line, and the number of lines before.
func nextDocument(text []byte, line int) ([]byte, int) {
	n := 0
	for start := 0; start < len(text); {
		end := len(text)
		if i := slices.Index(text[start:], '\n'); i >= 0 {
			end = start + i + 1
		}
		if n++; n > line && strings.HasPrefix(string(text[start:end]), "---") {
			return text[start:], n - 1
		}
		start = end
	}
	return nil, 0
}

// notYAML moves a problem of a rendered text to the line of the template.
func (f *renderedFile) notYAML(p *finding.Problem) *finding.Problem {
	at := f.position(&yaml.Node{Line: max(p.Line, 1), Column: f.firstColumn(max(p.Line, 1))})
	problem := finding.Errorf(at.Source, p.Path, "%s", p.Message).WithCode(CodeNotYAML)
	switch p.Code {
	case repo.CodeDuplicateKey:
		problem.Code, problem.Subject = p.Code, p.Subject
		if first := p.Other.Line; first > 0 {
			other := f.position(&yaml.Node{Line: first, Column: f.firstColumn(first)})
			problem.Message = fmt.Sprintf("key %q is already set at %s; remove one of the two", p.Subject, other.Source)
		}
	case repo.CodeTab:
		problem.Message = "the template renders invalid YAML: a tab is used for indentation; use spaces"
	case repo.CodeSyntax:
		problem.Message = fmt.Sprintf("the template renders invalid YAML: %s; check indentation and quotes here or just before", p.Subject)
	}
	problem.Related = f.related(at)
	return problem
}

// related returns the places of the values that an origin has.
func (f *renderedFile) related(o Origin) []finding.Related {
	var all []finding.Related
	for _, v := range o.Values {
		if v.At.File != "" {
			all = append(all, finding.Related{Position: v.At, Message: "value set here"})
		}
	}
	return all
}

// renderPlain returns the manifests of a folder.
func renderPlain(ctx context.Context, r *repo.Repo, t Target, result *Result) error {
	l := &loader{repo: r, result: result}
	files := t.Files
	if files == nil {
		if err := l.unreadable(t.Dir); err != nil {
			return err
		}
		all, err := r.Files(t.Dir)
		if err != nil {
			return err
		}
		for _, f := range all {
			if path.Dir(f) == t.Dir && isYAML(f) {
				files = append(files, f)
			}
		}
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.manifests(f)
	}
	return nil
}

func isYAML(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// manifests reads the objects of a file.
func (l *loader) manifests(file string) {
	src, err := l.repo.ReadFile(file)
	if err != nil {
		for _, p := range finding.All(err) {
			l.add(p)
		}
		return
	}
	l.result.Files = append(l.result.Files, file)
	docs, problems := documents(file, src)
	if len(problems) > 0 && path.Base(path.Dir(file)) == "templates" && bytes.Contains(src, []byte("{{")) {
		// The chart is elsewhere, or this is the template of another tool.
		l.result.Notices = append(l.result.Notices, finding.Errorf(finding.Position{File: file}, "", "is a template outside of a chart, so it is not linted"))
		return
	}
	for _, p := range problems {
		l.add(p)
	}
	from := &manifestFile{file: file, src: src}
	for _, doc := range docs {
		if doc.APIVersion() == "" || doc.Kind() == "" {
			continue
		}
		for _, n := range items(doc.Node) {
			l.result.Resources = append(l.result.Resources, &Resource{Node: n, File: file, from: from})
		}
	}
}

// reads returns the places in the chart's own templates that read values.
func (c *Chart) reads(cr *chartRun) {
	type node struct{ source, offset int32 }
	ran := map[node]bool{}
	for _, p := range cr.engine.pieces {
		if p.ran && p.kind != textPiece {
			ran[node{p.source, p.offset}] = true
		}
	}
	number := map[*source]int32{}
	for i, s := range cr.sources {
		number[s] = int32(i)
	}
	sources := slices.Clone(cr.sources)
	slices.SortFunc(sources, func(a, b *source) int { return strings.Compare(a.file, b.file) })
	for _, s := range sources {
		if s.chart != cr.root {
			continue
		}
		for _, r := range s.facts.reads {
			guarded := r.guarded
			for _, g := range r.under {
				if v, ok := lookupValue(cr.root.scope, g); !guarded && (!ok || isEmpty(v)) {
					guarded = true // what is inside is not run
				}
			}
			skipped := !cr.unrun && !cr.failed[s.file] && !ran[node{number[s], r.node}]
			for _, need := range r.inside {
				v, ok := lookupValue(cr.root.scope, need)
				skipped = skipped || !ok || isEmpty(v)
			}
			c.Reads = append(c.Reads, Read{Path: r.path, At: s.position(r.offset), Guarded: guarded, Dynamic: r.dynamic,
				Skipped: skipped})
		}
	}
}

// setValues puts the value files one over the other.
func (c *Chart) setValues(files []ValueFile) {
	c.Sets = files
	if len(files) == 0 {
		return
	}
	c.Values = files[0].Node
	if len(files) == 1 {
		return
	}
	c.files = map[*yaml.Node]string{}
	var own func(n *yaml.Node, file string) *yaml.Node
	own = func(n *yaml.Node, file string) *yaml.Node {
		copied := *n
		copied.Content = nil
		for _, child := range n.Content {
			copied.Content = append(copied.Content, own(child, file))
		}
		c.files[&copied] = file
		return &copied
	}
	var over func(lower, upper *yaml.Node)
	over = func(lower, upper *yaml.Node) {
		for i := 0; i+1 < len(upper.Content); i += 2 {
			k, v := upper.Content[i], upper.Content[i+1]
			at := -1
			for j := 0; j+1 < len(lower.Content); j += 2 {
				if lower.Content[j].Value == k.Value {
					at = j
				}
			}
			switch {
			case at < 0:
				lower.Content = append(lower.Content, k, v)
			case lower.Content[at+1].Kind == yaml.MappingNode && v.Kind == yaml.MappingNode:
				over(lower.Content[at+1], v)
			default:
				lower.Content[at], lower.Content[at+1] = k, v
			}
		}
	}
	c.Values = own(resolve(files[0].Node), files[0].Position.File)
	for _, f := range files[1:] {
		upper := own(resolve(f.Node), f.Position.File)
		if c.Values.Kind != yaml.MappingNode || upper.Kind != yaml.MappingNode {
			c.Values = upper
			continue
		}
		over(c.Values, upper)
	}
}
