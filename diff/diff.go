// Package diff says what a change of manifests does to the Redis instances in them: which pods restart, what the operator ignores, what is
// lost. It compares what two sides render and looks the consequence of each field up in the facts of its operator (cue.KnownChanges);
// nothing asks a cluster.
package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/instance"
)

// Change is one change and what it does.
type Change struct {
	Redis    string           `json:"redis"` // Kind namespace/name of the Redis; several are separated by commas
	Resource finding.Resource `json:"resource"`
	Path     string           `json:"path"`           // of the field; "" for the resource as a whole
	More     int              `json:"more,omitempty"` // further fields beside it with the same consequence
	Old      string           `json:"old"`
	New      string           `json:"new"`
	Class    string           `json:"class"` // one of cue.ChangeClasses
	Severity finding.Severity `json:"severity"`
	Risk     string           `json:"risk,omitempty"` // "last" for what was written last, "all" for all data
	Text     string           `json:"text"`           // what happens
	Do       string           `json:"do,omitempty"`
	Rule     string           `json:"rule,omitempty"` // that lint reports it by
	Source   string           `json:"source"`         // where that was read
	At       Span             `json:"-"`              // what to edit: on the new side, or on the old one where the field is gone

	left     Span             // what the new side has of the field, or of what it was in
	deployer finding.Position // of a resource that the new side does not have
}

// Span is a part of a file. EndLine and EndColumn are just behind it; 0 means unknown.
type Span struct {
	finding.Position
	EndLine, EndColumn int
	Value              []string // the path of the value, where a values file sets it
}

// Field names what changes, with its values.
func (c *Change) Field() string {
	what := c.Path
	if !strings.HasPrefix(c.Redis, c.Resource.Kind+" ") {
		what = strings.TrimSpace(c.Resource.Kind + " " + c.Resource.Name + " " + c.Path)
	}
	if c.Path == "" {
		return cmp.Or(what, c.Resource.Kind+" "+c.Resource.Name)
	}
	what += ": " + cmp.Or(c.Old, "(none)") + " → " + cmp.Or(c.New, "(none)")
	if c.More > 0 {
		what += ", and " + finding.Count(c.More, "more field")
	}
	return what
}

// Resource is one that a side renders.
type Resource struct {
	Object      map[string]any
	Application string
	Namespace   string                   // that it goes to if it names none
	Deployer    *Deployer                // nil where the repository does not show it
	At          func(path []string) Span // what to edit for a field; nil is unknown
	Unsure      bool                     // not all of the other side could be rendered there, so that it may have it too
}

// Deployer is an object of Argo CD or Flux that deploys resources.
type Deployer struct {
	Object map[string]any
	At     finding.Position
	Gone   bool      // on the other side, it does not exist
	By     *Deployer // of what installs a release of a chart: what deploys that in turn; nil where the repository does not show it
}

// Side is one state of a repository, or a stream of manifests.
type Side struct {
	Resources []Resource
	Installed []instance.Installation // operators
	Options   instance.Options
	Partial   bool // a stream: what it lacks may still exist
}

// Result is what differs.
type Result struct {
	Changes []Change

	of *comparer
}

// Text is what the sides render of one resource, as YAML.
type Text struct {
	Name     string
	Old, New string
}

// Compare returns what differs between two sides, the gravest first.
func Compare(old, new *Side, operators []*cue.Operator) (*Result, error) {
	c, err := newComparer(newIndex(old, operators), newIndex(new, operators), operators)
	if err != nil {
		return nil, err
	}
	c.pair()
	c.renamed()
	for _, m := range c.matches {
		c.compare(m)
	}
	c.installations()
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Or(int(a.Severity)-int(b.Severity), strings.Compare(a.Redis, b.Redis), strings.Compare(a.Resource.Kind, b.Resource.Kind), strings.Compare(a.Resource.Name, b.Resource.Name), strings.Compare(a.Path, b.Path))
	})
	return &Result{Changes: c.changes, of: c}, nil
}

type comparer struct {
	facts     *cue.Changes
	images    *cue.Images
	operators []*cue.Operator
	old, new  *index
	matches   []match
	changes   []Change
	shown     map[[2]int]bool // pairs of resources with changes; -1 is none
	order     [][2]int
}

func newComparer(old, new *index, operators []*cue.Operator) (*comparer, error) {
	facts, err := cue.KnownChanges()
	if err != nil {
		return nil, err
	}
	images, err := cue.KnownImages()
	return &comparer{facts: facts, images: images, operators: operators, old: old, new: new}, err
}

// match is a resource on both sides by its numbers there; -1 is none.
type match struct {
	old, new int
}

// pair finds each resource on the other side, by group, kind, namespace and name. Where several have the same, those of the same
// application belong together.
func (c *comparer) pair() {
	taken := map[int]bool{}
	streams := c.old.Partial || c.new.Partial
	for i := range c.old.Resources {
		candidates := c.new.byKey[c.old.key(i)]
		if len(candidates) == 0 && streams {
			candidates = c.new.anywhere(c.old, i)
		}
		best := -1
		for _, j := range candidates {
			if !taken[j] && (best < 0 || c.new.Resources[j].Application == c.old.Resources[i].Application && c.new.Resources[best].Application != c.old.Resources[i].Application) {
				best = j
			}
		}
		if best < 0 && len(candidates) > 0 {
			continue // one that is rendered twice, and from now on once
		}
		taken[best] = true
		if best >= 0 || !c.new.Partial && !c.old.Resources[i].Unsure {
			c.matches = append(c.matches, match{old: i, new: best})
		}
	}
	for j := range c.new.Resources {
		if !taken[j] && !c.old.Partial && !c.new.Resources[j].Unsure && len(c.old.byKey[c.new.key(j)]) == 0 {
			c.matches = append(c.matches, match{old: -1, new: j})
		}
	}
}

// compare adds the changes of one resource.
func (c *comparer) compare(m match) {
	switch {
	case m.old >= 0 && c.old.gone[m.old], m.new >= 0 && c.new.gone[m.new]:
		return // a part of a Redis that was renamed
	case m.old < 0 || m.new < 0:
		c.whole(m)
		return
	}
	p := c.pairOf(m)
	w := comparison{directives: directivesOf(p.stateful)}
	w.walk(p.old, p.new, nil)
	if len(w.leaves) == 0 {
		return
	}
	rules := c.rules(m)
	type group struct {
		rule *cue.ChangeRule
		path string
	}
	found := map[group][]leaf{}
	var groups []group
	depth := map[group]int{}
	for _, l := range w.leaves {
		for _, r := range rules {
			n, ok := p.fits(r, l.path)
			if !ok {
				continue
			}
			if n <= 2 && n > 0 && len(l.path) > n && mapping(p.oldValue) != nil && mapping(p.newValue) != nil && l.path[0] != "metadata" {
				n++ // a fact about many fields
			}
			g := group{r, strings.Join(l.path[:n], "\x00")}
			if found[g] == nil {
				groups = append(groups, g)
			}
			found[g], depth[g] = append(found[g], l), n
			break
		}
	}
	for _, g := range groups {
		leaves := found[g]
		path, more := common(leaves), 0
		if len(path) < depth[g] {
			path = leaves[0].path[:depth[g]]
		}
		before, _ := at(p.old, path)
		after, _ := at(p.new, path)
		if before != nil && after != nil {
			path, more = leaves[0].path, len(leaves)-1
		}
		p.fits(g.rule, leaves[0].path) // the values that the conditions are about
		c.add(m, p, g.rule, path)
		c.changes[len(c.changes)-1].More = more
	}
}

// common returns the path that all fields are below.
func common(leaves []leaf) []string {
	path := leaves[0].path
	for _, l := range leaves[1:] {
		n := 0
		for n < len(path) && n < len(l.path) && path[n] == l.path[n] {
			n++
		}
		path = path[:n]
	}
	return path
}

// rules are the facts about a resource, those of its operator first.
func (c *comparer) rules(m match) []*cue.ChangeRule {
	x, i := c.side(m)
	kind := x.kind(i)
	var out []*cue.ChangeRule
	add := func(rules []cue.ChangeRule, kind string) {
		for k := range rules {
			if slices.Contains(rules[k].Kinds, kind) {
				out = append(out, &rules[k])
			}
		}
	}
	names := c.redisOf(m)
	if o := x.owners[i]; o != nil {
		add(c.facts.Of(o.Operator).Changes, kind)
		if kind == cue.KindOfCharts {
			add(c.facts.General, "AnyChart")
		}
		add(c.facts.General, "AnyRedis") // what of it is not known
		return out
	}
	if len(names) == 0 {
		if kind == "CustomResourceDefinition" && c.ownsDefinition(x.Resources[i].Object) {
			add(c.facts.General, kind)
		}
		return out
	}
	add(c.facts.General, kind)
	return out
}

// ownsDefinition reports whether a CustomResourceDefinition is of an operator.
func (c *comparer) ownsDefinition(object map[string]any) bool {
	group, kind := instance.Text(value(object, "spec", "group")), instance.Text(value(object, "spec", "names", "kind"))
	return slices.ContainsFunc(c.operators, func(o *cue.Operator) bool {
		return slices.ContainsFunc(o.Kinds, func(k cue.Kind) bool { return k.Kind == kind && strings.HasPrefix(k.APIVersion, group+"/") })
	})
}

// side returns the side that says what a resource is: the new one, unless it is gone there.
func (c *comparer) side(m match) (*index, int) {
	if m.new >= 0 {
		return c.new, m.new
	}
	return c.old, m.old
}

// redisOf returns the Redis instances that a resource belongs to on either side.
func (c *comparer) redisOf(m match) []string {
	var out []string
	if m.old >= 0 {
		out = append(out, c.old.redisOf[m.old]...)
	}
	if m.new >= 0 {
		out = append(out, c.new.redisOf[m.new]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// concerned returns the Redis instances that a change of a resource is about: of a variable those that it names, before or now.
func (c *comparer) concerned(m match, r *cue.ChangeRule, old, new any) []string {
	all := c.redisOf(m)
	if r.Path != envPath {
		return all
	}
	x, i := c.side(m)
	text := func(variable any) string {
		return cmp.Or(instance.Text(value(variable, "value")), instance.Text(variable))
	} // all of it, or its value
	named := append(c.old.named(text(old), x.namespace(i)), c.new.named(text(new), x.namespace(i))...)
	if len(named) == 0 { // a password
		return all
	}
	slices.Sort(named)
	return slices.Compact(named)
}

func (c *comparer) pairOf(m match) *pair {
	p := &pair{images: c.images, secret: func(name string) bool { return c.old.secrets[name] || c.new.secrets[name] }}
	x, i := c.side(m)
	namespace := x.namespace(i)
	p.hosts = func(text string) bool { return len(c.old.named(text, namespace))+len(c.new.named(text, namespace)) > 0 }
	if m.old >= 0 {
		p.old = c.old.Resources[m.old].Object
		if o := c.old.owners[m.old]; o != nil {
			p.operator, p.oldVersion, p.version = o.Operator, o.Version, o.Version
		}
	}
	if m.new >= 0 {
		p.new = c.new.Resources[m.new].Object
		if o := c.new.owners[m.new]; o != nil {
			p.operator, p.version = o.Operator, o.Version
			p.oldVersion = cmp.Or(p.oldVersion, o.Version)
		}
	}
	if p.operator != nil {
		of := c.facts.Of(p.operator)
		for k := range of.Stateful {
			if slices.Contains(of.Stateful[k].Kinds, x.kind(i)) && p.fitsThis(of.Stateful[k].If) {
				p.stateful = &of.Stateful[k]
				break
			}
		}
	}
	return p
}

func directivesOf(s *cue.Stateful) [][]string {
	var out [][]string
	if s != nil {
		for _, path := range s.Directives {
			out = append(out, steps(path))
		}
	}
	return out
}

// whole adds the change of a resource that was added or removed.
func (c *comparer) whole(m match) {
	x, i := c.side(m)
	added := m.old < 0
	if o := x.owners[i]; o != nil {
		c.wholeRedis(m, x, i, added)
		return
	}
	if !added && allGone(c.old, c.new, i) || added && allGone(c.new, c.old, i) {
		return // so is its Redis
	}
	p := c.pairOf(m)
	for _, r := range c.rules(m) {
		if r.Path == "" {
			if _, ok := p.fits(r, nil); ok {
				c.add(m, p, r, nil)
				return
			}
		}
	}
}

// allGone reports whether each Redis that a resource of one side belongs to is not on the other one.
func allGone(x, other *index, i int) bool {
	return len(x.redisOf[i]) > 0 && !slices.ContainsFunc(x.redisOf[i], func(name string) bool { return other.known[name] })
}

// add adds a change by a fact.
func (c *comparer) add(m match, p *pair, r *cue.ChangeRule, path []string) {
	x, i := c.side(m)
	old, _ := at(nilable(p.old), path)
	new, real := at(nilable(p.new), path)
	change := Change{
		Redis: strings.Join(c.concerned(m, r, old, new), ", "), Resource: x.resource(i), Path: shownPath(x.kind(i), path), Old: c.masked(x.kind(i), path, old), New: c.masked(x.kind(i), path, new),
		Class: r.Class, Risk: r.Risk, Do: r.Do, Rule: r.Rule, Source: r.Source,
	}
	if len(path) == 0 {
		change.Old, change.New = "", ""
	}
	if change.New == "" && p.image(p.new, nil) != "" && p.stateful != nil && joined(path) == p.stateful.Image {
		change.New = p.image(p.new, nil) + " (default)"
	}
	change.Text = strings.NewReplacer("{old}", cmp.Or(change.Old, "nothing"), "{new}", cmp.Or(change.New, "nothing"), "{name}", x.resource(i).Name).Replace(r.Text)
	c.restarts(&change, p)
	change.Severity = severity(change.Class, change.Risk)
	change.At = c.place(m, path, real)
	c.left(&change, m, real)
	c.note(m)
	c.changes = append(c.changes, change)
}

// shownPath is the path of a field as people read it: of a release, that of the value.
func shownPath(kind string, path []string) string {
	if kind == cue.KindOfCharts && len(path) > 1 {
		path = path[1:]
	}
	return joined(path)
}

// masked returns a value without what is in a Secret, or secret in the values of a chart.
func (c *comparer) masked(kind string, path []string, value any) string {
	if kind == cue.KindOfCharts && value != nil {
		if slices.ContainsFunc(path, secretKey) {
			return "***"
		}
		value = withoutSecrets(value)
	}
	if kind == "Secret" && (len(path) == 0 || path[0] == "data" || path[0] == "stringData") {
		if value == nil {
			return ""
		}
		return "***"
	}
	return shown(value)
}

// restarts adds what the restart of the only pod means.
func (c *comparer) restarts(change *Change, p *pair) {
	if change.Class != "roll" || p.stateful == nil || p.new == nil {
		return
	}
	replicas, before := p.number(p.stateful.Replicas, p.new), p.number(p.stateful.Replicas, p.old)
	if replicas != 1 && before != 1 {
		return
	}
	if p.any(p.stateful.Kept, p.new) && p.any(p.stateful.Kept, p.old) {
		change.Text += "; with one replica, that is an outage, and what was written since the last snapshot can be lost"
		return
	}
	change.Risk = "all"
	change.Text += "; with one replica and no volume, all data is lost"
}

// place is what to edit.
func (c *comparer) place(m match, path, real []string) Span {
	if m.new >= 0 {
		if at := c.new.Resources[m.new].At; at != nil && len(real) == len(path) {
			if p := at(real); p.File != "" {
				return p
			}
		}
	}
	if m.old >= 0 {
		if position := c.old.Resources[m.old].At; position != nil {
			_, real := at(c.old.Resources[m.old].Object, path)
			if p := position(real); p.File != "" {
				return p
			}
		}
	}
	return Span{}
}

// note remembers that a resource has a change.
func (c *comparer) note(m match) {
	key := [2]int{m.old, m.new}
	if c.shown == nil {
		c.shown = map[[2]int]bool{}
	}
	if !c.shown[key] {
		c.shown[key] = true
		c.order = append(c.order, key)
	}
}

// severity is how grave a consequence is.
func severity(class, risk string) finding.Severity {
	switch {
	case risk == "all", slices.Contains([]string{"stuck", "rejected", "recreate", "destroy"}, class):
		return finding.Error
	case class == "live" && risk == "":
		return finding.Info
	}
	return finding.Warning
}

// Count returns how many changes have each class, in the order of the classes, as "1 destroy, 2 roll".
func Count(changes []Change) string {
	var parts []string
	for _, class := range cue.ChangeClasses() {
		n := 0
		for _, c := range changes {
			if c.Class == class {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, class))
		}
	}
	return strings.Join(parts, ", ")
}
