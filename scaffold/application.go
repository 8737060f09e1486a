package scaffold

import (
	"fmt"
	"path"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// ApplicationRequest asks for a new application.
type ApplicationRequest struct {
	App       string
	Kustomize bool // a kustomization in the place of a chart
	Conflicts OnConflict
}

// PlanApplication plans a new application: a chart with empty values and their JSON Schema, or a kustomization.
func PlanApplication(r *repo.Repo, req ApplicationRequest) (*Plan, error) {
	if err := repo.CheckName("application name", req.App); err != nil {
		return nil, err
	}
	dir, err := applicationDir(r, req.App)
	if err != nil {
		return nil, err
	}
	p := &Plan{Command: "generate application " + req.App}
	schema, err := cue.ValuesJSONSchema()
	if err != nil {
		return nil, err
	}
	files := applicationFiles(req.App, req.Kustomize, string(schema))
	rec := &record{}
	for _, f := range files {
		old, err := readIfThere(r, path.Join(dir, f.name))
		if err != nil {
			return nil, err
		}
		// An application that is at work has other values by now: that is no conflict, it is what applications are for.
		if old != nil && req.Conflicts != Replace {
			p.write(path.Join(dir, f.name), old, old)
			continue
		}
		if err := p.create(r, rec, path.Join(dir, f.name), f.text, req.Conflicts, "", req.App); err != nil {
			return nil, err
		}
	}
	if !p.Changed() {
		p.Notes = append(p.Notes, "application "+req.App+" already exists")
		return p, nil
	}
	p.Next = []string{"redis-gitops generate resource " + req.App + " redis"}
	return p, nil
}

// applicationFile is a file of a new application, by its name in the application's folder.
type applicationFile struct{ name, text string }

// applicationFiles returns the files of a new application, with the schema of its values. The first one makes it an application.
func applicationFiles(name string, kustomize bool, schema string) []applicationFile {
	if kustomize {
		return []applicationFile{{"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n"}}
	}
	return []applicationFile{
		{"Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: %s\ntype: application\nversion: 1.0.0\nappVersion: 1.0.0\n", name)},
		{"values.yaml", "deployments: {}\nresources: {}\nenvFrom: []\nenv: []\n"},
		{schemaFile, schema},
		{"templates/.gitkeep", ""},
	}
}

// schemaFile is the one file of an application that differs between versions of the tool.
const schemaFile = "values.schema.json"

// applicationDir returns the folder of a new application: in the first layout glob that has its name last.
func applicationDir(r *repo.Repo, name string) (string, error) {
	for _, glob := range r.Layout().Applications {
		if dir, ok := strings.CutSuffix(glob, "/*"); ok && !strings.ContainsAny(dir, "*?[") {
			return path.Join(dir, name), nil
		}
	}
	return "", finding.Errorf(finding.Position{File: cue.ConfigFile}, "layout.applications", "no entry has the form DIRECTORY/*, so a new application cannot be placed; create its directory manually")
}
