package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// imported reports that values below a path of a subchart are found below a path of the chart.
type imported struct {
	at    []string // in the chart
	child *chart
	from  []string // in the subchart
}

// metadata is Chart.yaml, with the names that templates use.
type metadata struct {
	Name, Home, Version, Description, Icon, APIVersion string
	Condition, Tags, AppVersion, KubeVersion, Type     string
	Deprecated                                         bool
	Sources, Keywords                                  []string
	Maintainers                                        []maintainer
	Annotations                                        map[string]string
	Dependencies                                       []dependency

	at map[string]*yaml.Node // of the fields by the names of the file
}

type maintainer struct{ Name, Email, URL string }

type dependency struct {
	Name, Version, Repository, Condition, Alias string
	Tags                                        []string
	ImportValues                                []any
	Enabled                                     bool

	node *yaml.Node
}

// key is the name under which the values of the subchart are.
func (d dependency) key() string {
	if d.Alias != "" {
		return d.Alias
	}
	return d.Name
}

// asMap returns .Chart.
func (m *metadata) asMap(root bool) map[string]any {
	anys := func(list []string) []any {
		all := make([]any, len(list))
		for i, s := range list {
			all[i] = s
		}
		return all
	}
	maintainers := make([]any, len(m.Maintainers))
	for i, p := range m.Maintainers {
		maintainers[i] = map[string]any{"Name": p.Name, "Email": p.Email, "URL": p.URL}
	}
	dependencies := make([]any, len(m.Dependencies))
	for i, d := range m.Dependencies {
		dependencies[i] = map[string]any{"Name": d.Name, "Version": d.Version, "Repository": d.Repository, "Condition": d.Condition, "Alias": d.Alias,
			"Tags": anys(d.Tags), "ImportValues": append([]any{}, d.ImportValues...), "Enabled": d.Enabled}
	}
	return map[string]any{"Name": m.Name, "Home": m.Home, "Version": m.Version, "Description": m.Description, "Icon": m.Icon,
		"APIVersion": m.APIVersion, "Condition": m.Condition, "Tags": m.Tags, "AppVersion": m.AppVersion, "KubeVersion": m.KubeVersion,
		"Type": m.Type, "Deprecated": m.Deprecated, "Sources": anys(m.Sources), "Keywords": anys(m.Keywords), "Maintainers": maintainers,
		"Annotations": m.Annotations, "Dependencies": dependencies, "IsRoot": root}
}

// problem adds a problem of a file that rendering needs.
func (l *loader) problem(p *finding.Problem) {
	l.result.Problems = append(l.result.Problems, p)
	l.broken = true
}

// fail adds a reason why nothing can be rendered.
func (l *loader) fail(p *finding.Problem) { l.problem(p.WithCode(CodeFails)) }

// documents reads a YAML file; what is wrong with it is noted.
func (l *loader) documents(file string) []*repo.Document {
	var docs []*repo.Document
	src, err := l.repo.ReadFile(file)
	if err == nil {
		docs, err = repo.ParseLastWins(file, src)
	}
	l.result.Files = append(l.result.Files, file)
	for _, p := range finding.All(err) {
		if p.Code == repo.CodeDuplicateKey {
			l.add(p) // Helm renders it, with the last one
			continue
		}
		l.problem(p)
	}
	return docs
}

// loadChart reads the chart in a folder, with its subcharts. nil when there is no way to go on.
func (l *loader) loadChart(ctx context.Context, dir string) *chart {
	files, err := l.repo.Files(dir)
	if err != nil {
		for _, p := range finding.All(err) {
			l.problem(p)
		}
		return nil
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], dir+"/")
	}
	if slices.Contains(files, ".helmignore") {
		files = l.ignore(dir, files)
	} else {
		files = slices.DeleteFunc(files, func(f string) bool { return hiddenTemplate(f) })
	}
	return l.assemble(ctx, dir, files, 0)
}

// hiddenTemplate reports whether Helm passes over a file although nothing excludes it: templates/.?*
func hiddenTemplate(file string) bool {
	name, below := strings.CutPrefix(file, "templates/")
	first, _, _ := strings.Cut(name, "/")
	return below && len(first) > 1 && first[0] == '.'
}

const maxCharts = 30 // subcharts inside each other

func (l *loader) assemble(ctx context.Context, dir string, files []string, depth int) *chart {
	if ctx.Err() != nil {
		return nil
	}
	if depth > maxCharts {
		l.fail(finding.Errorf(finding.Position{File: dir}, "", "charts are nested deeper than %d; remove some", maxCharts))
		return nil
	}
	c := &chart{dir: dir, values: map[string]any{}}
	if !slices.Contains(files, "Chart.yaml") {
		l.fail(finding.Errorf(finding.Position{File: path.Join(dir, "Chart.yaml")}, "", "does not exist, but every chart requires it"))
		return nil
	}
	subs := map[string][]string{}
	var names []string
	for _, f := range files {
		switch first, rest, below := strings.Cut(f, "/"); {
		case f == "values.schema.json":
			c.schema = path.Join(dir, f)
		case f == "Chart.yaml", f == "values.yaml", f == "Chart.lock", f == "requirements.yaml", f == "requirements.lock":
		case below && first == "templates":
			c.templates = append(c.templates, f)
		case below && first == "charts" && path.Ext(f) != ".prov":
			name, inside, isDir := strings.Cut(rest, "/")
			switch {
			case strings.HasPrefix(name, "_") || strings.HasPrefix(name, "."):
			case !isDir && path.Ext(name) == ".tgz":
				c.archives = append(c.archives, f)
			case isDir:
				if subs[name] == nil {
					names = append(names, name)
				}
				subs[name] = append(subs[name], inside)
			}
		default:
			c.files = append(c.files, f)
		}
	}
	if !l.metadata(c, files) {
		return nil
	}
	c.name = c.meta.Name
	if slices.Contains(files, "values.yaml") {
		docs := l.documents(path.Join(dir, "values.yaml"))
		values, err := mapping(docs)
		if err != nil {
			for _, p := range finding.All(err) {
				l.problem(p)
			}
		}
		if values != nil {
			c.values = values
		}
		c.own = valueFiles(docs)
	}
	for _, file := range c.archives {
		l.result.Notices = append(l.result.Notices, finding.Errorf(finding.Position{File: path.Join(dir, file)}, "",
			"packed subcharts are not rendered; unpack it into %s to lint it", path.Join(dir, "charts")))
	}
	for _, name := range names {
		if sub := l.assemble(ctx, path.Join(dir, "charts", name), subs[name], depth+1); sub != nil {
			sub.parent = c
			c.deps = append(c.deps, sub)
		}
	}
	for _, d := range c.meta.Dependencies {
		if !slices.ContainsFunc(c.deps, func(s *chart) bool { return s.name == d.Name }) &&
			!slices.ContainsFunc(c.archives, func(f string) bool { return strings.HasPrefix(path.Base(f), d.Name+"-") }) {
			l.result.Notices = append(l.result.Notices, finding.Errorf(finding.Position{File: path.Join(dir, "Chart.yaml"), Line: d.node.Line, Column: d.node.Column}, "",
				"subchart %q is not in %s and is not fetched, so its resources are not linted", d.Name, path.Join(dir, "charts")))
			c.absent = true
		}
	}
	return c
}

func valueFiles(docs []*repo.Document) []ValueFile {
	var all []ValueFile
	for _, doc := range docs {
		all = append(all, ValueFile{finding.Position{File: doc.File}, doc.Node})
	}
	return all
}

var aliasName = lazyregexp.New(`^[a-zA-Z0-9_-]+$`)

// metadata reads Chart.yaml, and requirements.yaml as charts of apiVersion v1 have it.
func (l *loader) metadata(c *chart, files []string) bool {
	file := path.Join(c.dir, "Chart.yaml")
	docs := l.documents(file)
	if l.broken && len(docs) == 0 {
		return false
	}
	m := &c.meta
	m.at = map[string]*yaml.Node{}
	ok := true
	wrong := func(n *yaml.Node, name, format string, args ...any) {
		ok = false
		at := finding.Position{File: file}
		if n != nil {
			at.Line, at.Column = n.Line, n.Column
		}
		l.fail(finding.Errorf(at, name, format, args...))
	}
	if len(docs) > 0 {
		m.read(docs[0].Node, wrong)
	}
	if slices.Contains(files, "requirements.yaml") {
		if docs := l.documents(path.Join(c.dir, "requirements.yaml")); len(docs) > 0 {
			file = path.Join(c.dir, "requirements.yaml")
			m.read(docs[0].Node, wrong)
			file = path.Join(c.dir, "Chart.yaml")
		}
		if m.APIVersion == "" || m.APIVersion == "v1" {
			c.files = append(c.files, "requirements.yaml")
		}
	}
	if m.APIVersion == "" {
		m.APIVersion = "v1"
	}
	if m.APIVersion == "v1" && slices.Contains(files, "requirements.lock") {
		c.files = append(c.files, "requirements.lock")
	}
	switch {
	case !ok:
	case m.Name == "":
		wrong(m.at["name"], "name", "is missing; add \"name: %s\"", path.Base(c.dir))
	case m.Name == "." || m.Name == ".." || strings.Contains(m.Name, "/"):
		wrong(m.at["name"], "name", "invalid chart name %q; use lowercase letters, digits and hyphens", m.Name)
	case m.Version == "":
		wrong(m.at["version"], "version", "is missing; add \"version: 0.1.0\"")
	case m.Type != "" && m.Type != "application" && m.Type != "library":
		wrong(m.at["type"], "type", "unknown type %q; use \"application\" or \"library\"", m.Type)
	default:
		if _, err := semver.NewVersion(m.Version); err != nil {
			wrong(m.at["version"], "version", "invalid version %q; use for example 0.1.0", m.Version)
		}
	}
	seen := map[string]bool{}
	for _, d := range m.Dependencies {
		switch {
		case d.Alias != "" && !aliasName.MatchString(d.Alias):
			wrong(d.node, "dependencies", "invalid alias %q; use a-z, A-Z, 0-9, \"_\" and \"-\"", d.Alias)
		case seen[d.key()]:
			wrong(d.node, "dependencies", "two subcharts have the name or alias %q; set a different alias for one", d.key())
		}
		seen[d.key()] = true
	}
	return ok
}

// A chartReader reads the fields of a Chart.yaml and reports those of another type.
type chartReader struct {
	wrong func(n *yaml.Node, path, format string, args ...any)
}

func (r chartReader) text(name string, to *string, n *yaml.Node) {
	if n = follow(n); n.Kind != yaml.ScalarNode {
		r.wrong(n, name, "is %s; use a string", nodeKind(n))
		return
	}
	if s, ok := asText(scalarValue(n)); ok {
		*to = clean(s)
	}
}

func (r chartReader) list(name string, n *yaml.Node) []*yaml.Node {
	if n = follow(n); n.Kind != yaml.SequenceNode && n.ShortTag() != "!!null" {
		r.wrong(n, name, "is %s; use a list", nodeKind(n))
		return nil
	}
	return n.Content
}

func (r chartReader) texts(name string, n *yaml.Node) []string {
	var all []string
	for _, c := range r.list(name, n) {
		var s string
		r.text(name, &s, c)
		all = append(all, s)
	}
	return all
}

// into reads the fields of a mapping that are strings.
func (r chartReader) into(name string, n *yaml.Node, to map[string]*string) {
	for key, v := range fields(n) {
		if field := to[strings.ToLower(key.Value)]; field != nil {
			r.text(name, field, v)
		}
	}
}

// read fills in the fields that a node has. Names of fields are compared without case, as in JSON.
func (m *metadata) read(n *yaml.Node, wrong func(*yaml.Node, string, string, ...any)) {
	r := chartReader{wrong}
	if n.Kind != yaml.MappingNode {
		wrong(n, "", "is %s; use a mapping, such as \"name: shop\"", nodeKind(n))
		return
	}
	texts := map[string]*string{
		"name": &m.Name, "home": &m.Home, "version": &m.Version, "description": &m.Description, "icon": &m.Icon,
		"apiVersion": &m.APIVersion, "condition": &m.Condition, "tags": &m.Tags, "appVersion": &m.AppVersion,
		"kubeVersion": &m.KubeVersion, "type": &m.Type,
	}
	spelled := map[string]string{}
	for name := range texts {
		spelled[strings.ToLower(name)] = name
	}
	for key, v := range fields(n) {
		lower := strings.ToLower(key.Value)
		m.at[lower] = v
		if name, ok := spelled[lower]; ok {
			r.text(name, texts[name], v)
			continue
		}
		switch lower {
		case "deprecated":
			m.Deprecated, _ = scalarValue(v).(bool)
		case "sources":
			m.Sources = r.texts("sources", v)
		case "keywords":
			m.Keywords = r.texts("keywords", v)
		case "annotations":
			m.Annotations = r.annotations(v, m.Annotations)
		case "maintainers":
			for _, each := range r.list("maintainers", v) {
				var p maintainer
				r.into("maintainers", follow(each), map[string]*string{"name": &p.Name, "email": &p.Email, "url": &p.URL})
				m.Maintainers = append(m.Maintainers, p)
			}
		case "dependencies":
			m.Dependencies = r.dependencies(v)
		}
	}
}

// annotations returns those of a mapping, or the ones before if the node is something else.
func (r chartReader) annotations(n *yaml.Node, before map[string]string) map[string]string {
	if n.Kind != yaml.MappingNode {
		return before
	}
	annotations := map[string]string{}
	for k, s := range fields(n) {
		var value string
		if s.Kind == yaml.ScalarNode {
			value, _ = asText(scalarValue(s))
		} else {
			r.wrong(s, "annotations", "%q is %s; use a string", k.Value, nodeKind(s))
		}
		if name, ok := keyText(k); ok {
			annotations[name] = value
		}
	}
	return annotations
}

func (r chartReader) dependencies(n *yaml.Node) []dependency {
	var all []dependency
	for _, each := range r.list("dependencies", n) {
		d := dependency{node: follow(each)}
		if d.node.Kind != yaml.MappingNode {
			r.wrong(d.node, "dependencies", "an entry is %s; use a mapping with name, version and repository", nodeKind(d.node))
			continue
		}
		texts := map[string]*string{"name": &d.Name, "version": &d.Version, "repository": &d.Repository, "condition": &d.Condition, "alias": &d.Alias}
		for key, v := range fields(d.node) {
			name := strings.ToLower(key.Value)
			if field := texts[name]; field != nil {
				r.text("dependencies", field, v)
				continue
			}
			switch name {
			case "tags":
				d.Tags = r.texts("dependencies", v)
			case "import-values":
				for _, c := range r.list("dependencies", v) {
					iv, _ := value(c)
					d.ImportValues = append(d.ImportValues, iv)
				}
			}
		}
		all = append(all, d)
	}
	return all
}

// clean is what Helm does to the texts of Chart.yaml.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, s)
}

// compatible reports whether a version is in the range that a dependency asks for.
func compatible(constraint, version string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	c, err := semver.NewConstraint(constraint)
	return err == nil && c.Check(v)
}

// enable takes out the subcharts that conditions and tags turn off, and makes those that aliases ask for.
func (c *chart) enable(given map[string]any, prefix string) error {
	if c.meta.Dependencies == nil {
		return nil
	}
	asks := func(d dependency, sub *chart) bool {
		return d.Name == sub.name && compatible(d.Version, sub.meta.Version)
	}
	var deps []*chart
	for _, sub := range c.deps {
		if !slices.ContainsFunc(c.meta.Dependencies, func(d dependency) bool { return asks(d, sub) }) {
			deps = append(deps, sub) // in charts/ without being asked for
		}
	}
	c.meta.Dependencies = slices.Clone(c.meta.Dependencies)
	for i := range c.meta.Dependencies {
		d := &c.meta.Dependencies[i]
		if n := slices.IndexFunc(c.deps, func(sub *chart) bool { return asks(*d, sub) }); n >= 0 {
			sub := c.deps[n].clone()
			if d.Alias != "" {
				sub.name, sub.meta.Name = d.Alias, d.Alias
			}
			sub.parent = c
			deps = append(deps, sub)
		}
		if d.Alias != "" {
			d.Name = d.Alias
		}
		d.Enabled = true
	}
	c.deps = deps
	values := copyMapping(given)
	if err := coalesce(c, values, false); err != nil {
		return err
	}
	tags, _ := values["tags"].(map[string]any)
	off := map[string]bool{}
	for i := range c.meta.Dependencies {
		d := &c.meta.Dependencies[i]
		var on, isOff bool
		for _, tag := range d.Tags {
			if v, ok := tags[tag].(bool); ok {
				on, isOff = on || v, isOff || !v
			}
		}
		d.Enabled = on || !isOff
		for condition := range strings.SplitSeq(strings.TrimSpace(d.Condition), ",") {
			if condition == "" {
				continue
			}
			v, _ := lookupValue(values, strings.Split(prefix+condition, "."))
			if enabled, ok := v.(bool); ok {
				d.Enabled = enabled
				break
			}
		}
		off[d.Name] = off[d.Name] || !d.Enabled
	}
	c.deps = slices.DeleteFunc(c.deps, func(sub *chart) bool { return off[sub.name] })
	c.meta.Dependencies = slices.DeleteFunc(c.meta.Dependencies, func(d dependency) bool { return off[d.Name] })
	for _, sub := range c.deps {
		if err := sub.enable(values, prefix+sub.name+"."); err != nil {
			return err
		}
	}
	return nil
}

// clone makes a chart that can be a second subchart.
func (c *chart) clone() *chart {
	twin := *c
	twin.deps = nil
	for _, sub := range c.deps {
		sub = sub.clone()
		sub.parent = &twin
		twin.deps = append(twin.deps, sub)
	}
	return &twin
}

// importValues takes the values that a chart imports from its subcharts below its own.
func (c *chart) importValues() error {
	for _, sub := range c.deps {
		if err := sub.importValues(); err != nil {
			return err
		}
	}
	if c.meta.Dependencies == nil {
		return nil
	}
	values := map[string]any{}
	if err := coalesce(c, values, true); err != nil {
		return err
	}
	found := map[string]any{}
	for _, d := range c.meta.Dependencies {
		n := slices.IndexFunc(c.deps, func(sub *chart) bool { return sub.name == d.Name })
		for _, each := range d.ImportValues {
			from, to := "", "."
			switch each := each.(type) {
			case string:
				from = "exports." + each
			case map[string]any:
				from, to = fmt.Sprint(each["child"]), fmt.Sprint(each["parent"])
			default:
				continue
			}
			m, ok := table(values, d.Name+"."+from)
			if !ok {
				continue
			}
			m = copyMapping(m)
			var at []string
			if to != "." {
				at = strings.Split(to, ".")
			}
			if n >= 0 {
				c.imports = append(c.imports, imported{at, c.deps[n], strings.Split(from, ".")})
			}
			for _, step := range slices.Backward(at) {
				m = map[string]any{step: m}
			}
			under(found, m, true)
		}
	}
	under(values, found, true)
	c.values = values
	return nil
}

// fullPath is the chart's part of the names of its templates.
func (c *chart) fullPath() string {
	if c.parent == nil {
		return c.name
	}
	return c.parent.fullPath() + "/charts/" + c.name
}

// root returns the chart that is no subchart.
func (c *chart) root() *chart {
	for c.parent != nil {
		c = c.parent
	}
	return c
}

// ignore takes out what .helmignore names.
func (l *loader) ignore(dir string, files []string) []string {
	file := path.Join(dir, ".helmignore")
	src, err := l.repo.ReadFile(file)
	if err != nil {
		for _, p := range finding.All(err) {
			l.fail(p)
		}
		return files
	}
	l.result.Files = append(l.result.Files, file)
	var rules []ignoreRule
	for i, line := range strings.Split(strings.TrimPrefix(string(src), "\ufeff"), "\n") {
		rule, ok, err := parseIgnore(line)
		if err != nil {
			l.fail(finding.Errorf(finding.Position{File: file, Line: i + 1, Column: 1}, "", "%s", err))
		} else if ok {
			rules = append(rules, rule)
		}
	}
	rules = append(rules, ignoreRule{pattern: "templates/.?*", path: true})
	known := map[string]bool{}
	var ignoredDir func(dir string) bool
	ignoredDir = func(dir string) bool {
		if dir == "." {
			return false
		}
		if ignored, ok := known[dir]; ok {
			return ignored
		}
		known[dir] = ignoredDir(path.Dir(dir)) || ignored(rules, dir, true)
		return known[dir]
	}
	return slices.DeleteFunc(files, func(f string) bool { return ignoredDir(path.Dir(f)) || ignored(rules, f, false) })
}

// ignoreRule is a line of .helmignore (helm.sh/docs/chart_template_guide/helm_ignore_file).
type ignoreRule struct {
	pattern           string
	negate, dir, path bool // path: the pattern is of the whole path, not of the last name
}

func parseIgnore(line string) (ignoreRule, bool, error) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return ignoreRule{}, false, nil
	}
	if strings.Contains(line, "**") {
		return ignoreRule{}, false, errors.New("\"**\" is not supported by Helm; use \"*\" for one directory level")
	}
	if _, err := path.Match(line, "abc"); err != nil {
		return ignoreRule{}, false, fmt.Errorf("invalid pattern %q; use \"*\", \"?\" and \"[a-z]\"", line)
	}
	var r ignoreRule
	line, r.negate = strings.CutPrefix(line, "!")
	line, r.dir = strings.CutSuffix(line, "/")
	r.path = strings.Contains(line, "/")
	r.pattern = strings.TrimPrefix(line, "/")
	return r, true, nil
}

// ignored applies the rules in order, as Helm does: a negated one ignores all that it does not match.
func ignored(rules []ignoreRule, name string, dir bool) bool {
	for _, r := range rules {
		of := name
		if !r.path {
			of = path.Base(name)
		}
		match, _ := path.Match(r.pattern, of)
		switch {
		case r.negate && (r.dir && !dir || !match):
			return true
		case !r.negate && match && (!r.dir || dir):
			return true
		}
	}
	return false
}

// read returns a chart's file that need not be text.
func (l *loader) read(file string, left *int64) ([]byte, error) {
	src, err := repo.ReadBytes(l.repo.Fs(), file, max(*left, 0))
	switch {
	case errors.Is(err, repo.ErrTooLarge):
		return nil, finding.Errorf(finding.Position{File: file}, "", "the files of the chart exceed %d MiB; exclude some in .helmignore", maxChartFiles>>20)
	case err != nil:
		return nil, err
	}
	*left -= int64(len(src))
	return bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), nil
}

// unreadable returns an error for a folder that cannot be read at all.
func (l *loader) unreadable(dir string) error {
	if info, err := l.repo.Fs().Stat(dir); err != nil || !info.IsDir() {
		return finding.Errorf(finding.Position{File: dir}, "", "is not a readable directory")
	}
	return nil
}
