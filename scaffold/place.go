package scaffold

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// container is a container that a chart renders, with its environment.
type container struct {
	file, name string
	env        []any
}

func (c container) String() string { return c.name + " (" + c.file + ")" }

// has reports whether the container has the variables, each before those that use it.
func (c container) has(want []any) bool {
	last := -1
	for _, w := range want {
		i := lastNamed(c.env, keyOf(w))
		if i < 0 || !same(c.env[i], w) {
			return false
		}
		for _, other := range want {
			if uses(other, keyOf(w)) && lastNamed(c.env, keyOf(other)) < i {
				return false
			}
		}
		last = i
	}
	return last >= 0
}

// containersOf returns the containers of the pods of a chart, without those of some files and of Helm's tests. If the chart's own
// templates have some, those of its subcharts do not count: they are other programs.
func containersOf(res *render.Result, app *repo.App, leave map[string]bool) []container {
	var own, others []container
	for _, r := range res.Resources {
		var v map[string]any
		if leave[r.File] || r.Node.Decode(&v) != nil {
			continue
		}
		metadata, _ := v["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		if hook, _ := annotations["helm.sh/hook"].(string); strings.Contains(hook, "test") {
			continue
		}
		found := podContainers(v, r.File)
		if strings.HasPrefix(r.File, app.Path("templates")+"/") {
			own = append(own, found...)
		} else {
			others = append(others, found...)
		}
	}
	if len(own) > 0 {
		return own
	}
	return others
}

// podContainers looks for the containers of pods anywhere in a resource.
func podContainers(v any, file string) (found []container) {
	switch v := v.(type) {
	case map[string]any:
		for _, item := range asList(v["containers"]) {
			if m, ok := item.(map[string]any); ok && m["image"] != nil {
				name, _ := m["name"].(string)
				found = append(found, container{file, name, asList(m["env"])})
			}
		}
		for _, k := range sortedKeys(v) {
			found = append(found, podContainers(v[k], file)...)
		}
	case []any:
		for _, item := range v {
			found = append(found, podContainers(item, file)...)
		}
	}
	return found
}

// place is a collection of a values file that may be the environment of containers.
type place struct {
	path    []string
	mapping bool // NAME: value in the place of a list of name and value
	objects bool // of a mapping: NAME: {value: …}
	reached map[string]bool
	targets int // in how many of the targets it reaches a container
}

func (p *place) String() string { return strings.Join(p.path, ".") }

// placer finds the place from which the containers of a chart get their environment: it renders the chart with the new variables in each
// place that may be one.
type placer struct {
	s       *resource
	items   []entry
	want    []any
	values  []byte
	reads   *valueReads
	targets []render.Target
	before  []*render.Result
	own     map[string]bool // files that are not the application's
	found   []container     // in any of the targets
}

func (s *resource) newPlacer(ctx context.Context, p *Plan, items []entry) (*placer, error) {
	pl := &placer{s: s, items: items, own: map[string]bool{}}
	for _, it := range items {
		var list []any
		if yaml.Unmarshal([]byte(it.text), &list) != nil || len(list) != 1 || it.key == "" {
			return nil, nil // the merge says what is wrong with it
		}
		pl.want = append(pl.want, list[0])
	}
	var err error
	if _, pl.values, err = p.current(s.repo, s.app.Path("values.yaml")); err != nil {
		return nil, err
	}
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	pl.own[path.Join(s.templateDir(), s.name+".yaml")] = true
	for _, rec := range all {
		for _, f := range rec.Files {
			pl.own[f.Path] = pl.own[f.Path] || rec.Folder != "deployments"
		}
	}
	if pl.targets, err = chartTargets(s.repo, s.app); err != nil {
		return nil, err
	}
	for _, t := range pl.targets {
		res, err := render.Render(ctx, s.repo, t, render.Options{})
		if err != nil {
			return nil, err
		}
		if res.Chart == nil {
			return nil, nil
		}
		pl.before = append(pl.before, res)
		for _, c := range containersOf(res, s.app, pl.own) {
			if !slices.ContainsFunc(pl.found, func(have container) bool { return have.String() == c.String() }) {
				pl.found = append(pl.found, c)
			}
		}
	}
	pl.reads, err = readsOf(ctx, s.repo, s.app, sortedKeys(pl.own)...)
	return pl, err
}

var (
	environmentKey = lazyregexp.New(`(?i)env`)
	otherKey       = lazyregexp.New(`(?i)from|secret|file|envoy|name`)
)

func mayHoldVariables(key string) bool {
	return environmentKey.MatchString(key) && !otherKey.MatchString(key)
}

// maxPlaces bounds how often a chart is rendered for one plan.
const maxPlaces = 16

// places returns the values that may be an environment: env, what templates read under such a name, and what is in the value files.
func (pl *placer) places() []*place {
	paths := [][]string{{"env"}}
	add := func(path []string) {
		if len(path) > 0 && len(path) <= 6 && mayHoldVariables(path[len(path)-1]) && !slices.ContainsFunc(paths, func(have []string) bool { return slices.Equal(have, path) }) {
			paths = append(paths, slices.Clone(path))
		}
	}
	for _, read := range pl.reads.reads {
		add(read.Path)
	}
	for _, set := range pl.reads.sets {
		keysBelow(set.Node, nil, add)
	}
	for _, path := range pl.subchartReads() {
		add(path)
	}
	umbrella := len(pl.found) > 0 && !strings.HasPrefix(pl.found[0].file, pl.s.app.Path("templates")+"/")
	var out []*place
	for _, path := range paths {
		if len(path) > 1 && slices.Contains(pl.reads.subcharts, path[0]) != umbrella {
			continue
		}
		out = append(out, pl.forms(path)...)
		if len(out) >= maxPlaces {
			break
		}
	}
	return out
}

// subchartReads returns the values that the templates with the found containers read, below the key of each subchart.
func (pl *placer) subchartReads() (paths [][]string) {
	var files []string
	for _, c := range pl.found {
		if strings.HasPrefix(c.file, pl.s.app.Path("templates")+"/") || slices.Contains(files, c.file) {
			continue
		}
		files = append(files, c.file)
		src, err := readIfThere(pl.s.repo, c.file)
		if err != nil {
			continue // it was rendered, so somebody else reports it
		}
		for _, m := range valueReference.FindAllStringSubmatch(string(src), -1) {
			for _, key := range pl.reads.subcharts {
				paths = append(paths, append([]string{key}, strings.Split(strings.TrimPrefix(m[1], "."), ".")...))
			}
		}
	}
	return paths
}

// keysBelow calls add with the path of each mapping key of a node.
func keysBelow(n *yaml.Node, path []string, add func([]string)) {
	if n == nil || len(path) > 5 {
		return
	}
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		below := append(slices.Clone(path), n.Content[i].Value)
		add(below)
		keysBelow(n.Content[i+1], below, add)
	}
}

// forms returns how variables can be written at a path, by what is there in any value file.
func (pl *placer) forms(path []string) []*place {
	list, mapping := &place{path: path}, &place{path: path, mapping: true}
	for _, set := range pl.reads.sets {
		n := repo.Lookup(set.Node, path...)
		switch {
		case n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		case n.Kind == yaml.SequenceNode:
			return []*place{list}
		case n.Kind == yaml.MappingNode:
			if len(n.Content) > 1 && n.Content[1].Kind == yaml.MappingNode {
				mapping.objects = repo.Lookup(n.Content[1], "value") != nil || repo.Lookup(n.Content[1], "valueFrom") != nil
			}
			return []*place{mapping}
		default:
			return nil
		}
	}
	return []*place{list, mapping}
}

// key returns the variables as the example of a place.
func (pl *placer) key(at *place) *exampleKey {
	k := &exampleKey{name: at.path[0], below: at.path[1:], list: !at.mapping, env: len(at.path) > 1 || at.path[0] != "env" || at.mapping}
	if !at.mapping {
		k.items = pl.items
		return k
	}
	for i, it := range pl.items {
		m, _ := pl.want[i].(map[string]any)
		text := ""
		switch value, ok := m["value"].(string); {
		case ok && !at.objects:
			text = doubleQuoted(value)
		default:
			rest := map[string]any{}
			for k, v := range m {
				if k != "name" {
					rest[k] = v
				}
			}
			text = flowValue(rest)
		}
		k.entries = append(k.entries, entry{key: it.key, text: it.key + ": " + text + "\n"})
	}
	return k
}

// flowValue writes plain data in flow style, on one line.
func flowValue(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range sortedKeys(v) {
			parts = append(parts, k+": "+flowValue(v[k]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case string:
		return doubleQuoted(v)
	}
	return valueText(v)
}

// probe is the values file of a trial.
func probe(i, j int) string { return fmt.Sprintf(".redis-gitops-trial-%d-%d.yaml", i, j) }

// choose returns the place that reaches the most containers, nil if none does, and the places that reach others.
func (pl *placer) choose(ctx context.Context) (best *place, rest []*place, err error) {
	places := pl.places()
	trials := map[string][]byte{}
	for i, at := range places {
		for j := range pl.targets {
			trials[probe(i, j)] = pl.trial(at, pl.before[j])
		}
	}
	r, err := withFiles(pl.s.repo, trials)
	if err != nil {
		return nil, nil, err
	}
	names := map[string]bool{}
	for _, it := range pl.items {
		names[it.key] = true
	}
	for i, at := range places {
		if err := pl.try(ctx, r, at, i, names); err != nil {
			return nil, nil, err
		}
		if best == nil && at.targets > 0 || best != nil && (at.targets > best.targets || at.targets == best.targets && len(at.reached) > len(best.reached)) {
			best = at
		}
		if best == at && at.targets == len(pl.targets) && len(at.reached) == len(pl.found) {
			break // there is no better one
		}
	}
	for _, at := range places {
		if best != nil && slices.ContainsFunc(sortedKeys(at.reached), func(c string) bool { return !best.reached[c] }) {
			rest = append(rest, at)
		}
	}
	return best, rest, nil
}

// trial returns values to lay over all others: what is at a place now, and the variables.
func (pl *placer) trial(at *place, before *render.Result) []byte {
	merged := &merger{plan: &Plan{}, on: Replace}
	if n := strongest(before.Chart.Sets, at.path); n != nil {
		var v any = n
		for _, step := range slices.Backward(at.path) {
			v = map[string]any{step: v}
		}
		if src, err := yaml.Marshal(v); err == nil {
			merged.src = src
		}
	}
	k := pl.key(at)
	write := merged.entries
	if k.list {
		write = merged.items
	}
	if write(k) != nil {
		return nil
	}
	return merged.src
}

// strongest returns the node at a path of the last value file that has one.
func strongest(sets []render.ValueFile, path []string) *yaml.Node {
	for _, set := range slices.Backward(sets) {
		if n := repo.Lookup(set.Node, path...); n != nil {
			return n
		}
	}
	return nil
}

// try renders the chart with the trial values of a place.
func (pl *placer) try(ctx context.Context, r *repo.Repo, at *place, i int, names map[string]bool) error {
	at.reached = map[string]bool{}
	for j, t := range pl.targets {
		t.ValueFiles = append(slices.Clone(t.ValueFiles), probe(i, j))
		after, err := render.Render(ctx, r, t, render.Options{})
		if err != nil {
			return err
		}
		if after.Chart == nil {
			continue
		}
		if compare(pl.before[j], after, pl.own, names) != nil {
			at.reached, at.targets = nil, 0 // more than the environment changes
			return nil
		}
		reached := false
		for _, c := range containersOf(after, pl.s.app, pl.own) {
			if c.has(pl.want) {
				reached, at.reached[c.String()] = true, true
			}
		}
		if reached {
			at.targets++
		}
	}
	return nil
}

// planEnv puts the env entries of the example where containers get them, or describes what to paste. It returns the example as it is to
// be written into values.yaml.
func (s *resource) planEnv(ctx context.Context, p *Plan, rec *record) (example, error) {
	env := s.example.key("env")
	if env == nil || len(env.items) == 0 {
		return s.example, nil
	}
	pl, err := s.newPlacer(ctx, p, env.items)
	if err != nil || pl == nil || len(pl.found) == 0 && isListOrMissing(pl.values) {
		return s.example, err
	}
	at, err := pl.recorded(rec)
	var rest []*place
	if err == nil && at == nil {
		at, rest, err = pl.choose(ctx)
	}
	if err != nil {
		return nil, err
	}
	if at == nil && pl.declared() {
		p.Notes = append(p.Notes, pl.nowhere()+"; add env: {{- toYaml .Values.env | nindent 12 }} to those that use the Redis")
		return s.example, nil
	}
	if at == nil {
		p.Notes = append(p.Notes, pl.nowhere())
		p.Next = append(p.Next, pl.paste())
		return slices.DeleteFunc(slices.Clone(s.example), func(k *exampleKey) bool { return k == env }), nil
	}
	for _, other := range rest {
		p.Notes = append(p.Notes, s.app.Path("values.yaml")+": "+other.String()+" is the environment of other containers ("+strings.Join(sortedKeys(other.reached), ", ")+
			"); copy the entries of "+at.String()+" if they use the Redis")
	}
	out := slices.Clone(s.example)
	out[slices.Index(out, env)] = pl.key(at)
	return out, pl.valueFiles(p, rec, at)
}

// declared reports whether values.yaml has a list env already: templates to come will read it.
func (pl *placer) declared() bool {
	v, _ := lookup("", pl.values, "env")
	_, ok := v.([]any)
	return ok
}

// isListOrMissing reports whether env can take items in a values file.
func isListOrMissing(values []byte) bool {
	v, _ := lookup("", values, "env")
	_, list := v.([]any)
	m, mapping := v.(map[string]any)
	return v == nil || list || mapping && len(m) == 0
}

// recorded returns the place that an earlier run chose.
func (pl *placer) recorded(rec *record) (*place, error) {
	last, err := pl.s.former()
	if err != nil || last == nil {
		return nil, err
	}
	for _, e := range last.Edits {
		if e.File != pl.s.app.Path("values.yaml") || !e.variables() || slices.Equal(e.Path, []string{"envFrom"}) {
			continue
		}
		forms := pl.forms(e.Path)
		if len(forms) > 0 {
			return forms[0], nil
		}
	}
	return nil, nil
}

// nowhere explains why no place was chosen.
func (pl *placer) nowhere() string {
	var names []string
	for _, c := range pl.found {
		names = append(names, c.String())
	}
	if len(names) == 0 {
		return pl.s.app.Path("values.yaml") + ": env is not a list, and the chart renders no container, so the environment variables are not written"
	}
	const most = 4
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return "no value is the environment of the containers of this chart, so nothing reads env: " + strings.Join(names, ", ")
}

// paste returns the entries for a person to put into a template.
func (pl *placer) paste() string { return pasteEnv(whereToPaste(pl.found), pl.items) }

func whereToPaste(found []container) string {
	if len(found) == 1 {
		return "the container " + found[0].String()
	}
	return "the containers that use it"
}

// pasteOutside returns the entries for a person to put into manifests of an application that is not a chart.
func (s *resource) pasteOutside(ctx context.Context, items []entry) (string, error) {
	targets, _, err := render.TargetsIn(s.repo, s.app.Dir)
	if err != nil {
		return "", err
	}
	var found []container
	var release *finding.Position
	for _, t := range targets {
		res, err := render.Render(ctx, s.repo, t, render.Options{})
		if err != nil {
			return "", err
		}
		for _, c := range containersOf(res, s.app, nil) {
			if !slices.ContainsFunc(found, func(have container) bool { return have.String() == c.String() }) {
				found = append(found, c)
			}
		}
		for _, r := range res.Resources {
			if kind := repo.Lookup(r.Node, "kind"); kind != nil && kind.Value == "HelmRelease" && release == nil {
				release = &finding.Position{File: r.File}
			}
		}
	}
	where := whereToPaste(found)
	if len(found) == 0 && release != nil {
		where = "the variables of the chart's containers, in spec.values of the HelmRelease in " + release.File
	}
	return pasteEnv(where, items), nil
}

func pasteEnv(where string, items []entry) string {
	var b strings.Builder
	b.WriteString("add this to " + where + ":\n  env:\n")
	for _, e := range items {
		b.WriteString("    " + strings.ReplaceAll(strings.TrimSuffix(e.text, "\n"), "\n", "\n    ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// valueFiles adds the variables to the value files that replace the list of values.yaml in some environment.
func (pl *placer) valueFiles(p *Plan, rec *record, at *place) error {
	if at.mapping {
		return nil // value files are merged there
	}
	values := pl.s.app.Path("values.yaml")
	var seen []finding.Position
	for j := range pl.targets {
		sets := pl.before[j].Chart.Sets
		i := len(sets) - 1
		for i >= 0 && repo.Lookup(sets[i].Node, at.path...) == nil {
			i--
		}
		if i < 0 || sets[i].Position.File == values || slices.Contains(seen, sets[i].Position) {
			continue
		}
		by := sets[i]
		seen = append(seen, by.Position)
		list := repo.Lookup(by.Node, at.path...)
		if by.Position.Line == 0 && inApplication(by.Position.File, rec.Application) {
			edits, err := p.merge(pl.s.repo, by.Position.File, example{pl.key(at)}, pl.s.req.Conflicts)
			if err != nil {
				return err
			}
			rec.Edits = append(rec.Edits, edits...)
			continue
		}
		if pl.contains(list) {
			continue
		}
		place := finding.Position{File: by.Position.File, Line: list.Line, Column: list.Column}
		var b strings.Builder
		b.WriteString(place.String() + " replaces " + at.String() + " of " + values + "; add there:\n")
		for _, e := range pl.items {
			b.WriteString("  " + strings.ReplaceAll(strings.TrimSuffix(e.text, "\n"), "\n", "\n  ") + "\n")
		}
		p.Next = append(p.Next, strings.TrimSuffix(b.String(), "\n"))
	}
	return nil
}

// contains reports whether a list has all of the variables.
func (pl *placer) contains(list *yaml.Node) bool {
	var items []any
	return list.Decode(&items) == nil && !slices.ContainsFunc(pl.want, func(w any) bool { return !containsSame(items, w) })
}
