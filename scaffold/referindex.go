package scaffold

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// referrer is a place in the repository that refers to something generated.
type referrer struct {
	at finding.Position
	to string // as it is called there
}

// target is something generated that a search for references is about.
type target struct {
	app       string // whose it is
	chart     string // the name of its chart, for {{ .Chart.Name }} in its templates
	templates string // the directory of these; "" for none

	words      []string // names of objects
	env        []string // variables, used as $(NAME)
	deployment bool     // nothing deploys what is at the top of the repository
	dir        string   // of an application, which Argo CD, Flux or a kustomization deploy

	plan  *Plan // the files that it leaves behind when it goes
	found []referrer
}

// report makes each reference a conflict of a plan.
func (t *target) report(p *Plan) {
	for _, ref := range t.found {
		p.conflict(ref.at, "", "still refers to "+ref.to, "change it first, or use --force", "", "")
	}
}

// findReferences adds what is found to the targets, in the order of files and lines. It reads each file once, however many
// targets there are.
func findReferences(r *repo.Repo, targets ...*target) error {
	files, err := r.Files(".")
	if err != nil {
		return err
	}
	all := newReferenceIndex(targets)
	changed := map[string][]*target{} // by file
	own := map[string]bool{}          // directories of applications that change
	for _, t := range targets {
		own[t.dir] = own[t.dir] || len(targets) == 1 // one that is destroyed, of whose files a plan shows what keeps it
		if t.templates != "" {
			own[path.Dir(t.templates)] = true
		}
		for _, f := range t.plan.Files {
			changed[f.Path] = append(changed[f.Path], t)
			if app := r.AppOf(path.Dir(f.Path)); app != nil {
				own[app.Dir] = true
			}
		}
	}
	for _, file := range files {
		if !mayRefer(file) {
			continue
		}
		any := false
		r.Search(file, func(src []byte) { // what cannot be read is not touched either
			any = !(path.Ext(file) == ".json" && baseline.Match(src)) && all.scan(file, src, changed[file])
		})
		if any || below(file, own) {
			// Lines of it may be shown, or say what is secret in the values of its chart.
			if _, err := r.ReadFile(file); err != nil && any {
				return err
			}
		}
		for _, t := range changed[file] {
			// As it will be: what goes with the target does not refer to it.
			if _, now, err := t.plan.current(r, file); err == nil && now != nil {
				newReferenceIndex([]*target{t}).scan(file, now, nil)
			}
		}
	}
	return nil
}

// below reports whether a file is in one of some directories.
func below(file string, dirs map[string]bool) bool {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if dirs[dir] {
			return true
		}
	}
	return false
}

// mayRefer leaves out what is not read by Helm, Kubernetes or a GitOps tool. What a record says is in the files it is about.
func mayRefer(file string) bool {
	switch path.Ext(file) {
	case ".yaml", ".yml", ".tpl", ".json":
		return !strings.HasPrefix(file, recordFolder+"/")
	}
	return path.Base(file) == "Kustomization"
}

// baseline is how a file of lint --create-baseline begins: it names resources with findings, and nothing reads it but lint.
var baseline = lazyregexp.New(`^\{\s*"version": \d+,\s*"findings":`)

// referenceIndex finds the targets of a token without looking at each of them.
type referenceIndex struct {
	words  map[string][]indexedWord // by their first run of the characters of a name
	env    map[string][]*target
	charts map[string]string // the application by its directory of templates
	dirs   map[string][]*target
	few    [][]byte // one of which every file with a reference holds, templates of charts aside; nil for too many
}

// maxFew is the number of texts up to which looking for each of them is cheaper than taking lines apart.
const maxFew = 16

// indexedWord is a name whose first run of lower-case letters, digits and hyphens begins at an offset.
type indexedWord struct {
	text   string
	offset int
	target *target
}

func newReferenceIndex(targets []*target) *referenceIndex {
	x := &referenceIndex{words: map[string][]indexedWord{}, env: map[string][]*target{}, charts: map[string]string{}, dirs: map[string][]*target{}}
	for _, t := range targets {
		words := slices.Clone(t.words)
		slices.Sort(words)
		for _, w := range slices.Compact(words) {
			if run, at := firstRun(w, 0); run != "" {
				x.words[run] = append(x.words[run], indexedWord{w, at, t})
			}
		}
		for _, name := range t.env {
			x.env[name] = append(x.env[name], t)
		}
		if t.templates != "" {
			x.charts[t.templates] = t.chart
		}
		if t.dir != "" {
			x.dirs[t.dir] = append(x.dirs[t.dir], t)
		}
	}
	x.few = [][]byte{}
	for _, words := range x.words {
		for _, w := range words {
			x.few = append(x.few, []byte(w.text))
		}
	}
	for name := range x.env {
		x.few = append(x.few, []byte("$("+name+")"))
	}
	for dir := range x.dirs { // no path leads there from outside without its last name
		x.few = append(x.few, []byte(path.Base(dir)))
	}
	if len(x.few) > maxFew {
		x.few = nil
	}
	return x
}

// nothingIn reports whether a file that is no template of a chart refers to nothing, without a look at its lines.
func (x *referenceIndex) nothingIn(src []byte) bool {
	return x.few != nil && !slices.ContainsFunc(x.few, func(text []byte) bool { return bytes.Contains(src, text) })
}

func nameByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }

// firstRun returns the first run of characters of a name, from an offset on, and where it begins.
func firstRun(text string, from int) (run string, at int) {
	for from < len(text) && !nameByte(text[from]) {
		from++
	}
	end := from
	for end < len(text) && nameByte(text[end]) {
		end++
	}
	return text[from:end], from
}

// scan looks through a file for references to all targets except some, and reports whether there are any.
func (x *referenceIndex) scan(file string, src []byte, except []*target) (any bool) {
	chart := ""
	for dir := path.Dir(file); dir != "." && chart == ""; dir = path.Dir(dir) {
		if x.charts[dir] != "" {
			chart = dir
		}
	}
	if chart == "" && x.nothingIn(src) {
		return false
	}
	for i, line := range strings.Split(string(src), "\n") {
		if isComment(line) {
			continue
		}
		var met []*target // one place in a line is enough
		found := func(t *target, from, to int, text string) {
			if slices.Contains(met, t) || slices.Contains(except, t) || t.deployment && path.Dir(file) == "." || t.dir != "" && strings.HasPrefix(file, t.dir+"/") {
				return
			}
			met, any = append(met, t), true
			t.found = append(t.found, referrer{finding.Position{File: file, Line: i + 1, Column: from + 1}, text[from:to]})
		}
		if chart != "" {
			// A chart's own templates say {{ .Chart.Name }}-redis-master.
			own := chartInName.ReplaceAllLiteralString(line, x.charts[chart])
			x.tokens(own, func(t *target, from, to int) {
				if t.templates == chart {
					found(t, from, to, own)
				}
			})
		}
		x.tokens(line, func(t *target, from, to int) {
			if chart == "" || t.templates != chart {
				found(t, from, to, line)
			}
		})
		if len(x.dirs) > 0 {
			x.paths(file, line, func(t *target, from, to int) { found(t, from, to, line) })
		}
	}
	return any
}

// tokens gives the names and variables of a line, from left to right.
func (x *referenceIndex) tokens(line string, found func(t *target, from, to int)) {
	for i := 0; i < len(line); {
		switch {
		case strings.HasPrefix(line[i:], "$("):
			if end := strings.IndexByte(line[i:], ')'); end > 0 {
				for _, t := range x.env[line[i+2:i+end]] {
					found(t, i, i+end+1)
				}
			}
			i += 2
		case nameByte(line[i]):
			run, _ := firstRun(line, i)
			for _, w := range x.words[run] {
				from := i - w.offset
				to := from + len(w.text)
				if from >= 0 && to <= len(line) && line[from:to] == w.text && (from == 0 || !nameByte(line[from-1])) && (to == len(line) || !nameByte(line[to])) {
					found(w.target, from, to)
				}
			}
			i += len(run)
		default:
			i++
		}
	}
}

var kustomizeKey = lazyregexp.New(`^\s*[A-Za-z]+:\s*$`)

func pathByte(c byte) bool {
	return nameByte(c) || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '~' || c == '/'
}

// pathTokens yields where the parts of a line are that may be paths, some with a $ before them.
func pathTokens(line string) func(yield func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		for i := 0; i < len(line); {
			from := i
			if line[i] == '$' {
				i++
			}
			begin := i
			for i < len(line) && pathByte(line[i]) {
				i++
			}
			switch {
			case i > begin && !yield(from, i):
				return
			case i == from:
				i++
			}
		}
	}
}

// paths gives the paths of a line that lead to the directory of an application, or into it: from the root of the repository,
// or from the directory of the file.
func (x *referenceIndex) paths(file, line string, found func(t *target, from, to int)) {
	kustomization := slices.Contains(kustomizationNames, path.Base(file))
	if !kustomization && !strings.Contains(line, "/") {
		return
	}
	for from, to := range pathTokens(line) {
		token := line[from:to]
		if !strings.Contains(token, "/") && (!kustomization || kustomizeKey.MatchString(line)) {
			continue
		}
		candidates := []string{token}
		switch {
		case strings.HasPrefix(token, "$"): // of another source of an Argo CD Application: $values/applications/shop/values.yaml
			_, rest, _ := strings.Cut(token, "/")
			candidates = []string{rest}
		case strings.HasPrefix(token, "//"): // file://../shop of a chart's dependency
			candidates = []string{path.Join(path.Dir(file), strings.TrimPrefix(token, "//"))}
		case strings.HasPrefix(token, "."), kustomization:
			candidates = append(candidates, path.Join(path.Dir(file), token))
		}
		for _, c := range candidates {
			for at := path.Clean(strings.TrimLeft(c, "/")); at != "." && at != "/"; at = path.Dir(at) {
				for _, t := range x.dirs[at] {
					found(t, from, to)
				}
			}
		}
	}
}

// listed adds the entries of list generators from which an ApplicationSet makes the application, where they only name it.
func (t *target) listed(app *repo.App, documents func(file string) ([]*repo.Document, error)) error {
	deployments, err := app.Deployments()
	if err != nil {
		return err
	}
	var seen []finding.Position
	for _, d := range deployments {
		if d.Kind != "ApplicationSet" || slices.Contains(seen, d.Source) {
			continue
		}
		seen = append(seen, d.Source)
		docs, err := documents(d.Source.File)
		if err != nil {
			continue // what it deploys was found without
		}
		for _, doc := range docs {
			if doc.At(doc.Node) == d.Source {
				t.elements(doc, doc.Get("spec", "generators"), false)
			}
		}
	}
	return nil
}

// elements looks for the name of an application in what is below "elements".
func (t *target) elements(doc *repo.Document, n *yaml.Node, inside bool) {
	if n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode && inside && n.Value == t.app {
		t.found = append(t.found, referrer{doc.At(n), n.Value})
	}
	for i, c := range n.Content {
		below := inside
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			below = inside || n.Content[i-1].Value == "elements"
		}
		t.elements(doc, c, below)
	}
}
