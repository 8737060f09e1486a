package diff

import (
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
)

// State is a resource of one side that runs a Redis, or its sentinels, with the facts of its operator.
type State struct {
	Resource finding.Resource
	Name     string // of the Redis that it is a part of
	Operator *cue.Operator
	Version  string // of the operator; "" is unknown
	Facts    *cue.Stateful
	Deployer *Deployer

	resource *Resource
	pair     *pair
}

// States returns the resources of a side that facts of operators are about, and all Redis instances in it.
func States(side *Side, operators []*cue.Operator) ([]*State, []*instance.Instance, error) {
	x := newIndex(side, operators)
	c, err := newComparer(x, x, operators)
	if err != nil {
		return nil, nil, err
	}
	var out []*State
	for i, o := range x.owners {
		if o == nil {
			continue
		}
		p := c.pairOf(match{old: i, new: i})
		if p.stateful == nil {
			continue
		}
		out = append(out, &State{
			Resource: x.resource(i), Name: o.Name, Operator: o.Operator, Version: o.Version, Facts: p.stateful,
			Deployer: side.Resources[i].Deployer, resource: &side.Resources[i], pair: p,
		})
	}
	return out, x.all, nil
}

// Application is what deploys the resource.
func (s *State) Application() string { return s.resource.Application }

// Object is the resource.
func (s *State) Object() map[string]any { return s.resource.Object }

// Any returns the first condition that holds.
func (s *State) Any(conditions []string) (string, bool) {
	i := slices.IndexFunc(conditions, func(c string) bool { return s.pair.any([]string{c}, s.resource.Object) })
	if i < 0 {
		return "", false
	}
	return conditions[i], true
}

// All reports whether all conditions hold.
func (s *State) All(conditions []string) bool { return s.pair.holds(conditions) }

// Number returns what a text of the facts comes to, with the field that it reads; -1 is unknown.
func (s *State) Number(text string) (n int, field string) {
	if m := hole.FindStringSubmatch(text); m != nil {
		field = m[1]
	}
	return s.pair.number(text, s.resource.Object), field
}

// Value returns a field.
func (s *State) Value(field string) any {
	value, _ := at(nilable(s.resource.Object), steps(field))
	return value
}

// At is where a field is set, or what it would be in.
func (s *State) At(field string) Span {
	if s.resource.At == nil {
		return Span{}
	}
	_, real := at(nilable(s.resource.Object), steps(field))
	for n := len(real); n >= 0; n-- {
		if span := s.resource.At(real[:n]); span.File != "" {
			return span
		}
	}
	return Span{}
}

// chartDirective is that of a release: of the texts the last line, else what the chart itself has.
func (s *State) chartDirective(name string) (value, field string) {
	own := s.Facts.Default
	for i, path := range s.Facts.Texts {
		text := instance.Text(s.Value(path))
		if found, ok := lastLine(text, name); ok {
			value, field = found, path
		}
		if i == 0 && text != "" {
			own = ""
		}
	}
	for _, path := range s.Facts.Directives {
		if found := instance.Text(s.Value(path + "." + name)); found != "" && field == "" {
			value, field = found, path+"."+name
		}
	}
	if field == "" {
		value, _ = lastLine(own, name)
	}
	return value, field
}

// lastLine returns what the last line of a configuration that sets a directive sets it to.
func lastLine(text, name string) (value string, found bool) {
	for line := range strings.Lines(text) {
		if word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); strings.EqualFold(word, name) {
			value, found = strings.TrimSpace(rest), true
		}
	}
	return value, found
}

// Directive returns a directive of Redis and the field that sets it: of the list for it, or of the commands of containers.
func (s *State) Directive(name string) (value, field string) {
	if len(s.Facts.Texts) > 0 || s.Facts.Default != "" {
		return s.chartDirective(name)
	}
	if len(s.Facts.Directives) > 0 {
		field = s.Facts.Directives[0] + "." + name
		if found := instance.Text(s.Value(field)); found != "" {
			return found, field
		}
		field = ""
	}
	argument := regexp.MustCompile(`(?:^|--|\s)` + regexp.QuoteMeta(name) + `\s+([^\s]+)`)
	if s.Facts.Command != "" {
		if m := argument.FindStringSubmatch(s.pair.command()); m != nil {
			return strings.Trim(m[1], `"'`), s.Facts.Command
		}
		return "", ""
	}
	for _, part := range []string{"command", "args"} {
		containers, _ := s.Value("spec.template.spec.containers").([]any)
		for _, c := range containers {
			if m := argument.FindStringSubmatch(shownAll(cue.At(c, part))); m != nil {
				return strings.Trim(m[1], `"'`), "spec.template.spec.containers." + instance.Text(cue.At(c, "name")) + "." + part
			}
		}
	}
	return "", field
}
