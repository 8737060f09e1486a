package diff

import (
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/instance"
	"github.com/redis-gitops/redis-gitops/render"
)

// wholeRedis adds the change of a Redis that is new or gone.
func (c *comparer) wholeRedis(m match, x *index, i int, added bool) {
	p := c.pairOf(m)
	r := cue.ChangeRule{Class: "live", Text: "a new, empty Redis is created", Source: "the manifests"}
	if p.stateful == nil && x.instances[first(x.redisOf[i])] == nil {
		r.Text = "the resource is created"
	}
	if !added {
		r = c.fate(p, c.old.Resources[i], c.rules(m))
	}
	c.add(m, p, &r, nil)
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// Where the rules of deletion were read.
const (
	argoPrune    = "argo-cd gitops-engine/pkg/sync/sync_context.go:348"
	argoDeletion = "argo-cd docs/user-guide/app_deletion.md; controller/appcontroller.go:1254"
	argoSet      = "argo-cd docs/operator-manual/applicationset/Application-Deletion.md"
	fluxPrune    = "kustomize-controller internal/controller/kustomization_controller.go:1095"
	owned        = "the operator's ownerReferences"
)

// The rules of what no single fact is about.
const (
	goneRule     = "data/renamed-or-removed"
	operatorRule = "op/operator-changed"
)

// staying are what keeps a resource that is no longer in Git in the cluster.
func staying(object map[string]any, d *Deployer) (why, source string) {
	options := instance.Text(value(object, "metadata", "annotations", "argocd.argoproj.io/sync-options"))
	keep := instance.Text(value(object, "metadata", "annotations", "helm.sh/resource-policy")) == "keep"
	if d == nil {
		return "", ""
	}
	if d.Gone && d.By != nil {
		if why, source = staying(d.Object, d.By); why != "" {
			return why, source
		}
	}
	switch kind := instance.Text(d.Object["kind"]); {
	case kind == "Application" && d.Gone:
		finalizers := shownAll(value(d.Object, "metadata", "finalizers"))
		switch {
		case !strings.Contains(finalizers, "resources-finalizer.argocd.argoproj.io"):
			return "the Application has no finalizer, so that its resources stay when it is deleted", argoDeletion
		case strings.Contains(options, "Delete=false") || keep:
			return "its annotation keeps it when the Application is deleted", argoDeletion
		}
	case kind == "ApplicationSet" && d.Gone:
		if value(d.Object, "spec", "syncPolicy", "preserveResourcesOnDeletion") == true {
			return "preserveResourcesOnDeletion keeps it when its Application is deleted", argoSet
		}
		if strings.Contains(options, "Delete=false") || keep {
			return "its annotation keeps it when its Application is deleted", argoDeletion
		}
	case kind == "Application" || kind == "ApplicationSet":
		spec := value(d.Object, "spec")
		if kind == "ApplicationSet" {
			spec = value(d.Object, "spec", "template", "spec")
		}
		if strings.Contains(options, "Prune=false") {
			return "its annotation Prune=false keeps it from being pruned", argoPrune
		}
		if value(spec, "syncPolicy", "automated", "prune") != true {
			return "the Application has no automated prune: it runs on until somebody syncs with --prune", "argo-cd docs/user-guide/auto_sync.md"
		}
	case kind == "Kustomization":
		if instance.Text(value(object, "metadata", "annotations", "kustomize.toolkit.fluxcd.io/prune")) == "disabled" {
			return "its annotation keeps it from being pruned", fluxPrune
		}
		if value(d.Object, "spec", "prune") != true {
			return "the Kustomization does not prune", fluxPrune
		}
		if policy := instance.Text(value(d.Object, "spec", "deletionPolicy")); d.Gone && (policy == "Orphan" || value(d.Object, "spec", "suspend") == true) {
			return "the deleted Kustomization leaves its resources", fluxPrune
		}
	case kind == "HelmRelease" && keep:
		return "its annotation helm.sh/resource-policy keeps it", "helm docs, howto/charts_tips_and_tricks"
	}
	return "", ""
}

// fate is what becomes of a Redis that is no longer in Git.
func (c *comparer) fate(p *pair, r Resource, rules []*cue.ChangeRule) cue.ChangeRule {
	if why, source := staying(r.Object, r.Deployer); why != "" { // so that no rule is against it
		return cue.ChangeRule{Class: "orphan", Text: why + ": it is no longer in Git, and nothing updates it", Do: "delete it once its data is elsewhere", Source: source}
	}
	for _, own := range rules {
		if own.Path == "" && slices.Contains(own.On, "removed") && p.holds(own.If) {
			return *own
		}
	}
	switch {
	case p.stateful == nil:
		return cue.ChangeRule{Class: "destroy", Risk: "all", Text: "the resource is deleted, with what its operator made of it", Do: "keep a dump (redis-gitops dump)", Rule: goneRule, Source: owned}
	case !p.any(p.stateful.Kept, p.old):
		return cue.ChangeRule{Class: "destroy", Risk: "all", Text: "the pods are deleted with their data, which is on no volume", Do: "keep a dump (redis-gitops dump)", Rule: goneRule, Source: owned}
	case p.any(p.stateful.Retained, p.old):
		return cue.ChangeRule{Class: "orphan", Risk: "last", Text: "the pods and Services are deleted, clients fail, and the volumes stay without an owner", Do: "keep a dump (redis-gitops dump), and delete the volumes later", Rule: goneRule, Source: owned}
	}
	return cue.ChangeRule{Class: "destroy", Risk: "all", Text: "the pods, their Services and their volumes are deleted", Do: "sync the annotation argocd.argoproj.io/sync-options: Prune=false first, keep a dump (redis-gitops dump), then remove it", Rule: goneRule, Source: owned}
}

// maxPairs is up to how many pairs of Redis that are gone and new are compared; of more, only those of the same application.
const maxPairs = 2500

// renamed finds each Redis that is gone, and there again by another name: it is one change, which speaks for all that belongs to the two.
func (c *comparer) renamed() {
	var removed, added []int
	for _, m := range c.matches {
		if m.new < 0 && c.old.owners[m.old] != nil {
			removed = append(removed, m.old)
		} else if m.old < 0 && c.new.owners[m.new] != nil {
			added = append(added, m.new)
		}
	}
	for _, i := range removed {
		best, most := -1, 0.0
		for _, j := range added {
			if c.old.gone[i] || c.new.gone[j] || c.new.kind(j) != c.old.kind(i) || c.new.group(j) != c.old.group(i) ||
				len(removed)*len(added) > maxPairs && c.old.Resources[i].Application != c.new.Resources[j].Application {
				continue
			}
			if like := c.likeness(i, j); like >= 0.75 && like > most {
				best, most = j, like
			}
		}
		if best >= 0 {
			c.rename(i, best)
		}
	}
}

// rename adds the change, and takes what belongs to the two out of the comparison.
func (c *comparer) rename(i, j int) {
	both := match{old: i, new: j}
	p := c.pairOf(both)
	r := c.fate(&pair{stateful: p.stateful, old: p.old, new: p.old}, c.old.Resources[i], c.rules(both))
	field := []string{"metadata", "name"}
	before, after := c.old.name(i), c.new.name(j)
	if before == after {
		field, before, after = []string{"metadata", "namespace"}, c.old.namespace(i), c.new.namespace(j)
	}
	r.Rule = goneRule
	r.Text = "to its operator this is a new, empty Redis; of the old one: " + r.Text
	if c.old.kind(i) == cue.KindOfCharts {
		r.Text = strings.Replace(r.Text, "to its operator", "by another name", 1)
	}
	r.Do = "add the new one, import the data, switch the clients, and remove the old one in a later change"
	c.add(both, p, &r, field)
	last := &c.changes[len(c.changes)-1]
	last.Old, last.New = before, after
	for _, x := range []struct {
		*index
		i int
	}{{c.old, i}, {c.new, j}} {
		x.gone[x.i] = true
		for k, names := range x.redisOf {
			if len(names) > 0 && len(x.redisOf[x.i]) > 0 && !slices.ContainsFunc(names, func(name string) bool { return name != x.redisOf[x.i][0] }) && !isDeployer(x.kind(k)) {
				x.gone[k] = true
			}
		}
	}
}

func isDeployer(kind string) bool {
	return slices.Contains([]string{"Application", "ApplicationSet", "HelmRelease", "Kustomization"}, kind)
}

// likeness is the share of fields below spec that two resources have in common, but for their names.
func (c *comparer) likeness(i, j int) float64 {
	before, after := c.old.name(i), c.new.name(j)
	fields := func(object map[string]any) map[string]string {
		out := map[string]string{}
		w := comparison{}
		w.walk(nil, value(object, "spec"), nil)
		for _, l := range w.leaves {
			text := shown(l.new)
			if before != "" && after != "" {
				text = strings.ReplaceAll(strings.ReplaceAll(text, after, "\x00"), before, "\x00")
			}
			out[joined(l.path)] = text
		}
		return out
	}
	old, new := fields(c.old.Resources[i].Object), fields(c.new.Resources[j].Object)
	same := 0
	for path, text := range old {
		if new[path] == text {
			same++
		}
	}
	total := max(len(old), len(new))
	if total == 0 {
		if sameInstaller(c.old.Resources[i].Deployer, c.new.Resources[j].Deployer) {
			return 1 // a release without values, by another name
		}
		return 0
	}
	like := float64(same) / float64(total)
	if c.old.Resources[i].Application == c.new.Resources[j].Application {
		like += 0.1
	}
	return like
}

// sameInstaller reports whether one object of Argo CD or Flux deploys two resources.
func sameInstaller(a, b *Deployer) bool {
	name := func(d *Deployer) string {
		return instance.Text(d.Object["kind"]) + "/" + instance.Text(value(d.Object, "metadata", "name"))
	}
	return a != nil && b != nil && name(a) == name(b)
}

// Texts returns what is rendered of the resources that the changes are about, in the order of the comparison.
func (r *Result) Texts() []Text {
	c := r.of
	yaml := func(x *index, i int) string {
		if i < 0 {
			return ""
		}
		object := x.Resources[i].Object
		switch x.kind(i) {
		case "Secret":
			object = hidden(object)
		case cue.KindOfCharts:
			object, _ = withoutSecrets(object).(map[string]any)
		}
		text, err := render.Encode(object)
		if err != nil {
			return ""
		}
		return string(text) + "\n"
	}
	var out []Text
	for _, key := range c.order {
		x, i := c.side(match{old: key[0], new: key[1]})
		out = append(out, Text{x.kind(i) + " " + qualified(x.namespace(i), x.name(i)), yaml(c.old, key[0]), yaml(c.new, key[1])})
	}
	return out
}

// secretKey reports whether a value of a chart is secret by its name: a password, or a list of users with theirs, but not the name or key of a
// Secret, nor a switch.
func secretKey(name string) bool {
	name = strings.ToLower(name)
	return name == "password" || name == "aclconfig" || strings.HasSuffix(name, "password") && !strings.HasPrefix(name, "use") && !strings.HasPrefix(name, "existing")
}

// withoutSecrets returns values of a chart without those that are secret.
func withoutSecrets(data any) any {
	switch data := data.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, below := range data {
			if below != nil && below != "" && secretKey(key) {
				out[key] = "***"
				continue
			}
			out[key] = withoutSecrets(below)
		}
		return out
	case []any:
		out := make([]any, len(data))
		for i, below := range data {
			out[i] = withoutSecrets(below)
		}
		return out
	}
	return data
}

// hidden returns a Secret without its data.
func hidden(object map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range object {
		if m := mapping(value); m != nil && (key == "data" || key == "stringData") {
			masked := map[string]any{}
			for name := range m {
				masked[name] = "***"
			}
			value = masked
		}
		out[key] = value
	}
	return out
}

// installations adds the changes of operators that the repository installs.
func (c *comparer) installations() {
	if c.old.Partial || c.new.Partial {
		return
	}
	old, new := operatorsOf(c.old.Installed), operatorsOf(c.new.Installed)
	for _, name := range slices.Sorted(keys(old)) {
		before := old[name]
		after, stays := new[name]
		if !stays && len(old) == 1 && len(new) == 1 { // another one in its place
			for _, other := range new {
				c.operator(before, &other)
			}
			return
		}
		if !stays {
			c.operator(before, nil)
			continue
		}
		c.operator(before, &after)
	}
}

func operatorsOf(installed []instance.Installation) map[string]instance.Installation {
	out := map[string]instance.Installation{}
	for _, i := range installed {
		if _, known := out[i.Operator]; !known && i.Operator != "" {
			out[i.Operator] = i
		}
	}
	return out
}

func keys[K comparable, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// operator adds what another version, place or kind of an operator does.
func (c *comparer) operator(old instance.Installation, new *instance.Installation) {
	object := func(i instance.Installation) map[string]any {
		return map[string]any{"kind": "Operator", "metadata": map[string]any{"name": i.Operator}, "name": i.Operator, "version": i.Raw, "namespace": i.Namespace}
	}
	p := &pair{old: object(old), oldVersion: old.Version, images: c.images}
	name, path := old.Operator, []string(nil)
	at := old.Where
	if new != nil {
		p.new, p.version, name, at = object(*new), new.Version, new.Operator, new.Where
		for _, field := range []string{"name", "version", "namespace"} {
			if p.old[field] != p.new[field] {
				path = []string{field}
				break
			}
		}
		if path == nil {
			return
		}
	}
	i := slices.IndexFunc(c.operators, func(o *cue.Operator) bool { return o.Name == name })
	if i < 0 {
		return
	}
	p.operator = c.operators[i]
	rule := cue.ChangeRule{Class: "roll", Risk: "last", Text: "another operator takes over: it may write other pod templates, so that every Redis restarts, and may not know them at all", Do: "try it in one namespace", Source: "not read for this operator"}
	of := c.facts.Of(p.operator)
	for k := range of.Changes {
		r := &of.Changes[k]
		if slices.Contains(r.Kinds, "Operator") && len(steps(r.Path)) == len(path) {
			if _, ok := p.fits(r, path); ok {
				rule = *r
				break
			}
		}
	}
	change := Change{Redis: "all of operator " + name, Path: joined(path), Class: rule.Class, Risk: rule.Risk, Text: rule.Text, Do: rule.Do, Rule: operatorRule, Source: rule.Source}
	change.Resource.Kind, change.Resource.Name = "Operator", name
	if len(path) > 0 {
		change.Old, change.New = instance.Text(p.old[path[0]]), instance.Text(p.new[path[0]])
	}
	change.Severity = severity(rule.Class, rule.Risk)
	change.At.Position = position(at)
	if new != nil {
		change.left = change.At
	}
	c.changes = append(c.changes, change)
}
