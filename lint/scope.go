package lint

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
	"github.com/redis-gitops/redis-gitops/lint/model"
	"github.com/redis-gitops/redis-gitops/repo"
)

// redisWord is how files mention Redis: by its name, that of a server with the same protocol, or a port of theirs.
var redisWord = lazyregexp.New(`(?i)redis|valkey|keydb|dragonfly|\b2?6379\b`)

// MentionsRedis reports whether a text names Redis, a server with the same protocol, or a port of theirs.
func MentionsRedis(text string) bool { return redisWord.MatchString(text) }

// dropOutOfScope takes out the findings of general rules where Redis is not involved, and returns them.
func (l *linter) dropOutOfScope() []*finding.Finding {
	if l.scopeName() != cue.ScopeRedis {
		return nil
	}
	var out []*finding.Finding
	var s *scope
	l.findings = slices.DeleteFunc(l.findings, func(f *finding.Finding) bool {
		if rule := l.rules.all[f.Rule]; rule == nil || !rule.General {
			return false
		}
		if s == nil {
			s = l.newScope()
		}
		if s.concerns(f) {
			return false
		}
		out = append(out, f)
		return true
	})
	return out
}

func (l *linter) scopeName() string {
	if l.opts.Scope != "" {
		return l.opts.Scope
	}
	return l.config.Scope
}

// found returns the Redis instances that are deployed.
func (l *linter) found() []redisFound {
	if l.later {
		if apps, err := l.applications(); err == nil {
			_ = l.redis(apps.units, &model.Repository{}) // it has worked for the rules
		}
	}
	return l.redisFound
}

func (l *linter) newScope() *scope {
	s := &scope{
		l: l, byDir: map[string][]*unit{}, byValues: map[string][]*unit{},
		runs: map[*unit]bool{}, involved: map[*unit]bool{}, mention: map[string]bool{},
	}
	for _, in := range l.found() {
		if u, _, ok := l.resourceID(in.resource); ok {
			s.runs[u] = true
		}
	}
	for _, u := range l.units {
		s.byDir[u.target.Dir] = append(s.byDir[u.target.Dir], u)
		for _, file := range valueFiles(&u.target) {
			s.byValues[file] = append(s.byValues[file], u)
		}
		if d := u.target.Deployment; d != nil {
			s.byValues[d.Source.File] = append(s.byValues[d.Source.File], u)
		}
		if slices.ContainsFunc(u.resources, func(r resource) bool { return isRedis(l.known, r.Resource) }) { // also where nothing deploys it
			s.runs[u] = true
		}
	}
	return s
}

// isRedis reports whether a resource is of a kind that an operator makes a Redis of.
func isRedis(operators []*cue.Operator, r finding.Resource) bool {
	return slices.ContainsFunc(operators, func(o *cue.Operator) bool {
		return o.Owns(r.APIVersion, r.Kind)
	})
}

// holdsPassword reports whether a Redis or one of its clients takes a password from a Secret.
func (s *scope) holdsPassword(secret string) bool {
	if s.secrets == nil {
		s.secrets = map[string]bool{}
		for _, in := range s.l.found() {
			for _, name := range in.secrets {
				s.secrets[name] = true
			}
		}
		for _, u := range s.l.units {
			s.clients(u)
		}
	}
	return s.secrets[secret]
}

// clients notes the Secrets that variables with a password of Redis are read from.
func (s *scope) clients(u *unit) {
	var walk func(data any)
	walk = func(data any) {
		switch data := data.(type) {
		case map[string]any:
			if name := text(data, "valueFrom", "secretKeyRef", "name"); name != "" && redisWord.MatchString(text(data, "name")) {
				s.secrets[name] = true
			}
			for _, v := range data {
				walk(v)
			}
		case []any:
			for _, v := range data {
				walk(v)
			}
		}
	}
	for _, r := range u.resources {
		if plain, err := r.data.plain(); err == nil {
			walk(plain)
		}
	}
}

// concerns reports whether a finding of a general rule is about something that Redis is involved in.
func (s *scope) concerns(f *finding.Finding) bool {
	layout := s.l.repo.Layout()
	switch {
	case f.File == cueConfigFile, strings.HasPrefix(f.File, layout.Generators+"/"), redisWord.MatchString(f.File), redisWord.MatchString(strings.Join(f.Path, ".")):
		return true
	}
	units := s.unitsOf(f.File)
	if slices.ContainsFunc(units, func(u *unit) bool { return s.runs[u] }) {
		return true
	}
	if f.Resource != nil {
		return redisWord.MatchString(f.Resource.Kind+" "+f.Resource.Name) ||
			slices.ContainsFunc(units, func(u *unit) bool { return u.resourceMentions(f.Resource) }) || s.holdsPassword(f.Resource.Name)
	}
	return s.fileMentions(f.File) || slices.ContainsFunc(units, s.isInvolved)
}

// unitsOf returns the units that a file is a part of: the innermost chart or kustomization around it, and those that take values
// from it. A kustomization that lists that one is another matter: it is rendered without what is broken there.
func (s *scope) unitsOf(file string) []*unit {
	units := slices.Clone(s.byValues[file])
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		for _, u := range s.byDir[dir] {
			if u.target.Kind != repo.Plain || slices.Contains(u.target.Files, file) {
				units = append(units, u)
			}
		}
		if len(units) > 0 || dir == "." {
			return units
		}
	}
}

// isInvolved reports whether the files of a chart or kustomization mention Redis. Those of a directory of manifests count one by one.
func (s *scope) isInvolved(u *unit) bool {
	if known, ok := s.involved[u]; ok {
		return known
	}
	s.involved[u] = false // for a kustomization that lists itself
	switch u.target.Kind {
	case repo.Chart:
		s.involved[u] = slices.ContainsFunc(slices.Concat(valueFiles(&u.target), s.l.filesBelow(u.target.Dir)), s.fileMentions)
	case repo.Kustomize:
		s.involved[u] = slices.ContainsFunc(u.files, s.fileMentions) || s.listsInvolved(u)
	}
	return s.involved[u]
}

// listsInvolved describes the same of what a kustomization lists, whether it can be rendered or not.
func (s *scope) listsInvolved(u *unit) bool {
	file := s.l.kustomization(u.target.Dir)
	if s.fileMentions(file) {
		return true
	}
	for _, d := range s.l.parsed(file) {
		for _, field := range []string{"resources", "components", "bases"} {
			for _, entry := range items(d, field) {
				name, _ := entry.(string)
				name = path.Join(u.target.Dir, name)
				if s.fileMentions(name) || slices.ContainsFunc(s.byDir[name], s.isInvolved) {
					return true
				}
			}
		}
	}
	return false
}

// fileMentions reports whether the text of a file mentions Redis. One that cannot be read may.
func (s *scope) fileMentions(file string) bool {
	if known, ok := s.mention[file]; ok {
		return known
	}
	found := false
	switch path.Ext(file) {
	case ".yaml", ".yml", ".tpl", ".json", ".env", ".properties", "":
		src, err := s.l.repo.ReadFile(file)
		found = redisWord.Match(src) || err != nil && !errors.Is(err, fs.ErrNotExist) && !s.isDir(file)
	}
	s.mention[file] = found
	return found
}

func (s *scope) isDir(name string) bool {
	info, err := s.l.repo.Fs().Stat(name)
	return err == nil && info.IsDir()
}

// resourceMentions reports whether a rendered resource mentions Redis anywhere.
func (u *unit) resourceMentions(name *finding.Resource) bool {
	for _, r := range u.resources {
		if r.Resource != *name {
			continue
		}
		plain, err := r.data.plain()
		if err != nil || dataMentions(plain) {
			return true
		}
	}
	return false
}

func dataMentions(data any) bool {
	switch data := data.(type) {
	case map[string]any:
		for k, v := range data {
			if redisWord.MatchString(k) || dataMentions(v) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(data, dataMentions)
	case string:
		return redisWord.MatchString(data)
	case int64:
		return data == 6379 || data == 26379
	}
	return false
}
