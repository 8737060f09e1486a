package instance

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

const (
	// fewTargets is the number of targets up to which all are rendered for a name that is not found otherwise.
	fewTargets = 60
	// shownNames is how many names an error lists.
	shownNames = 20
)

// search finds the targets that can hold a name without rendering them. Where it cannot tell, they can.
type search struct {
	*Repository
	name  string
	texts [][]byte // one of which is in the files of a target, or in what is known of it, unless templates put one together
	words []string // these, as text
	blind bool     // the name may come from anywhere
	files []string // of the repository, sorted

	shapes map[string]*render.Shapes // by the numbers of bodies
	bodies []body
	known  map[string]int // their numbers, by text
}

// body is the part of a template's text that [render.ShapesKey] gives. Thousands of charts have the same one, which is scanned once.
type body struct {
	text  string
	holds bool // one of the texts, or what may be one
	kinds bool // a word for what deploys charts
}

var (
	searchedName = lazyregexp.New(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	// spelledAnyhow is what a library may print of a value that is no text, such as 1e+06, and so is in no file.
	spelledAnyhow = lazyregexp.New(`^(?:[0-9.-]*(?:e[0-9.-]*)?|0x[0-9a-f.-]*|true|false|null|nil|nan|inf|map|no|value|yes|on|off)$`)
	plainName     = lazyregexp.New(`^[A-Za-z0-9._-]+$`)
)

// newSearch prepares the search for a name: of an instance, or of a Service, whose name its operator makes of others.
func newSearch(r *Repository, name string, files []string) *search {
	s := &search{Repository: r, name: name, files: files, shapes: map[string]*render.Shapes{}, known: map[string]int{}}
	name = strings.TrimSuffix(name, ".cluster.local")
	names := []string{name}
	for i := range name { // as a host
		if name[i] == '.' {
			names = append(names, name[:i])
		}
	}
	for _, n := range names {
		s.add(n)
		for _, o := range r.operators {
			for _, scheme := range o.Schemes() {
				for _, text := range textsOf(scheme) {
					s.inside(text, n)
				}
			}
		}
	}
	slices.Sort(s.words)
	for _, w := range slices.Compact(s.words) {
		s.texts = append(s.texts, []byte(w))
	}
	return s
}

// textsOf returns the texts of a scheme that give names.
func textsOf(scheme cue.Scheme) []string {
	texts := []string{scheme.Name}
	for _, services := range [][]cue.Service{scheme.Write, scheme.Read, scheme.Sentinel, scheme.Others} {
		for _, service := range services {
			texts = append(texts, service.Service)
		}
	}
	return texts
}

// inside adds what a hole in a text holds if the text is a name.
func (s *search) inside(text, name string) {
	from, to := hole(text)
	_, more := hole(text[to:])
	switch {
	case text == "" || to == 0 && text != name:
	case to == 0 || more > 0 || strings.Contains(text, "with."):
		s.blind = true
	default:
		before, after := text[:from], text[to:]
		if len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
			s.add(name[len(before) : len(name)-len(after)])
		}
	}
}

func (s *search) add(name string) {
	if _, err := strconv.ParseFloat(name, 64); err == nil || !searchedName.MatchString(name) || spelledAnyhow.MatchString(name) {
		s.blind = true
	}
	s.words = append(s.words, name)
}

// holding returns the targets that can hold the name.
func (s *search) holding(targets []render.Target) []render.Target {
	if s.blind {
		return targets
	}
	dirs := map[string]bool{} // where one target can, all are rendered: what is found counts for the first one
	for _, t := range targets {
		dirs[t.Dir] = dirs[t.Dir] || s.mayHold(t)
	}
	return slices.DeleteFunc(slices.Clone(targets), func(t render.Target) bool { return !dirs[t.Dir] })
}

func (s *search) mayHold(t render.Target) bool {
	if t.Kind == repo.Kustomize { // it puts names together of parts, and patches them
		return true
	}
	if t.Deployment != nil && t.Deployment.Name == s.name || slices.Contains(strings.Split(t.Dir, "/"), s.name) { // its application
		return true
	}
	release, namespace := "", ""
	if d := t.Deployment; d != nil {
		if d.Values != nil || d.ValuesErr != nil || len(d.Parameters) > 0 || len(d.ValuesFrom) > 0 || d.Substitute != nil || d.ValuesSubstitute != nil {
			return true
		}
		release, namespace = d.ReleaseName, d.Namespace
	}
	if t.Kind == repo.Plain {
		return slices.ContainsFunc(t.Files, func(file string) bool {
			releases := false
			return s.has(file, func(src []byte) { releases = namesChart(src) }) || releases
		})
	}
	namespace = cmp.Or(namespace, "default")
	return s.chart(t, release, namespace)
}

// has reports whether a file has one of the texts, or may have it without showing it; look gets what is read.
func (s *search) has(file string, look func(src []byte)) bool {
	found := false
	s.repo.Search(file, func(src []byte) {
		found = s.shows(src)
		if look != nil {
			look(src)
		}
	})
	return found
}

// shows reports whether a text has one of the texts, or may have it without showing it.
func (s *search) shows(src []byte) bool { return s.in(src) || render.Escaped(src) }

func (s *search) in(src []byte) bool {
	return slices.ContainsFunc(s.texts, func(text []byte) bool { return bytes.Contains(src, text) })
}

// namesChart reports whether a text may deploy a chart whose releases are a Redis: what one is called is put together of the names of both.
func namesChart(src []byte) bool {
	return deploysCharts(src) && (bytes.Contains(src, []byte("redis")) || bytes.Contains(src, []byte("valkey")))
}

// chart looks through the files of a chart that can be in what it renders.
func (s *search) chart(t render.Target, release, namespace string) bool {
	if t.Dir == "." {
		return true
	}
	var templates []int
	chartName := ""
	i, _ := slices.BinarySearch(s.files, t.Dir+"/")
	for ; i < len(s.files) && strings.HasPrefix(s.files[i], t.Dir+"/"); i++ {
		rel := s.files[i][len(t.Dir)+1:]
		switch first, _, below := strings.Cut(rel, "/"); {
		case rel == "Chart.yaml":
			dependent := false
			if s.has(s.files[i], func(src []byte) {
				chartName = nameOf(src)
				dependent = bytes.Contains(src, []byte("dependencies"))
			}) || dependent {
				return true
			}
		case first == "charts" && below, rel == "requirements.yaml":
			return true
		case first == "templates" && below:
			if path.Base(rel) == "NOTES.txt" {
				continue
			}
			holds := false
			s.repo.Search(s.files[i], func(src []byte) {
				var n int
				n, holds = s.template(src)
				templates = append(templates, n)
			})
			if holds {
				return true
			}
		case rel == "values.yaml", first == "crds":
			if s.has(s.files[i], nil) {
				return true
			}
		}
	}
	values := t.ValueFiles
	if t.Deployment != nil {
		values = slices.Concat(values, t.Deployment.ValueFiles)
	}
	if chartName == "" || slices.ContainsFunc(values, func(file string) bool { return s.has(file, nil) }) {
		return true
	}
	release = cmp.Or(release, chartName)
	if s.in([]byte(release)) || s.in([]byte(namespace)) {
		return true
	}
	shapes := s.shapesOf(templates)
	return slices.ContainsFunc(s.words, func(w string) bool { return shapes.May(w, chartName, release, namespace) })
}

// template returns the number of a template's body, and whether the whole text can hold the name. The body begins with a line, so that
// no name and no kind is in both parts.
func (s *search) template(src []byte) (number int, holds bool) {
	text := render.ShapesKey(src)
	n, ok := s.known[string(text)]
	if !ok {
		n = len(s.bodies)
		s.bodies = append(s.bodies, body{string(text), s.shows(text), hasChartKind(text)})
		s.known[s.bodies[n].text] = n
	}
	b, head := s.bodies[n], src[:len(src)-len(text)]
	return n, b.holds || s.shows(head) || (b.kinds || hasChartKind(head)) && namesChart(src)
}

func (s *search) shapesOf(templates []int) *render.Shapes {
	key := fmt.Sprint(templates)
	if s.shapes[key] == nil {
		var texts []string
		for _, n := range templates {
			texts = append(texts, s.bodies[n].text)
		}
		s.shapes[key] = render.NewShapes(texts)
	}
	return s.shapes[key]
}

// nameOf returns the name of a chart where its Chart.yaml shows it plainly, else "".
func nameOf(src []byte) string {
	found := ""
	for line := range bytes.Lines(src) {
		value, ok := bytes.CutPrefix(line, []byte("name:"))
		switch name := strings.Trim(string(bytes.TrimSpace(value)), `"'`); {
		case !ok:
		case found != "" || !plainName.MatchString(name):
			return ""
		default:
			found = name
		}
	}
	return found
}

// near returns some targets that may have a Redis, for the names of an error: the first ones, and those with names like the one that was
// not found.
func (r *Repository) near(name string, targets []render.Target) []render.Target {
	var named []string
	byName := map[string][]render.Target{}
	for _, t := range targets {
		application := cmp.Or(r.repo.AppName(t.Dir), path.Base(t.Dir))
		if byName[application] == nil {
			named = append(named, application)
		}
		byName[application] = append(byName[application], t)
	}
	slices.Sort(named)
	some := append([]string{finding.Nearest(name, named)}, named[:min(len(named), shownNames)]...)
	var out []render.Target
	for _, application := range some {
		out = append(out, byName[application][:min(len(byName[application]), 2)]...)
	}
	return out
}
