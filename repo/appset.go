package repo

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

var (
	placeholder  = lazyregexp.New(`\{\{-?\s*(.*?)\s*-?\}\}`)
	indexCall    = lazyregexp.New(`^index \.?([\w.]+) (\d+)$`)
	pathIndex    = lazyregexp.New(`^(|[\w.-]+\.)path\[(\d+)\]$`)
	notInDNSName = lazyregexp.New(`[^-a-z0-9.]`)
)

// params are the parameters that a generator of an ApplicationSet gives to the template, by their classic names:
// path, path.basename, path.segments.0, values.x.
type params map[string]string

func (p params) with(more params) params {
	all := maps.Clone(p)
	maps.Copy(all, more)
	return all
}

// expand fills in {{path.basename}} and, of Go templates, {{.path.basename}}. It is false where a placeholder is unknown
// or more than a name: such a text cannot be known from the files.
func (p params) expand(s string) (text string, known bool) {
	known = true
	text = placeholder.ReplaceAllStringFunc(s, func(found string) string {
		value, ok := p[paramName(placeholder.FindStringSubmatch(found)[1])]
		if !ok {
			known = false
			return found
		}
		return value
	})
	return text, known
}

// paramName brings the ways to write a parameter's name into one.
func paramName(name string) string {
	if m := indexCall.FindStringSubmatch(name); m != nil {
		return m[1] + "." + m[2]
	}
	return pathIndex.ReplaceAllString(strings.TrimPrefix(name, "."), "${1}path.segments.$2")
}

// expandNode fills in every scalar of a copy of a node.
func (p params) expandNode(n *yaml.Node) *yaml.Node {
	n = deref(n)
	filled := *n
	if n.Kind == yaml.ScalarNode {
		filled.Value, _ = p.expand(n.Value)
	}
	filled.Content = nil
	for _, c := range n.Content {
		filled.Content = append(filled.Content, p.expandNode(c))
	}
	return &filled
}

// generator gives the parameter sets of one ApplicationSet, as far as they can matter to one application.
type generator struct {
	globber
	open bool     // also give sets for what the files do not determine, without the parameters that are not known
	urls []string // of the repositories that the template deploys from
}

// spend counts a parameter set; false when there are too many.
func (g *generator) spend() bool {
	g.left -= 20
	return g.left > 0
}

// all returns the sets of a list of generators.
func (g *generator) all(generators *yaml.Node) []params {
	var all []params
	for _, n := range content(generators) {
		all = append(all, g.generate(deref(n), params{})...)
	}
	return all
}

// generate returns the parameter sets of one generator, as argo-cd's applicationset/generators do. A generator that asks
// a cluster, a Git host or a plugin gives one set without parameters of its own.
func (g *generator) generate(n *yaml.Node, given params) []params {
	if list := Lookup(n, "list"); list != nil {
		var all []params
		for _, element := range content(Lookup(list, "elements")) {
			if !g.spend() {
				break
			}
			p := params{}
			flatten(p, "", element)
			all = append(all, given.with(p))
		}
		if g.open && Lookup(list, "elementsYaml") != nil {
			all = append(all, given)
		}
		return all
	}
	if matrix := content(Lookup(n, "matrix", "generators")); len(matrix) == 2 {
		var all []params
		for _, first := range g.generate(deref(matrix[0]), given) {
			if !g.spend() {
				break
			}
			all = append(all, g.generate(deref(matrix[1]), first)...)
		}
		return all
	}
	if git := Lookup(n, "git"); git != nil {
		prefix := "path"
		if p := text(Lookup(git, "pathParamPrefix")); p != "" {
			prefix = p + ".path"
		}
		all := append(g.gitFolders(git, prefix, given), g.gitFiles(git, prefix, given)...)
		if g.open && g.elsewhere(git, given, len(all)) {
			all = append(all, given.with(params{}))
		}
		values := params{}
		flatten(values, "values", Lookup(git, "values"))
		for _, p := range all {
			filled := params{}
			for name, value := range values {
				filled[name], _ = p.expand(value)
			}
			maps.Copy(p, filled)
		}
		return all
	}
	return []params{given}
}

// elsewhere reports whether a git generator may find more than is here: by a pattern that is not known, or in another repository than
// the one that the template deploys.
func (g *generator) elsewhere(git *yaml.Node, given params, found int) bool {
	for _, entry := range append(content(Lookup(git, "directories")), content(Lookup(git, "files"))...) {
		if _, known := given.expand(text(Lookup(entry, "path"))); !known && text(Lookup(entry, "exclude")) != "true" {
			return true
		}
	}
	return found == 0 && !slices.Contains(g.urls, text(Lookup(git, "repoURL")))
}

// gitFolders returns one set for each folder that matches and is not excluded.
func (g *generator) gitFolders(git *yaml.Node, prefix string, given params) []params {
	var all []params
	glob := func(pattern string) []string {
		return g.glob(strings.ReplaceAll(pattern, "**", "*")) // here, unlike for files, Argo CD knows no "**"
	}
	for _, dir := range g.gitMatches(Lookup(git, "directories"), given, glob) {
		if isFolder(g.repo.fs, dir) && g.spend() {
			all = append(all, given.with(pathParams(prefix, dir)))
		}
	}
	return all
}

// gitFiles returns one set for each object of each JSON or YAML file that matches and is not excluded.
func (g *generator) gitFiles(git *yaml.Node, prefix string, given params) []params {
	var all []params
	for _, file := range g.gitMatches(Lookup(git, "files"), given, g.glob) {
		for _, object := range g.objects(file) {
			if !g.spend() {
				return all
			}
			p := params{}
			flatten(p, "", object)
			p = p.with(pathParams(prefix, path.Dir(file))) // the file cannot set these
			p[prefix+".filename"] = path.Base(file)
			p[prefix+".filenameNormalized"] = normalize(path.Base(file))
			all = append(all, given.with(p))
		}
	}
	return all
}

// gitMatches returns what one of the patterns matches and none excludes, whatever their order is.
func (g *generator) gitMatches(patterns *yaml.Node, given params, glob func(string) []string) []string {
	included, excluded := map[string]bool{}, map[string]bool{}
	for _, entry := range content(patterns) {
		pattern, known := given.expand(text(Lookup(entry, "path")))
		if !known {
			continue
		}
		matches := included
		if text(Lookup(entry, "exclude")) == "true" {
			matches = excluded
		}
		for _, name := range glob(pattern) {
			matches[name] = true
		}
	}
	maps.DeleteFunc(included, func(name string, _ bool) bool { return excluded[name] })
	return slices.Sorted(maps.Keys(included))
}

// objects returns the one object of a file, or the several of a list.
func (g *generator) objects(file string) []*yaml.Node {
	docs, _ := g.repo.Documents(file)
	if len(docs) == 0 {
		return nil
	}
	if docs[0].Node.Kind == yaml.SequenceNode {
		return docs[0].Node.Content
	}
	return []*yaml.Node{docs[0].Node}
}

func pathParams(prefix, dir string) params {
	p := params{
		prefix:                         dir, // classic
		prefix + ".path":               dir, // Go template
		prefix + ".basename":           path.Base(dir),
		prefix + ".basenameNormalized": normalize(path.Base(dir)),
	}
	for i, segment := range strings.Split(dir, "/") {
		p[prefix+".segments."+strconv.Itoa(i)] = segment
	}
	return p
}

// normalize makes a DNS name as Argo CD's SanitizeName does (applicationset/utils/utils.go).
func normalize(name string) string {
	name = notInDNSName.ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(name[:min(len(name), 253)], "-.")
}

// flatten gives the scalars of an object dotted names.
func flatten(p params, prefix string, n *yaml.Node) {
	n = deref(n)
	if n == nil {
		return
	}
	name := func(key string) string { return strings.TrimPrefix(prefix+"."+key, ".") }
	switch n.Kind {
	case yaml.ScalarNode:
		p[prefix] = n.Value
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			flatten(p, name(deref(n.Content[i]).Value), n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			flatten(p, name(strconv.Itoa(i)), c)
		}
	}
}
