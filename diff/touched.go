package diff

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Source is one side as files.
type Source struct {
	Repo  *repo.Repo
	Files []string // all of them
}

// place is a directory that can be rendered.
type place struct {
	dir  string
	kind repo.AppKind
}

// search finds what changed files have a part in.
type search struct {
	sides          [2]Source
	files          [2]map[string]bool
	in             [2]map[string][]string // the YAML files of each directory
	charts         map[string]bool        // on either side, without those inside of others
	kustomizations map[string]bool        // files
	changed        map[string]bool
	found          map[place]bool
	queue          []string        // changed files, and files of directories that have changed by others
	deployers      map[string]bool // changed files with objects of Argo CD or Flux
	releases       map[string]bool // files that install a Redis by a chart whose values may have changed
	everywhere     bool            // any deployment may differ

	usedBy map[string][]string            // the kustomizations that take in a file or directory; nil if they are read for each file
	bases  map[string]bool                // directories that kustomizations in found take in; nil until asked for
	dirs   map[string]bool                // with plain manifests; nil until asked for
	deploy map[string]bool                // what changed files of the new side deploy with, by kind and name; nil until asked for
	parsed [2]map[string][]*repo.Document // of deployers
}

// touched returns the directories whose rendering can differ, and the changed files that deploy.
func touched(old, new Source, changed []string) (*search, error) {
	s := &search{
		sides: [2]Source{old, new}, charts: map[string]bool{}, kustomizations: map[string]bool{}, changed: map[string]bool{}, found: map[place]bool{},
		queue: slices.Clone(changed), deployers: map[string]bool{},
	}
	for i, side := range s.sides {
		s.files[i], s.in[i] = map[string]bool{}, map[string][]string{}
		for _, name := range side.Files {
			s.files[i][name] = true
			if isYAML(name) {
				s.in[i][path.Dir(name)] = append(s.in[i][path.Dir(name)], name)
			}
			switch path.Base(name) {
			case "Chart.yaml":
				s.charts[path.Dir(name)] = true
			case "kustomization.yaml", "kustomization.yml", "Kustomization":
				s.kustomizations[name] = true
			}
		}
	}
	for _, dir := range slices.Collect(keys(s.charts)) {
		if s.chartAbove(dir) != "" {
			delete(s.charts, dir)
		}
	}
	for _, name := range changed {
		s.changed[name] = true
	}
	seen := map[string]bool{}
	for len(s.queue) > 0 {
		name := s.queue[0]
		s.queue = s.queue[1:]
		if !seen[name] {
			seen[name] = true
			if err := s.file(name); err != nil {
				return nil, err
			}
		}
	}
	if s.everywhere {
		if err := s.addReleases(); err != nil {
			return nil, err
		}
		return s, s.redeployed()
	}
	return s, nil
}

// chartAbove returns the outermost chart above a directory.
func (s *search) chartAbove(dir string) string {
	found := ""
	for dir != "." {
		dir = path.Dir(dir)
		if s.charts[dir] {
			found = dir
		}
	}
	return found
}

// text returns a file on both sides, one after the other.
func (s *search) text(name string) []byte {
	var all []byte
	for i, side := range s.sides {
		if s.files[i][name] {
			if src, err := side.Repo.ReadFile(name); err == nil {
				all = append(append(all, src...), '\n')
			}
		}
	}
	return all
}

// file finds what one file has a part in.
func (s *search) file(name string) error {
	if s.leftOut(name) {
		return nil
	}
	s.users(name)
	if chart := s.chartOf(name); chart != "" {
		s.found[place{chart, repo.Chart}] = true
		return nil
	}
	if dir := s.kustomizationOf(name); dir != "" {
		s.found[place{dir, repo.Kustomize}] = true
		return nil
	}
	if !isYAML(name) {
		s.everywhere = true // a generator of an ApplicationSet may read it
		return nil
	}
	text := s.text(name)
	if deploying.Match(text) {
		s.deployers[name] = true
		s.found[place{path.Dir(name), repo.Plain}] = true
		return s.deployer(name)
	}
	if !bytes.Contains(text, []byte("kind:")) || bytes.Contains(text, []byte("ConfigMap")) {
		s.everywhere = true // values, parameters, or what Flux substitutes
	}
	s.found[place{path.Dir(name), repo.Plain}] = true
	return nil
}

// deploying is in a file with an object of Argo CD or Flux.
var deploying = lazyregexp.New(`apiVersion["']?:\s*["']?(?:argoproj\.io|[a-z.]+\.fluxcd\.io)/`)

func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// leftOut are files that are never deployed.
func (s *search) leftOut(name string) bool {
	first, _, below := strings.Cut(name, "/")
	generators := s.sides[1].Repo.Layout().Generators
	return below && slices.Contains([]string{".github", ".redis-gitops", "node_modules", ".git"}, first) || !below && strings.HasPrefix(name, ".") ||
		strings.HasPrefix(name, generators+"/") || slices.Contains([]string{".md", ".sh", ".txt"}, path.Ext(name)) && s.chartOf(name) == ""
}

func (s *search) chartOf(name string) string {
	dir := path.Dir(name)
	if above := s.chartAbove(dir); above != "" {
		return above
	}
	if s.charts[dir] {
		return dir
	}
	return ""
}

// kustomizationOf returns the directory of the kustomization that a file is beside or below.
func (s *search) kustomizationOf(name string) string {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		for _, base := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
			if s.kustomizations[path.Join(dir, base)] {
				return dir
			}
		}
		if dir == "." {
			return ""
		}
	}
}

// maxSearches is for how many changed files the kustomizations are searched by their text. For more, all of them are parsed.
const maxSearches = 20

// users follows the kustomizations that take in a file, or a directory above it.
func (s *search) users(name string) {
	if len(s.changed) > maxSearches {
		if s.usedBy == nil {
			s.usedBy = map[string][]string{}
			s.kustomization(nil, func(file, use string) { s.usedBy[use] = append(s.usedBy[use], file) })
		}
		for at := name; ; at = path.Dir(at) {
			for _, file := range s.usedBy[at] {
				s.found[place{path.Dir(file), repo.Kustomize}] = true
				s.queue = append(s.queue, file)
			}
			if at == "." {
				return
			}
		}
	}
	words := [][]byte{[]byte(path.Base(name))}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		words = append(words, []byte(path.Base(dir)))
	}
	s.kustomization(words, func(file, use string) {
		if use == name || strings.HasPrefix(name, use+"/") {
			s.found[place{path.Dir(file), repo.Kustomize}] = true
			s.queue = append(s.queue, file)
		}
	})
}

// kustomization visits what kustomizations take in: of those that have one of several words, or of all.
func (s *search) kustomization(words [][]byte, visit func(file, use string)) {
	for file := range s.kustomizations {
		for i, side := range s.sides {
			if !s.files[i][file] || i == 0 && !s.changed[file] && s.files[1][file] {
				continue // the same on both sides
			}
			src, err := side.Repo.ReadFile(file)
			if err != nil || words != nil && !slices.ContainsFunc(words, func(w []byte) bool { return bytes.Contains(src, w) }) {
				continue
			}
			for _, use := range render.Uses(side.Repo, file) {
				visit(file, use)
			}
		}
	}
}

// deployer finds what the changed objects of a file deploy.
func (s *search) deployer(name string) error {
	for i := range s.sides {
		if !s.files[i][name] {
			continue
		}
		for _, doc := range s.documents(i, name) {
			switch doc.Kind() {
			case "ApplicationSet", "GitRepository", "OCIRepository", "HelmRepository", "ConfigMap":
				s.everywhere = true
				continue
			}
			for _, at := range [][]string{{"spec", "source", "path"}, {"spec", "path"}, {"spec", "chart", "spec", "chart"}} {
				s.deploys(doc.Get(at...))
			}
			if list := doc.Get("spec", "sources"); list != nil {
				for _, source := range list.Content {
					s.deploys(repo.Lookup(source, "path"))
				}
			}
		}
	}
	return nil
}

// deploys adds what is in a directory, and below it.
func (s *search) deploys(dir *yaml.Node) {
	if dir == nil || dir.Value == "" {
		return
	}
	at := path.Clean(strings.TrimLeft(dir.Value, "/"))
	inside := func(d string) bool { return d == at || strings.HasPrefix(d, at+"/") || at == "." }
	for d := range s.charts {
		if inside(d) {
			s.found[place{d, repo.Chart}] = true
		}
	}
	for file := range s.kustomizations {
		if d := path.Dir(file); inside(d) {
			s.found[place{d, repo.Kustomize}] = true
		}
	}
	for d := range s.plainDirs() {
		if inside(d) {
			s.found[place{d, repo.Plain}] = true
		}
	}
}

// plainDirs are the directories with manifests outside of charts and kustomizations.
func (s *search) plainDirs() map[string]bool {
	if s.dirs == nil {
		s.dirs = map[string]bool{}
		for _, in := range s.in {
			for dir, names := range in {
				if s.chartOf(names[0]) == "" && s.kustomizationOf(names[0]) == "" && slices.ContainsFunc(names, func(name string) bool { return !s.leftOut(name) }) {
					s.dirs[dir] = true
				}
			}
		}
	}
	return s.dirs
}

// documents are those of a file that deploys, parsed once.
func (s *search) documents(i int, file string) []*repo.Document {
	if s.parsed[i] == nil {
		s.parsed[i] = map[string][]*repo.Document{}
	}
	docs, known := s.parsed[i][file]
	if !known {
		docs, _ = s.sides[i].Repo.Documents(file) // of a broken file what can be read
		s.parsed[i][file] = docs
	}
	return docs
}

// addReleases adds the files that install a Redis by a chart of elsewhere: its values, or the source of its chart, may be in a changed file.
func (s *search) addReleases() error {
	s.releases = map[string]bool{}
	for _, side := range s.sides {
		files, err := side.Repo.ReleaseFiles(func(chart, repository string) bool { return cue.ChartValues(chart, repository) != "" })
		if err != nil {
			return err
		}
		for _, name := range files {
			s.releases[name] = true
			if chart := s.chartOf(name); chart != "" {
				s.found[place{chart, repo.Chart}] = true
			} else if dir := s.kustomizationOf(name); dir != "" {
				s.found[place{dir, repo.Kustomize}] = true
			} else {
				s.found[place{path.Dir(name), repo.Plain}] = true
			}
		}
	}
	return nil
}

// redeployed adds each directory that something deploys in another way.
func (s *search) redeployed() error {
	places := map[place]bool{}
	for dir := range s.charts {
		places[place{dir, repo.Chart}] = true
	}
	for file := range s.kustomizations {
		places[place{path.Dir(file), repo.Kustomize}] = true
	}
	for dir := range s.plainDirs() {
		places[place{dir, repo.Plain}] = true
	}
	for p := range places {
		if s.found[p] {
			continue
		}
		var sides [2][]render.Target
		for i := range s.sides {
			targets, err := s.targets(i, p)
			if err != nil {
				return err
			}
			sides[i] = targets
		}
		same := slices.EqualFunc(sides[0], sides[1], func(a, b render.Target) bool { return render.Alike(a.Deployment, b.Deployment) })
		for _, targets := range sides {
			for _, t := range targets {
				if d := t.Deployment; d != nil && slices.ContainsFunc(d.ValueFiles, func(f string) bool { return s.changed[f] }) {
					same = false
				}
			}
		}
		if !same {
			s.found[p] = true
		}
	}
	return nil
}

// targets returns how a side renders a directory; none if it does not have it.
func (s *search) targets(i int, p place) ([]render.Target, error) {
	t := render.Target{Dir: p.dir, Kind: p.kind}
	switch p.kind {
	case repo.Chart:
		if !s.files[i][path.Join(p.dir, "Chart.yaml")] {
			return nil, nil
		}
	case repo.Kustomize:
		if s.kustomizationIn(i, p.dir) == "" {
			return nil, nil
		}
	default:
		if t.Files = s.plain(i, p.dir); len(t.Files) == 0 {
			return nil, nil
		}
	}
	targets, err := render.TargetsAt(s.sides[i].Repo, t)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return targets, err
}

func (s *search) kustomizationIn(i int, dir string) string {
	for _, base := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if file := path.Join(dir, base); s.files[i][file] {
			return file
		}
	}
	return ""
}

// plain returns the manifests of a directory, but for those that only deploy and did not change: there can be thousands.
func (s *search) plain(i int, dir string) []string {
	var files []string
	for _, name := range s.in[i][dir] {
		if s.leftOut(name) || s.chartOf(name) != "" || s.kustomizationOf(name) != "" {
			continue
		}
		if !s.changed[name] && !s.releases[name] {
			src, err := s.sides[i].Repo.ReadFile(name)
			if err != nil || deploying.Match(src) {
				continue
			}
		}
		files = append(files, name)
	}
	slices.Sort(files)
	return files
}
