package render

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// Targets gives everything in the repository that can be rendered, by folder: the applications, every other chart, every
// kustomization that no other one uses, and the folders with other manifests. A chart or kustomization that several
// deployments render differently is there once for each, one that nothing deploys once. The problems are of files that
// cannot be read; the error is of a repository that cannot be.
func Targets(r *repo.Repo) ([]Target, []*finding.Problem, error) { return TargetsIn(r, ".") }

// TargetsIn is Targets of a folder and what is below it, without looking at the rest of the repository.
func TargetsIn(r *repo.Repo, dir string) ([]Target, []*finding.Problem, error) {
	files, err := r.Files(dir)
	if err != nil {
		return nil, nil, err
	}
	return TargetsOf(r, files)
}

// TargetsOf is Targets of files, which are sorted.
func TargetsOf(r *repo.Repo, files []string) ([]Target, []*finding.Problem, error) {
	s := &search{repo: r, layout: r.Layout(), charts: map[string]bool{}, kustomizations: map[string]string{}, uses: map[string][]string{}, used: map[string]bool{}}
	s.sort(files)
	s.roots()
	var targets []Target
	for _, dir := range slices.Sorted(keysOf(s.charts)) {
		more, err := s.deployed(Target{Dir: dir, Kind: repo.Chart})
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, more...)
	}
	for _, dir := range slices.Sorted(keysOf(s.kustomizations)) {
		if s.used[dir] {
			continue
		}
		more, err := s.deployed(Target{Dir: dir, Kind: repo.Kustomize})
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, more...)
	}
	for _, dir := range slices.Sorted(keysOf(s.plain)) {
		files := slices.DeleteFunc(slices.Clone(s.plain[dir]), func(f string) bool { return s.used[f] })
		if len(files) == 0 {
			continue
		}
		more, err := s.deployed(Target{Dir: dir, Kind: repo.Plain, Files: files})
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, more[:1]...)
	}
	slices.SortStableFunc(targets, func(a, b Target) int { return cmp.Or(strings.Compare(a.Dir, b.Dir), int(a.Kind)-int(b.Kind)) })
	return targets, s.problems, nil
}

// TargetsAt returns a target for each deployment that renders it in its own way, or the target as it is, without looking at the rest of
// the repository.
func TargetsAt(r *repo.Repo, t Target) ([]Target, error) {
	targets, err := (&search{repo: r}).deployed(t)
	if err == nil && t.Kind == repo.Plain {
		targets = targets[:1]
	}
	return targets, err
}

// Alike reports whether two deployments render in the same way; nil is none.
func Alike(a, b *repo.Deployment) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameness(*a) == sameness(*b)
}

// Uses returns the directories and files that a kustomization takes in.
func Uses(r *repo.Repo, file string) []string {
	dir := path.Dir(file)
	s := &search{repo: r, kustomizations: map[string]string{dir: file}, uses: map[string][]string{}}
	s.reads(dir)
	return s.uses[dir]
}

func keysOf[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// search is a walk through the repository.
type search struct {
	repo           *repo.Repo
	layout         repo.Layout
	charts         map[string]bool
	kustomizations map[string]string   // the file of each folder that has one
	uses           map[string][]string // folders and files that a kustomization takes in, by its folder
	used           map[string]bool     // those that another one takes in
	plain          map[string][]string // YAML files outside of charts
	problems       []*finding.Problem
}

func (s *search) sort(files []string) {
	s.plain = map[string][]string{}
	for _, f := range files {
		if path.Base(f) == "Chart.yaml" && !s.leftOut(f) {
			s.charts[path.Dir(f)] = true
		}
	}
	for dir := range s.charts {
		if s.insideChart(dir) {
			delete(s.charts, dir)
		}
	}
	for _, f := range files {
		dir := path.Dir(f)
		if s.leftOut(f) || s.charts[dir] || s.insideChart(dir) {
			continue
		}
		switch base := path.Base(f); {
		case base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization":
			if s.kustomizations[dir] == "" || base == "kustomization.yaml" {
				s.kustomizations[dir] = f
			}
		case isYAML(f):
			s.plain[dir] = append(s.plain[dir], f)
		}
	}
}

func (s *search) leftOut(file string) bool {
	first, _, below := strings.Cut(file, "/")
	switch first {
	case ".git", ".github", ".redis-gitops", "node_modules":
		return below
	case ".redis-gitops.yaml", ".pre-commit-config.yaml", ".gitlab-ci.yml":
		return true
	}
	return file == s.layout.Generators || strings.HasPrefix(file, s.layout.Generators+"/")
}

// insideChart reports whether a folder is below a chart, where it belongs to that one.
func (s *search) insideChart(dir string) bool {
	for dir != "." {
		dir = path.Dir(dir)
		if s.charts[dir] {
			return true
		}
	}
	return false
}

// roots notes as used what a kustomization takes in. Of those that only use each other, the first stays.
func (s *search) roots() {
	dirs := slices.Sorted(keysOf(s.kustomizations))
	for _, dir := range dirs {
		s.reads(dir)
		for _, name := range s.uses[dir] {
			s.used[name] = true
		}
	}
	reached := map[string]bool{}
	var reach func(dir string)
	reach = func(dir string) {
		if !reached[dir] {
			reached[dir] = true
			for _, name := range s.uses[dir] {
				reach(name)
			}
		}
	}
	for _, dir := range dirs {
		if !s.used[dir] {
			reach(dir)
		}
	}
	for _, dir := range dirs {
		if !reached[dir] {
			s.used[dir] = false
			reach(dir)
		}
	}
}

// reads notes the folders and files that a kustomization takes in.
func (s *search) reads(dir string) {
	file := s.kustomizations[dir]
	docs, _ := s.repo.Documents(file) // rendering says what is wrong
	for _, doc := range docs {
		var add func(n *yaml.Node)
		add = func(n *yaml.Node) {
			if n = follow(n); n == nil {
				return
			}
			switch n.Kind {
			case yaml.ScalarNode:
				_, name, found := strings.Cut(n.Value, "=") // key=file of a generator
				if !found {
					name = n.Value
				}
				if !strings.Contains(name, "://") && !strings.Contains(name, "\n") {
					if name = path.Join(dir, name); name != dir {
						s.uses[dir] = append(s.uses[dir], name)
					}
				}
			case yaml.SequenceNode:
				for _, c := range n.Content {
					add(c)
				}
			case yaml.MappingNode:
				for k, v := range fields(n) {
					switch k.Value {
					case "path", "files", "envs", "env", "valuesFile", "additionalValuesFiles":
						add(v)
					}
				}
			}
		}
		for k, v := range fields(doc.Node) {
			switch k.Value {
			case "resources", "bases", "components", "crds", "patches", "patchesStrategicMerge", "patchesJson6902", "configMapGenerator", "secretGenerator",
				"generators", "transformers", "validators", "configurations", "replacements", "openapi", "helmCharts":
				add(v)
			}
		}
	}
}

// deployed returns a target for each deployment that renders it in its own way, or the target as it is.
func (s *search) deployed(t Target) ([]Target, error) {
	deployments, err := s.repo.DeploymentsOf(t.Dir)
	if err != nil {
		return nil, err
	}
	var targets []Target
	seen := map[string]bool{}
	for _, d := range deployments {
		if t.Kind != repo.Chart && d.Path != t.Dir && !strings.HasPrefix(t.Dir, d.Path+"/") && d.Path != "." {
			continue // of a folder below
		}
		if key := sameness(d); !seen[key] {
			seen[key] = true
			t.Deployment = &d
			targets = append(targets, t)
		}
	}
	if len(targets) == 0 {
		targets = append(targets, t)
	}
	return targets, nil
}

// sameness is equal for deployments that render alike.
func sameness(d repo.Deployment) string {
	var b strings.Builder
	for _, s := range slices.Concat([]string{d.Namespace, d.ReleaseName, d.Path}, d.ValueFiles) {
		b.WriteString(s + "\x00")
	}
	for _, p := range d.Parameters {
		b.WriteString(p.Name + "\x00" + p.Value + "\x00")
	}
	if d.Values != nil || d.ValuesErr != nil {
		text, _ := yaml.Marshal(d.Values)
		b.Write(text)
	}
	if d.NoChartValues {
		b.WriteString("\x01")
	}
	if d.SkipSchema {
		b.WriteString("\x02")
	}
	for _, from := range d.ValuesFrom {
		text, _ := yaml.Marshal(from.Values)
		fmt.Fprintf(&b, "\x04%s %s %s", from.Unknown, from.File, text)
		if from.Parameter != nil {
			b.WriteString(from.Parameter.Name + "\x00" + from.Parameter.Value)
		}
	}
	b.WriteString("\x03" + d.Substitute.Key() + "\x03" + d.ValuesSubstitute.Key())
	return b.String()
}
