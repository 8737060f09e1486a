package lint

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/policy"
)

// ruleLevels decides which rules are on and how grave each is: the rule's own level, then the configuration's, then flags.
func ruleLevels(rules []*policy.Rule, opts *Options) (*ruleSet, error) {
	s := &ruleSet{all: map[string]*policy.Rule{}, levels: map[string]policy.Level{}, paths: map[string][]string{}, strict: opts.strict()}
	var problems finding.Problems
	for _, r := range rules {
		if other, twice := s.all[r.Name]; twice {
			problems = append(problems, finding.Errorf(finding.Position{File: r.File, Line: 1}, "", "rule %q is already defined in %s; rename it", r.Name, other.File))
			continue
		}
		s.all[r.Name] = r
		s.levels[r.Name] = r.Severity
		if s.strict {
			s.levels[r.Name] = r.Strict
		}
	}
	config := opts.Config
	for _, name := range slices.Sorted(maps.Keys(config.Rules)) {
		at := config.Position("rules", name)
		if err := s.known(name); err != nil {
			problems = append(problems, finding.Errorf(at, "rules", "%v", err))
			continue
		}
		set := config.Rules[name]
		if set.Severity != "" {
			s.levels[name] = policy.Level(set.Severity)
		}
		for i, glob := range set.Paths {
			if !validGlob(glob) {
				problems = append(problems, finding.Errorf(config.Position("rules", name, "paths", fmt.Sprint(i)), "", "invalid glob %q; use \"*\", \"**\" and \"?\"", glob))
			}
		}
		s.paths[name] = set.Paths
	}
	for i, name := range config.Frozen {
		if _, err := s.match(name); err != nil {
			problems = append(problems, finding.Errorf(config.Position("frozen", fmt.Sprint(i)), "frozen", "%v", err))
		}
	}
	flag := func(flag string, names []string, set func(name string)) {
		for _, pattern := range names {
			matched, err := s.match(pattern)
			if err != nil {
				problems = append(problems, finding.Errorf(finding.Position{File: flag}, "", "%v", err))
			}
			for _, name := range matched {
				set(name)
			}
		}
	}
	on := func(name string) {
		if s.levels[name] != policy.Off {
			return
		}
		r := s.all[name]
		s.levels[name] = r.Severity
		if r.Severity == policy.Off {
			s.levels[name] = r.Strict
		}
	}
	if len(opts.Only) > 0 {
		only := map[string]bool{}
		flag("--only", opts.Only, func(name string) { only[name] = true; on(name) })
		for name := range s.levels {
			if !only[name] {
				s.levels[name] = policy.Off
			}
		}
	}
	flag("--enable", opts.Enable, on)
	flag("--disable", opts.Disable, func(name string) { s.levels[name] = policy.Off })
	if !opts.compares() {
		problems = append(problems, s.offWithoutBase(opts)...)
	}
	return s, problems.Err()
}

// offWithoutBase switches the rules off that compare, and refuses those that were asked for by name.
func (s *ruleSet) offWithoutBase(opts *Options) finding.Problems {
	var problems finding.Problems
	for _, name := range slices.Sorted(maps.Keys(s.all)) {
		if !s.all[name].Compares {
			continue
		}
		s.levels[name] = policy.Off
		if slices.Contains(opts.Only, name) {
			problems = append(problems, finding.Errorf(finding.Position{File: "--only"}, "", "rule %q checks a change; pass --new-from-rev REV", name))
		}
	}
	return problems
}

// known refuses a name that no rule has.
func (s *ruleSet) known(name string) error {
	if s.all[name] != nil {
		return nil
	}
	_, err := policy.Find(slices.Collect(maps.Values(s.all)), name)
	return err
}

// match returns the rules of a name, or of a category with "/*".
func (s *ruleSet) match(pattern string) ([]string, error) {
	category, wild := strings.CutSuffix(pattern, "/*")
	if !wild {
		return []string{pattern}, s.known(pattern)
	}
	var names, categories []string
	for _, name := range slices.Sorted(maps.Keys(s.all)) {
		c := path.Dir(name)
		if c == category {
			names = append(names, name)
		}
		if !slices.Contains(categories, c) {
			categories = append(categories, c)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("unknown category " + fmt.Sprintf("%q", category) + finding.DidYouMean(category, categories))
	}
	return names, nil
}

// on reports whether a rule is on, for a file where it is restricted to some.
func (s *ruleSet) on(name string) bool { return s.levels[name] != "" && s.levels[name] != policy.Off }

func (s *ruleSet) appliesTo(name, file string) bool {
	globs := s.paths[name]
	return len(globs) == 0 || slices.ContainsFunc(globs, func(g string) bool { return matchGlob(g, file) })
}

// enabled returns the rules in Rego that are on, sorted.
func (s *ruleSet) enabled() []*policy.Rule {
	var out []*policy.Rule
	for _, name := range slices.Sorted(maps.Keys(s.all)) {
		if s.on(name) && s.all[name].Scope != policy.ScopeNative {
			out = append(out, s.all[name])
		}
	}
	return out
}

// frozen reports whether the configuration forbids to suppress a rule.
func frozen(config *cue.Config, name string) bool {
	return slices.ContainsFunc(config.Frozen, func(pattern string) bool {
		category, wild := strings.CutSuffix(pattern, "/*")
		return pattern == name || wild && path.Dir(name) == category
	})
}

// matchGlob matches a whole path: "*" stays within a folder, "**" goes over folders, and a folder stands for all below it.
func matchGlob(glob, name string) bool {
	return matchSegments(strings.Split(strings.TrimSuffix(glob, "/"), "/"), strings.Split(name, "/"))
}

func matchSegments(globs, names []string) bool {
	for len(globs) > 0 {
		if globs[0] == "**" {
			for i := range len(names) + 1 {
				if matchSegments(globs[1:], names[i:]) {
					return true
				}
			}
			return false
		}
		if len(names) == 0 {
			return false
		}
		if ok, _ := path.Match(globs[0], names[0]); !ok {
			return false
		}
		globs, names = globs[1:], names[1:]
	}
	return true
}

func validGlob(glob string) bool {
	if strings.Count(glob, "**") > 4 { // each multiplies the work
		return false
	}
	for _, segment := range strings.Split(glob, "/") {
		if _, err := path.Match(segment, ""); err != nil {
			return false
		}
	}
	return glob != ""
}
