package scaffold

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo/yamledit"
)

// adoption is a migration in one stage: another operator takes over the resources as they are, with their pods and volumes. A cluster has
// one of the two operators, so all resources of the old one come along.
func (m *migration) adoption() (*Migration, error) {
	out := &Migration{From: m.name, To: m.name, Operator: m.target.Name, Way: Adopt, Lost: []Lost{}}
	out.Stages = newStages("migrate "+m.app.Name+" "+m.name+" --to "+m.target.Name, []Stage{{
		Title: fmt.Sprintf("write every Redis of operator %q for operator %q, which takes them over", m.target.Migrates().Adopts[0], m.target.Name),
		Then:  "the migration is complete when redis-gitops doctor has nothing to report",
	}}, func(int) bool { return m.operator.Name == m.target.Name })
	return out, nil
}

// adopt rewrites all resources of the old operator, and what installs it.
func (m *migration) adopt(ctx context.Context) error {
	apps, err := m.repo.Apps()
	if err != nil {
		return err
	}
	for _, app := range apps {
		all, err := m.recordsOf(app.Name)
		if err != nil {
			return err
		}
		for _, rec := range all {
			if operatorOf(rec) != m.operator.Name {
				continue
			}
			if rec.Rotation != nil || rec.Migration != nil && slices.ContainsFunc(all, func(o *record) bool { return o.Name == rec.Migration.From }) {
				return finding.Errorf(finding.Position{File: recordPath(app.Name, rec.Name)}, "", "a rotation or migration of it is under way; finish it first")
			}
			rec.Operator, rec.Generator = m.target.Name, builtInGenerator+rec.Type+".yaml"
			rec.Command = strings.Replace(rec.Command, " "+app.Name+" "+rec.Type, " "+app.Name+" "+rec.Type+" --operator "+m.target.Name, 1)
			if err := updateOne(ctx, m.plan, m.repo, m.config, app, rec, nil, Refuse); err != nil {
				return err
			}
		}
	}
	if err := m.reinstall(); err != nil {
		return err
	}
	values, err := m.valuesOf(m.rec)
	if err != nil {
		return err
	}
	next, err := m.target.Next(values)
	m.plan.Next = append(m.plan.Next, "before the merge, apply the CustomResourceDefinition of the new operator: Helm does not update it, and set the old operator's Deployment to 0 replicas: both would act on the same resources")
	m.plan.Next = append(m.plan.Next, next...)
	return err
}

// reinstall replaces the files of init that install the old operator, and names it in the configuration.
func (m *migration) reinstall() error {
	before, err := skeletonFiles(m.operator)
	if err != nil {
		return err
	}
	after, err := skeletonFiles(m.target)
	if err != nil {
		return err
	}
	for _, file := range sortedKeys(after) {
		if bytes.Equal(before[file], after[file]) || !strings.HasPrefix(file, "platform") && !strings.HasPrefix(file, "generators/") {
			continue
		}
		old, err := readIfThere(m.repo, file)
		switch {
		case err != nil:
			return err
		case old == nil:
		case bytes.Equal(old, before[file]):
			m.plan.write(file, old, after[file])
		case !bytes.Equal(old, after[file]):
			m.plan.Notes = append(m.plan.Notes, file+" differs from what init writes for operator "+quoted(m.operator.Name)+"; change it manually")
		}
	}
	return m.configure()
}

// configure writes the name of the operator into the configuration, where it has another or none.
func (m *migration) configure() error {
	old, err := readIfThere(m.repo, cue.ConfigFile)
	if err != nil || m.config.Operator.Name == m.target.Name {
		return err
	}
	path := []string{"operator"}
	var out []byte
	name, at := lookup(cue.ConfigFile, old, "operator", "name")
	if name != nil {
		out, _, err = yamledit.SetScalar(old, append(path, "name"), m.target.Name)
	} else {
		out, _, err = yamledit.AddEntry(old, path, yamledit.Entry("name: "+m.target.Name+"\n"))
	}
	if version, at := lookup(cue.ConfigFile, old, "operator", "version"); err == nil && version != nil {
		return finding.Errorf(at, "operator.version", "is that of operator %q; remove it first", m.operator.Name)
	}
	if err != nil {
		return finding.Errorf(at, "operator.name", "cannot be changed: %v; set it to %s first", err, m.target.Name)
	}
	m.plan.write(cue.ConfigFile, old, out)
	return nil
}
