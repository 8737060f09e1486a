package scaffold

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// references looks for what the rest of the repository says about what is to be removed: hosts of its Services, names of its
// Secrets, its values, and uses of its env entries.
func (d *destroyer) references(removed []recordEdit) error {
	d.valueReferences(removed)
	find, err := regexp.Compile(strings.Join(d.patterns(removed), "|"))
	if err != nil {
		return err
	}
	files, err := d.repo.Files(".")
	if err != nil {
		return err
	}
	for _, file := range files {
		if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" && ext != ".tpl" && ext != ".json" {
			continue
		}
		if strings.HasPrefix(file, recordFolder+"/") {
			continue // what a record says is in the files it is about
		}
		if d.rec.Folder == "deployments" && path.Dir(file) == "." {
			continue // nothing deploys what is at the top
		}
		_, src, err := d.plan.current(d.repo, file)
		if err != nil || src == nil {
			continue // what cannot be read cannot be checked; destroy does not touch it
		}
		// A chart's own templates say {{ .Chart.Name }}-redis-master.
		inChart := d.app.Dir != "" && strings.HasPrefix(file, d.app.Path("templates")+"/")
		for i, line := range strings.Split(string(src), "\n") {
			if inChart {
				line = chartInName.ReplaceAllLiteralString(line, d.rec.Application)
			}
			m := find.FindStringSubmatchIndex(line)
			if m == nil || isComment(line) {
				continue
			}
			for g := 2; g < len(m); g += 2 {
				if m[g] >= 0 {
					d.plan.conflict(finding.Position{File: file, Line: i + 1, Column: m[g] + 1}, "",
						"still refers to "+line[m[g]:m[g+1]]+"; change it first, or use --force", "", "")
					break
				}
			}
		}
	}
	return nil
}

// patterns returns regular expressions, each with one group: what is referred to.
func (d *destroyer) patterns(removed []recordEdit) []string {
	words := d.names()
	slices.Sort(words)
	var patterns []string
	for _, w := range slices.Compact(words) {
		patterns = append(patterns, `(?:^|[^a-z0-9-])(`+regexp.QuoteMeta(w)+`)(?:[^a-z0-9-]|$)`)
	}
	for _, e := range removed {
		if len(e.Path) == 1 && e.Path[0] == "env" {
			for _, k := range e.Keys {
				if k != "" {
					patterns = append(patterns, `(\$\(`+regexp.QuoteMeta(k)+`\))`)
				}
			}
		}
	}
	if len(patterns) == 0 {
		patterns = []string{`$^`} // nothing
	}
	return patterns
}

// names returns the names by which others know what is to be removed.
func (d *destroyer) names() []string {
	var words []string
	application := d.rec.Application
	if d.rec.Folder == "resources" {
		words = append(words, d.services()...)
	}
	for i, f := range d.rec.Files {
		if d.plan.removes(f.Path) && i > 0 && d.rec.Values["auth"] != "" {
			words = append(words, d.rec.Values["auth"])
		}
		if d.rec.Folder == "deployments" {
			for o := range objects(f.Text, application) {
				if o.name != application {
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
	operator, err := cue.OperatorNamed(cmp.Or(d.rec.Operator, cue.DefaultOperator()))
	if err != nil {
		return nil // of a later version
	}
	var words []string
	for _, version := range operator.Versions {
		// The problems of a name do not matter any more.
		names, _ := operator.Names(cue.Request{Chart: d.rec.Application, Suffix: d.rec.Placeholders["suffix"], Version: version})
		words = append(words, names.MasterService, names.SentinelService)
		for _, o := range names.Objects {
			if o.Kind == "Service" && o.Name != names.Resource {
				words = append(words, o.Name)
			}
		}
	}
	return words
}

// removes reports whether the plan removes a file.
func (p *Plan) removes(file string) bool {
	return slices.ContainsFunc(p.Files, func(f FileChange) bool { return f.Path == file && f.Action == Remove })
}

// valueReferences meets templates and value files that read a value which is to be removed.
func (d *destroyer) valueReferences(removed []recordEdit) {
	if d.app.Dir == "" {
		return
	}
	for _, e := range removed {
		if e.File != d.app.Path("values.yaml") || len(e.Path) != 1 || e.Path[0] == "env" || e.Path[0] == "envFrom" {
			continue
		}
		for _, k := range e.Keys {
			if k == "" {
				continue
			}
			for _, read := range d.values.below(e.Path[0], k) {
				d.plan.conflict(read.At, "", "still refers to .Values."+strings.Join(read.Path, ".")+"; change it first, or use --force", "", "")
			}
		}
	}
}
