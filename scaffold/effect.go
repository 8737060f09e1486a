package scaffold

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// effect is the first thing that a chart renders differently because of a plan.
type effect struct {
	file    string   // the template
	path    []string // in its resource
	problem *finding.Problem
	twin    string // an object that the plan creates and that the template makes too
}

func (e *effect) where() string {
	if len(e.path) == 0 {
		return e.file
	}
	return e.file + " (" + strings.Join(e.path, ".") + ")"
}

// effectOf renders a chart in every way in which it is deployed, as it is and with some files changed, and gives the first
// difference outside of the templates in own; nil when there is none. Entries of env and envFrom that env names may be added: that is
// what they are for. What does not render before cannot be compared.
func effectOf(ctx context.Context, r *repo.Repo, app *repo.App, files map[string][]byte, own, env map[string]bool) (*effect, error) {
	targets, err := chartTargets(r, app)
	if err != nil {
		return nil, err
	}
	changed, err := withFiles(r, files)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		before, err := render.Render(ctx, r, t, render.Options{})
		if err != nil {
			return nil, err
		}
		after, err := render.Render(ctx, changed, t, render.Options{})
		if err != nil {
			return nil, err
		}
		if e := cmp.Or(compare(before, after, own, env), twin(after, own)); e != nil {
			return e, nil
		}
	}
	return nil, nil
}

// twin returns a template that makes an object of the same kind and name as a planned one, whatever it computes the name from.
func twin(res *render.Result, own map[string]bool) *effect {
	planned := map[identity]bool{}
	for _, r := range res.Resources {
		if own[r.File] {
			planned[identify(r)] = true
		}
	}
	for _, r := range res.Resources {
		if id := identify(r); id.name != "" && planned[id] && !own[r.File] {
			return &effect{file: r.File, twin: id.kind + " " + id.name}
		}
	}
	return nil
}

// identity is by what a cluster knows an object, without the version of its API.
type identity struct{ group, kind, namespace, name string }

func identify(r *render.Resource) identity {
	text := func(path ...string) string {
		if n := repo.Lookup(r.Node, path...); n != nil {
			return n.Value
		}
		return ""
	}
	group, _, ok := strings.Cut(text("apiVersion"), "/")
	if !ok {
		group = "" // of the core
	}
	return identity{group, text("kind"), text("metadata", "namespace"), text("metadata", "name")}
}

// withFiles returns the repository with other contents of some files; nothing is written to it.
func withFiles(r *repo.Repo, files map[string][]byte) (*repo.Repo, error) {
	over := afero.NewMemMapFs()
	for _, name := range sortedKeys(files) {
		if err := afero.WriteFile(over, name, files[name], 0o644); err != nil {
			return nil, err
		}
	}
	return repo.Open(afero.NewCopyOnWriteFs(afero.NewReadOnlyFs(r.Fs()), over), repo.Options{Layout: r.Layout()})
}

func compare(before, after *render.Result, own, env map[string]bool) *effect {
	for _, p := range after.Problems {
		known := slices.ContainsFunc(before.Problems, func(q *finding.Problem) bool { return q.Position == p.Position && q.Message == p.Message })
		if !known && !own[p.File] {
			return &effect{file: p.File, problem: p}
		}
	}
	nodes, others := nodesOf(before), nodesOf(after)
	same := func(file string) bool { return own[file] || slices.EqualFunc(nodes[file], others[file], sameNode) }
	was, is := byFile(before, same), byFile(after, same)
	for _, file := range sortedKeys(was) {
		if len(was[file]) != len(is[file]) {
			return &effect{file: file}
		}
		for i, v := range was[file] {
			if path := difference(v, is[file][i], nil, env); path != nil {
				return &effect{file: file, path: path[1:]}
			}
		}
	}
	for _, file := range sortedKeys(is) {
		if _, ok := was[file]; !ok {
			return &effect{file: file}
		}
	}
	return nil
}

// nodesOf returns the resources of each template.
func nodesOf(res *render.Result) map[string][]*yaml.Node {
	found := map[string][]*yaml.Node{}
	for _, r := range res.Resources {
		found[r.File] = append(found[r.File], r.Node)
	}
	return found
}

// sameNode reports whether two nodes are written alike, which spares decoding them: most of what a plan leaves alone is.
func sameNode(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Style == b.Style && a.Tag == b.Tag && a.Value == b.Value && a.Anchor == b.Anchor &&
		slices.EqualFunc(a.Content, b.Content, sameNode)
}

// byFile returns the resources of each template as plain data, without those of files to leave aside.
func byFile(res *render.Result, leave func(file string) bool) map[string][]any {
	found := map[string][]any{}
	for _, r := range res.Resources {
		if leave(r.File) {
			continue
		}
		var v any
		if r.Node.Decode(&v) == nil {
			found[r.File] = append(found[r.File], v)
		}
	}
	return found
}

// difference returns the path of the first difference, with an empty first step; nil when there is none.
func difference(before, after any, path []string, env map[string]bool) []string {
	if len(path) == 0 {
		path = []string{""}
	}
	if last := path[len(path)-1]; (last == "env" || last == "envFrom") && isListOrNil(before) && isListOrNil(after) {
		after = without(asList(after), asList(before), env)
		before = append([]any{}, asList(before)...)
	}
	switch b := before.(type) {
	case map[string]any:
		a, ok := after.(map[string]any)
		if !ok {
			return path
		}
		keys := sortedKeys(b)
		for _, k := range sortedKeys(a) {
			if _, ok := b[k]; !ok {
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			if found := difference(b[k], a[k], append(slices.Clip(path), k), env); found != nil {
				return found
			}
		}
		return nil
	case []any:
		a, ok := after.([]any)
		if !ok || len(a) != len(b) {
			return path
		}
		for i := range b {
			if found := difference(b[i], a[i], append(slices.Clip(path), fmt.Sprint(i)), env); found != nil {
				return found
			}
		}
		return nil
	}
	if !reflect.DeepEqual(before, after) {
		return path
	}
	return nil
}

func isListOrNil(v any) bool {
	_, ok := v.([]any)
	return ok || v == nil
}

// without returns a list without the items that env names and that were not there before.
func without(list, before []any, env map[string]bool) any {
	out := []any{}
	for _, item := range list {
		if !env[keyOf(item)] || containsSame(before, item) {
			out = append(out, item)
		}
	}
	return out
}

// checkEffects meets a plan that changes what a chart renders otherwise than by its new resource and env entries.
func (p *Plan) checkEffects(ctx context.Context, r *repo.Repo, app *repo.App, rec *record, on OnConflict) error {
	if app.Kind != repo.Chart || len(p.Conflicts) > 0 {
		return nil
	}
	files, own, env := map[string][]byte{}, map[string]bool{}, map[string]bool{}
	for _, f := range rec.Files {
		own[f.Path] = true
	}
	for _, f := range p.Files {
		if f.Action == Create || f.Action == Update {
			files[f.Path] = f.New
		}
	}
	if len(files) == 0 {
		return nil
	}
	for _, e := range rec.Edits {
		if e.variables() {
			for _, k := range e.Keys {
				env[k] = true
			}
		}
	}
	e, err := effectOf(ctx, r, app, files, own, env)
	if err != nil || e == nil {
		return err
	}
	if e.problem != nil {
		p.inTheWay(on, e.problem.Position, "the chart would no longer render: "+e.problem.Message, "")
		return nil
	}
	if e.twin != "" {
		if slices.ContainsFunc(p.Notes, func(n string) bool {
			return strings.HasPrefix(n, e.file+":") && strings.Contains(n, "makes the "+e.twin+",")
		}) {
			return nil // its name is in the text of the template
		}
		p.inTheWay(on, finding.Position{File: e.file}, "makes the "+e.twin+" too", "choose another suffix, or remove it there")
		return nil
	}
	message := "this change would affect what this template renders"
	if len(e.path) > 0 {
		message += " at " + strings.Join(e.path, ".")
	}
	p.inTheWay(on, finding.Position{File: e.file}, message+", because it reads the same values", "rename them in the chart, or use --force")
	return nil
}
