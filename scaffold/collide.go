package scaffold

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/repo"
)

// collisions looks for what would make the new resource and another one of the repository the same thing in the cluster or in
// values.yaml. It reads the application's own files and those of at most a handful of others, however many there are.
func (s *resource) collisions(p *Plan) error {
	if err := s.sameKey(); err != nil {
		return err
	}
	if err := s.sameObject(p); err != nil {
		return err
	}
	s.sameRedis(p)
	return nil
}

// sameKey refuses a second resource with the key of the first: redis-a-1 and redis-a1 are both redisA1 in values.yaml.
func (s *resource) sameKey() error {
	all, err := s.all()
	if err != nil {
		return err
	}
	return sameKey(all, s.record(""))
}

// sameKeyIn is sameKey among the records of a repository.
func sameKeyIn(r *repo.Repo, rec *record) error {
	all, err := records(r, rec.Application)
	if err != nil {
		return err
	}
	return sameKey(all, rec)
}

func sameKey(all []*record, rec *record) error {
	camel := rec.Placeholders["camelName"]
	for _, other := range all {
		if other.valuesKey() == rec.valuesKey() && other.Name != rec.Name && other.Placeholders["camelName"] == camel {
			way := "choose another suffix"
			if rec.Folder == "deployments" {
				way = "choose another name"
			}
			return finding.Errorf(finding.Position{}, "", "%q and %q would both use %s.%s in values.yaml; %s", rec.Name, other.Name, rec.valuesKey(), camel, way)
		}
	}
	return nil
}

// sameObject meets another manifest of the application that makes an object of the same kind and name, as the redis and
// redis-template-style generators of Reclaim the Stack do with one suffix.
func (s *resource) sameObject(p *Plan) error {
	files, err := s.repo.Files(s.templateDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ours := objects(s.manifest, s.chart)
	switch s.req.Auth.Method { // planned later
	case Sealed:
		ours[object{"SealedSecret", s.secret}] = 0
	case External:
		ours[object{"ExternalSecret", s.secret}] = 0
	}
	own := []string{s.name + ".yaml", path.Base(s.authFile())}
	for _, file := range files {
		base := path.Base(file)
		here := path.Dir(file) == s.templateDir()
		if ext := path.Ext(base); ext != ".yaml" && ext != ".yml" || here && slices.Contains(own, base) {
			continue
		}
		// Below a kustomization's folder are overlays, which patch objects by their names.
		if !here && s.app.Kind != repo.Chart {
			continue
		}
		src, err := s.repo.ReadFile(file)
		if err != nil {
			continue // not ours to judge; Helm will
		}
		for object, line := range objects(string(src), s.chart) {
			if _, ok := ours[object]; ok {
				s.inTheWay(p, finding.Position{File: file, Line: line}, "makes the "+object.kind+" "+object.name+", and so would "+s.name+".yaml",
					"choose another suffix, or use --keep if only one of them is rendered")
			}
		}
	}
	return nil
}

// object is a kind and name; names that a template computes in another way than from the chart's are unknown.
type object struct{ kind, name string }

var (
	documentEnd = lazyregexp.New(`(?m)^---(?:\s|$)`)
	kindLine    = lazyregexp.New(`(?m)^kind:\s*["']?([A-Za-z]+)`)
	nameLine    = lazyregexp.New(`(?m)^metadata:[^\n]*\n(?:(?:[ \t]+[^\n]*|#[^\n]*)?\n)*?[ \t]+name:[ \t]*["']?([^\s"'#][^"'#\n]*)`)
	chartInName = lazyregexp.New(`\{\{-?\s*\$?\.(?:Chart|Release)\.Name\s*-?\}\}`)
)

// objects returns what a manifest or template makes, with the line of each name.
func objects(text, chart string) map[object]int {
	found := map[object]int{}
	offset := 0
	for _, document := range documentEnd.Get().Split(text, -1) {
		start := strings.Index(text[offset:], document) + offset
		offset = start + len(document)
		kind, name := kindLine.FindStringSubmatch(document), nameLine.FindStringSubmatchIndex(document)
		if kind == nil || name == nil {
			continue
		}
		n := strings.TrimSpace(chartInName.ReplaceAllLiteralString(document[name[2]:name[3]], chart))
		if !strings.Contains(n, "{{") {
			found[object{kind[1], n}] = strings.Count(text[:start+name[2]], "\n") + 1
		}
	}
	return found
}

// sameRedis meets a Redis of another application that has the same name in the same namespace: shop with the suffix cache, and
// shop-cache without one.
func (s *resource) sameRedis(p *Plan) {
	if !s.redis {
		return
	}
	full := s.chart + s.suffix
	for i := 1; i <= len(full); i++ {
		if i < len(full) && full[i] != '-' || full[:i] == s.app.Name {
			continue
		}
		other, err := s.repo.App(full[:i])
		if err != nil {
			continue // no such application
		}
		dir := other.Dir
		if other.Kind == repo.Chart {
			dir = other.Path("templates")
		}
		file := path.Join(dir, s.req.Type+full[i:]+".yaml")
		if src, err := readIfThere(s.repo, file); err != nil || src == nil || !s.kinds.Match(src) {
			continue
		}
		if namespace, _, err := namespaceOf(other, ""); err == nil && cmp.Or(namespace, "default") == cmp.Or(s.namespace, "default") {
			s.inTheWay(p, finding.Position{File: file}, "makes the "+s.kind+" "+s.names.Resource+" in the same namespace", "choose another suffix")
		}
	}
}

// inTheWay notes a conflict, which --keep and --force turn into a note.
func (s *resource) inTheWay(p *Plan, at finding.Position, fault, way string) {
	p.inTheWay(s.req.Conflicts, at, fault, way)
}

func (p *Plan) inTheWay(on OnConflict, at finding.Position, fault, way string) {
	if on == Refuse {
		p.conflict(at, "", fault, way, "", "")
		return
	}
	p.Notes = append(p.Notes, finding.Errorf(at, "", "%s", fault).Error())
}
