package scaffold

import (
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// references looks for what the rest of the repository says about what is to be removed: hosts of its Services, names of its
// Secrets, its values, and uses of its env entries.
func (d *destroyer) references(removed []recordEdit) error {
	t := d.target(removed)
	if err := findReferences(d.repo, t); err != nil {
		return err
	}
	t.report(d.plan)
	return nil
}

// target describes to a search for references what is to be removed.
func (d *destroyer) target(removed []recordEdit) *target {
	t := &target{app: d.rec.Application, chart: d.rec.chart(), words: d.names(), plan: d.plan, found: slices.Concat(d.valueReferences(removed), d.addons(), d.users())}
	if d.app.Dir != "" {
		t.templates = d.app.Path("templates")
	}
	t.deployment = d.rec.Folder == "deployments"
	for _, e := range removed {
		if e.variables() {
			for _, k := range e.Keys {
				if k != "" {
					t.env = append(t.env, k)
				}
			}
		}
	}
	return t
}

// names returns the names by which others know what is to be removed.
func (d *destroyer) names() []string {
	var words []string
	application := d.rec.chart()
	if d.rec.Folder == "resources" {
		words = append(words, d.services()...)
	}
	if service := d.rec.Placeholders["service"]; d.rec.Folder == addonsFolder && service != "" { // whose name no template has as a text
		words = append(words, service)
	}
	for i, f := range d.rec.Files {
		if d.plan.removes(f.Path) && i > 0 && d.rec.Values["auth"] != "" {
			words = append(words, d.rec.Values["auth"])
			if t := d.rec.Rotation; t != nil {
				words = append(words, t.From, t.To)
			}
		}
		if d.rec.Folder != "resources" {
			for o := range objects(f.Text, application) {
				// What else an addon makes may have the name of its Redis.
				if o.name != application && (d.rec.Folder == "deployments" || o.kind == "Service" || o.kind == "Secret") {
					words = append(words, o.name)
				}
			}
			continue
		}
		docs, err := repo.ParseDocuments(f.Path, []byte(f.Text))
		if err != nil {
			continue // a template: its names are built from the chart's
		}
		for _, doc := range docs {
			if n := doc.Name(); n != "" && n != application && d.plan.removes(f.Path) {
				words = append(words, n)
			}
		}
	}
	return words
}

// services returns the names of the Services of a resource, except for one that has the name of the resource itself, by which much else
// is called.
func (d *destroyer) services() []string {
	name := operatorOf(d.rec)
	if name == "" {
		return nil // a resource of another kind
	}
	operator, err := cue.OperatorNamed(name)
	if err != nil {
		return nil // of a later version
	}
	operator = operator.Of(d.rec.Type)
	var words []string
	for _, version := range operator.Versions {
		// The problems of a name do not matter any more.
		names, _ := operator.Names(cue.Request{Chart: d.rec.chart(), Suffix: d.rec.Placeholders["suffix"], Version: version})
		words = append(words, names.MasterService, names.SentinelService)
		for _, o := range names.Objects {
			if o.Kind == "Service" && o.Name != names.Resource {
				words = append(words, o.Name)
			}
		}
	}
	return words
}

// addons returns the addons of a Redis that do not outlive it.
func (d *destroyer) addons() []referrer {
	var found []referrer
	for _, other := range d.others {
		if d.rec.Folder == "resources" && other.Folder == addonsFolder && other.Placeholders["resource"] == d.rec.Name && !outlives(other) {
			for _, f := range other.Files {
				found = append(found, referrer{finding.Position{File: f.Path}, "addon " + other.Type})
			}
		}
	}
	return found
}

// users returns the values by which Redis instances of the application use an addon. What they render to has the name of its Service.
func (d *destroyer) users() []referrer {
	set := d.rec.Placeholders["set"]
	if d.rec.Folder != addonsFolder || set == "" || d.app.Dir == "" {
		return nil
	}
	var found []referrer
	file := d.app.Path("values.yaml")
	src, err := readIfThere(d.repo, file)
	if err != nil {
		return nil // who changes it says what is wrong
	}
	for _, other := range d.others {
		if v, at := lookup(file, src, other.valuesKey(), other.Placeholders["camelName"], "sentinelsOf"); v == set {
			found = append(found, referrer{at, set})
		}
	}
	return found
}

// outlives reports whether the Redis that an addon was made for may go before it.
func outlives(addon *record) bool {
	kind, err := cue.AddonNamed(addon.Type)
	return err == nil && kind.Outlives()
}

// removes reports whether the plan removes a file.
func (p *Plan) removes(file string) bool {
	return slices.ContainsFunc(p.Files, func(f FileChange) bool { return f.Path == file && f.Action == Remove })
}

// valueReferences returns the templates and value files that read a value which is to be removed.
func (d *destroyer) valueReferences(removed []recordEdit) []referrer {
	if d.app.Dir == "" {
		return nil
	}
	var found []referrer
	for _, e := range removed {
		if e.File != d.app.Path("values.yaml") || len(e.Path) != 1 || e.variables() {
			continue
		}
		for _, k := range e.Keys {
			if k == "" {
				continue
			}
			for _, read := range d.values.below(e.Path[0], k) {
				found = append(found, referrer{read.At, ".Values." + strings.Join(read.Path, ".")})
			}
		}
	}
	return found
}
