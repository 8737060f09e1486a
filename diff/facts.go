package diff

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/internal/lazyregexp"
)

// pair is a resource on both sides; one of them is nil where it was added or removed.
type pair struct {
	old, new           map[string]any
	operator           *cue.Operator // nil where none owns it
	oldVersion         string        // of the operator
	version            string
	stateful           *cue.Stateful // nil where nothing is known of its data
	images             *cue.Images
	hosts              func(text string) bool // whether a text names the host of a Redis
	secret             func(name string) bool // whether a Secret has the password of a Redis
	path               []string               // of the field
	oldValue, newValue any
}

// fits reports whether a fact is about the change of a field, and how many steps of its path it names.
func (p *pair) fits(r *cue.ChangeRule, path []string) (n int, ok bool) {
	if n, ok = matched(steps(r.Path), path); !ok {
		return 0, false
	}
	p.path = path[:n]
	p.oldValue, _ = at(nilable(p.old), p.path)
	p.newValue, _ = at(nilable(p.new), p.path)
	if r.Path == envPath && !p.namesRedis() {
		return 0, false
	}
	if len(r.On) > 0 && !slices.ContainsFunc(r.On, p.way) {
		return 0, false
	}
	return n, p.holds(r.If)
}

// nilable keeps a nil mapping from being a value.
func nilable(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

// envPath is the path of facts about a variable of a container.
const envPath = "@env"

// matched reports whether the path of a fact is the beginning of one of a field.
func matched(pattern, path []string) (int, bool) {
	if slices.Equal(pattern, []string{envPath}) {
		i := slices.Index(path, "env")
		return i + 2, i > 2 && i+1 < len(path) && (path[i-2] == "containers" || path[i-2] == "initContainers")
	}
	if len(pattern) > len(path) {
		return 0, false
	}
	for i, step := range pattern {
		if step != "*" && step != path[i] {
			return 0, false
		}
	}
	return len(pattern), true
}

func (p *pair) way(way string) bool {
	n, ok := amount(instance.Text(p.oldValue))
	m, both := amount(instance.Text(p.newValue))
	switch way {
	case "added":
		return p.oldValue == nil && p.newValue != nil
	case "removed":
		return p.oldValue != nil && p.newValue == nil
	case "changed":
		return p.oldValue != nil && p.newValue != nil
	case "increased":
		return ok && both && m > n || p.newValue != nil && p.hasMore(true)
	case "decreased":
		return ok && both && m < n || p.oldValue != nil && p.hasMore(false)
	}
	return false
}

// hasMore reports whether a quantity inside of a mapping, such as a limit, grew or shrank.
func (p *pair) hasMore(grew bool) bool {
	c := comparison{}
	if mapping(p.oldValue) == nil || mapping(p.newValue) == nil {
		return false
	}
	c.walk(p.oldValue, p.newValue, nil)
	return slices.ContainsFunc(c.leaves, func(l leaf) bool {
		n, ok := amount(instance.Text(l.old))
		m, both := amount(instance.Text(l.new))
		return ok && both && (m > n) == grew
	})
}

func (p *pair) holds(conditions []string) bool {
	return !slices.ContainsFunc(conditions, func(c string) bool { return !p.condition(c) })
}

// fitsThis reports whether conditions hold for the new object, or the old one where there is no other.
func (p *pair) fitsThis(conditions []string) bool {
	of := *p
	if of.new == nil {
		of.new = of.old
	}
	return of.holds(conditions)
}

// condition is as in [cue.Scheme], of the new object unless it begins with "old.".
func (p *pair) condition(c string) bool {
	if first, rest, both := strings.Cut(c, " && "); both {
		return p.condition(first) && p.condition(rest)
	}
	if rest, not := strings.CutPrefix(c, "!@"); not {
		return !p.is(rest)
	}
	if name, ok := strings.CutPrefix(c, "@"); ok {
		return p.is(name)
	}
	object, version := p.new, p.version
	if rest, ok := strings.CutPrefix(c, "old."); ok {
		c, object, version = rest, p.old, p.oldVersion
	}
	if v, ok := strings.CutPrefix(c, "version>="); ok {
		return version != "" && instance.AtLeast(version, v)
	}
	if v, ok := strings.CutPrefix(c, "version<"); ok {
		return version != "" && !instance.AtLeast(version, v)
	}
	if v, ok := strings.CutPrefix(c, "chart>="); ok {
		version := chartVersion(object)
		return version == "" || instance.AtLeast(version, v)
	}
	if v, ok := strings.CutPrefix(c, "chart<"); ok {
		version := chartVersion(object)
		return version != "" && !instance.AtLeast(version, v)
	}
	value := func(path string) any {
		switch path {
		case "old":
			return p.oldValue
		case "new":
			return p.newValue
		case "operator":
			if p.operator == nil {
				return nil
			}
			return p.operator.Name
		}
		found, _ := at(nilable(object), steps(path))
		return found
	}
	if path, want, ok := strings.Cut(c, "!="); ok {
		return instance.Text(value(path)) != want
	}
	if path, want, ok := strings.Cut(c, "="); ok {
		return instance.Text(value(path)) == want
	}
	if path, ok := strings.CutPrefix(c, "!"); ok {
		return !instance.Present(value(path))
	}
	return instance.Present(value(c))
}

// is has the predicates that facts name with @.
func (p *pair) is(name string) bool {
	switch name {
	case "fewer-sentinels":
		return p.stateful != nil && p.number(p.stateful.Sentinels, p.new) < p.number(p.stateful.Replicas, p.new)
	case "rdb-refused":
		old, new := p.formats()
		return new.Loads(old) == cue.LoadsNot
	case "rdb-types":
		old, new := p.formats()
		return new.Loads(old) == cue.LoadsPartly
	case "rdb-newer":
		old, new := p.formats()
		return old.Loads(new) == cue.LoadsNot
	case "image-older":
		return p.older()
	case "other-major":
		old, new := major(instance.Text(p.oldValue)), major(instance.Text(p.newValue))
		return old != "" && new != "" && old != new
	case "label-copied":
		return p.copied(p.old) || p.copied(p.new)
	case "command-without-aof":
		return !strings.Contains(p.command(), "appendonly")
	case "command-without-file":
		return p.command() != "" && !strings.Contains(p.command(), "redis.conf")
	case "kept":
		return p.stateful != nil && p.any(p.stateful.Kept, p.new)
	case "claim":
		return p.claims(p.new)
	case "headless":
		return (instance.Text(p.oldValue) == "None") != (instance.Text(p.newValue) == "None")
	case "selector-mismatch":
		labels := instance.Texts(value(p.new, "spec", "template", "metadata", "labels"))
		for key, want := range instance.Texts(value(p.new, "spec", "selector", "matchLabels")) {
			if labels[key] != want {
				return true
			}
		}
		return false
	case "force-replace":
		options := shownAll(p.newValue)
		return strings.Contains(options, "Force=true") && strings.Contains(options, "Replace=true")
	case "unknown-host":
		text := instance.Text(value(p.newValue, "value"))
		return target(p.oldValue) != "" && target(p.newValue) != "" && p.hosts != nil && p.hosts(instance.Text(value(p.oldValue, "value"))) && !p.hosts(text)
	case "other-redis":
		return target(p.oldValue) != "" && target(p.newValue) != "" && target(p.oldValue) != target(p.newValue)
	}
	return false
}

// predicates are the names that facts may have behind @.
var predicates = []string{
	"fewer-sentinels", "rdb-refused", "rdb-types", "rdb-newer", "image-older", "other-major", "label-copied", "command-without-aof", "command-without-file", "kept", "claim",
	"headless", "selector-mismatch", "force-replace", "unknown-host", "other-redis",
}

// any reports whether one of several conditions holds for an object.
func (p *pair) any(conditions []string, object map[string]any) bool {
	of := *p
	of.old, of.new = object, object
	return slices.ContainsFunc(conditions, of.condition)
}

func (p *pair) claims(object map[string]any) bool {
	volumes, _ := value(object, "spec", "template", "spec", "volumes").([]any)
	return slices.ContainsFunc(volumes, func(v any) bool { return value(v, "persistentVolumeClaim") != nil })
}

func value(data any, path ...string) any { return cue.At(data, path...) }

// shownAll returns the texts of a list.
func shownAll(data any) string {
	var words []string
	list, _ := data.([]any)
	for _, element := range list {
		words = append(words, instance.Text(element))
	}
	return strings.Join(words, " ")
}

func (p *pair) command() string {
	if p.stateful == nil || p.stateful.Command == "" {
		return ""
	}
	words, _ := at(nilable(p.new), steps(p.stateful.Command))
	return shownAll(words)
}

// copied reports whether the operator copies the label at the path to the pods.
func (p *pair) copied(object map[string]any) bool {
	if p.stateful == nil || p.stateful.Labels == "" || len(p.path) == 0 {
		return false
	}
	if p.stateful.Allow == "" {
		return true
	}
	found, _ := at(nilable(object), steps(p.stateful.Allow))
	allowed, _ := found.([]any)
	if len(allowed) == 0 {
		return true
	}
	key := p.path[len(p.path)-1]
	return slices.ContainsFunc(allowed, func(pattern any) bool {
		re, err := regexp.Compile(instance.Text(pattern))
		return err == nil && re.MatchString(key)
	})
}

var hole = lazyregexp.New(`\{([^{}|]*)(?:\|([^{}]*))?\}`)

// number reads a text of [cue.Stateful], such as {spec.redis.replicas|3} or {spec.replicas|2}+1; -1 is unknown.
func (p *pair) number(text string, object map[string]any) int {
	text, more, _ := strings.Cut(text, "+")
	if m := hole.FindStringSubmatch(text); m != nil {
		found, _ := at(nilable(object), steps(m[1]))
		if text = instance.Text(found); text == "" || text == "0" {
			text = m[2]
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	added, _ := strconv.Atoi(more) // of a chart that counts the master aside; "" is none
	return n + added
}

// formats returns what the old and the new server write and read; nil is unknown.
func (p *pair) formats() (old, new *cue.RDB) {
	return p.format(p.image(p.old, p.oldValue)), p.format(p.image(p.new, p.newValue))
}

func (p *pair) format(image string) *cue.RDB {
	if known := p.known(image); known.Line != nil {
		return known.Line.RDB
	}
	return nil
}

func (p *pair) known(image string) cue.KnownImage {
	if p.images == nil {
		return cue.KnownImage{}
	}
	known, _ := p.images.Find(image)
	return known
}

// older reports whether the new image has an older release of the same server.
func (p *pair) older() bool {
	old, new := p.known(p.image(p.old, p.oldValue)), p.known(p.image(p.new, p.newValue))
	if old.Engine != new.Engine || old.Line == nil || new.Line == nil {
		return false
	}
	if old.Line.Line != new.Line.Line {
		return !instance.AtLeast(new.Line.Line, old.Line.Line)
	}
	return old.Version != "" && new.Version != "" && !instance.AtLeast(new.Version, old.Version)
}

// image returns the image of Redis on one side: the one that is written, or the default of the operator.
func (p *pair) image(object map[string]any, field any) string {
	if p.stateful != nil && p.stateful.Version != "" {
		found, _ := at(nilable(object), steps(p.stateful.Version))
		engine, version, named := strings.Cut(instance.Text(found), "-")
		if !named || p.images == nil || p.images.Lines[engine] == nil {
			engine, version = "redis", instance.Text(found)
		}
		return engine + ":" + version
	}
	if p.stateful == nil || p.stateful.Image == "" {
		return instance.Text(field)
	}
	if p.stateful.Repository != "" {
		return p.chartImage(object)
	}
	found, _ := at(nilable(object), steps(p.stateful.Image))
	if text := instance.Text(found); text != "" {
		return text
	}
	if p.images == nil || p.operator == nil {
		return ""
	}
	d := p.images.Defaults[p.operator.Name]
	if len(p.stateful.Valkey) > 0 && p.any(p.stateful.Valkey, object) && d.Valkey != "" {
		return d.Valkey
	}
	return d.Image
}

// chartImage puts together the image of a release: what its values name, and the rest of its chart.
func (p *pair) chartImage(object map[string]any) string {
	if object == nil {
		return ""
	}
	found, _ := at(object, steps(p.stateful.Image))
	repository := cmp.Or(instance.Text(value(found, "repository")), p.stateful.Repository)
	if registry := instance.Text(value(found, "registry")); registry != "" {
		repository = registry + "/" + repository
	}
	tag := instance.Text(value(found, "tag"))
	if tag == "" {
		tag = instance.Since(p.stateful.Apps, chartVersion(object))
	}
	if tag == "" {
		return repository
	}
	return repository + ":" + tag
}

var versionInRange = lazyregexp.New(`[0-9]+(?:\.[0-9]+)*`)

// chartVersion is the version of the chart of a release, of a range its first; "" for none.
func chartVersion(object map[string]any) string {
	return versionInRange.FindString(instance.Text(value(object, "metadata", "version")))
}

// major is the first number of a version.
func major(version string) string {
	first, _, _ := strings.Cut(versionInRange.FindString(version), ".")
	return first
}

// namesRedis reports whether a variable of a container is about a Redis, before or now.
func (p *pair) namesRedis() bool {
	about := func(variable any) bool {
		if p.hosts != nil && p.hosts(instance.Text(value(variable, "value"))) {
			return true
		}
		return p.secret != nil && p.secret(instance.Text(value(variable, "valueFrom", "secretKeyRef", "name")))
	}
	return about(p.oldValue) || about(p.newValue)
}

// target is where a variable points to: host, port and database.
func target(variable any) string {
	text := instance.Text(value(variable, "value"))
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	return u.Hostname() + ":" + u.Port() + strings.TrimSuffix(u.Path, "/0")
}
