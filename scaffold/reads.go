package scaffold

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// valueReads is what an application's chart reads of its values: templates by their syntax tree, other files, which tpl may
// run, by their text.
type valueReads struct {
	reads      []render.Read
	subcharts  []string // keys whose values belong to a subchart
	sets       []render.ValueFile
	unreadable bool // some values cannot be read, so that nothing is known of what is rendered
}

// valueReference is a value in a text: {{ tpl .Values.greeting . }} runs what the value holds.
var valueReference = lazyregexp.New(`\.Values((?:\.[A-Za-z0-9_]+)*)`)

// readsOf returns what the chart of an application reads, the files of leave aside. It is empty for what is not a chart.
func readsOf(ctx context.Context, r *repo.Repo, app *repo.App, leave ...string) (*valueReads, error) {
	if app.Kind != repo.Chart {
		return &valueReads{}, nil
	}
	targets, err := chartTargets(r, app)
	if err != nil {
		return nil, err
	}
	v := &valueReads{}
	rendered := map[string]bool{}
	for i, t := range targets {
		res, err := render.Render(ctx, r, t, render.Options{})
		if err != nil {
			return nil, err
		}
		if res.Chart == nil {
			v.unreadable = true
			continue
		}
		v.subcharts = append(v.subcharts, res.Chart.Subcharts...)
		v.sets = append(v.sets, res.Chart.Sets...)
		if i > 0 {
			continue // the templates are the same
		}
		for _, read := range append(slices.Clone(res.Chart.Reads), res.LibraryReads()...) {
			rendered[read.At.File] = true
			if !slices.Contains(leave, read.At.File) {
				v.reads = append(v.reads, read)
			}
		}
	}
	return v, v.texts(r, app, rendered, leave)
}

// without leaves out what some files read.
func (v *valueReads) without(files []string) *valueReads {
	out := *v
	out.reads = slices.DeleteFunc(slices.Clone(v.reads), func(read render.Read) bool { return slices.Contains(files, read.At.File) })
	return &out
}

// chartTargets returns the ways in which an application's chart is deployed, at least one.
func chartTargets(r *repo.Repo, app *repo.App) ([]render.Target, error) {
	targets, _, err := render.TargetsIn(r, app.Dir)
	if err != nil {
		return nil, err
	}
	targets = slices.DeleteFunc(targets, func(t render.Target) bool { return t.Dir != app.Dir || t.Kind != repo.Chart })
	if len(targets) == 0 {
		targets = []render.Target{{Dir: app.Dir, Kind: repo.Chart}}
	}
	if len(targets) == 1 && targets[0].Deployment == nil {
		more, err := valueFilesOf(r, app)
		if err != nil {
			return nil, err
		}
		for _, file := range more {
			targets = append(targets, render.Target{Dir: app.Dir, Kind: repo.Chart, ValueFiles: []string{file}})
		}
	}
	return targets, nil
}

// maxValueFiles bounds in how many ways a chart is rendered that nothing in the repository deploys.
const maxValueFiles = 12

// otherValues matches the value files of environments beside values.yaml, for a deployment from a command line.
var otherValues = lazyregexp.New(`^(?:values[-._][^/]+|values/[^/]+|environments/[^/]+)\.ya?ml$`)

// valueFilesOf returns the value files that a chart has besides values.yaml.
func valueFilesOf(r *repo.Repo, app *repo.App) ([]string, error) {
	all, err := r.Files(app.Dir)
	if err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return !otherValues.MatchString(strings.TrimPrefix(f, app.Dir+"/")) })
	return files[:min(len(files), maxValueFiles)], nil
}

// texts adds the values named in files that were not read as templates: value files, files for tpl, and templates that the
// parser refuses.
func (v *valueReads) texts(r *repo.Repo, app *repo.App, rendered map[string]bool, leave []string) error {
	files, err := r.Files(app.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range v.sets {
		if f := s.Position.File; f != "" && !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	for _, file := range files {
		name := strings.TrimPrefix(file, app.Dir+"/")
		if rendered[file] || slices.Contains(leave, file) || strings.HasPrefix(name, "charts/") || path.Ext(name) == ".md" {
			continue
		}
		src, err := readIfThere(r, file)
		if err != nil || src == nil {
			continue // what cannot be read is not run either
		}
		for n, line := range strings.Split(string(src), "\n") {
			if isComment(line) {
				continue
			}
			for _, m := range valueReference.FindAllStringSubmatchIndex(line, -1) {
				var steps []string
				if at := line[m[2]:m[3]]; at != "" {
					steps = strings.Split(at[1:], ".")
				}
				v.reads = append(v.reads, render.Read{Path: steps, At: finding.Position{File: file, Line: n + 1, Column: m[0] + 1}, Guarded: true, Dynamic: true})
			}
		}
	}
	return nil
}

// whole returns a place that reads a value as a whole or, if there is none, the whole of what it is a part of.
func (v *valueReads) whole(path ...string) *render.Read {
	var found *render.Read
	for i, read := range v.reads {
		if len(read.Path) <= len(path) && slices.Equal(read.Path, path[:len(read.Path)]) && (found == nil || len(read.Path) > len(found.Path)) {
			found = &v.reads[i]
		}
	}
	return found
}

// below returns the places that read a value or a part of it.
func (v *valueReads) below(path ...string) []render.Read {
	var found []render.Read
	for _, read := range v.reads {
		if len(read.Path) >= len(path) && slices.Equal(read.Path[:len(path)], path) {
			found = append(found, read)
		}
	}
	return found
}
