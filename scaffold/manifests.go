package scaffold

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// manifestDir returns the directory into which manifests of an application go, so that they are deployed: the templates of a chart, the
// base of overlays.
func manifestDir(r *repo.Repo, app *repo.App) (string, error) {
	switch app.Kind {
	case repo.Chart:
		return app.Path("templates"), nil
	case repo.Kustomize:
		return baseDir(r, app)
	}
	return app.Dir, deploysManifests(r, app)
}

// kustomizationIn returns the kustomization file of a directory, "" if it has none.
func kustomizationIn(r *repo.Repo, dir string) string {
	for _, name := range kustomizationNames {
		if info, err := r.Fs().Stat(path.Join(dir, name)); err == nil && !info.IsDir() {
			return path.Join(dir, name)
		}
	}
	return ""
}

// baseDir returns the directory of the kustomization that all others of an application build on.
func baseDir(r *repo.Repo, app *repo.App) (string, error) {
	files, err := r.Files(app.Dir)
	if err != nil {
		return "", err
	}
	uses := map[string][]string{} // the directories that a kustomization lists, by its own
	for _, f := range files {
		if !slices.Contains(kustomizationNames, path.Base(f)) {
			continue
		}
		src, err := r.ReadFile(f)
		if err != nil {
			return "", err
		}
		for _, key := range []string{"namePrefix", "nameSuffix"} {
			if v, at := lookup(f, src, key); v != nil && v != "" {
				return "", finding.Errorf(at, key, "kustomize would rename the Redis, but not its Secret, selectors and URLs; remove it, or move the Redis to its own chart")
			}
		}
		dir := path.Dir(f)
		uses[dir] = nil
		for _, key := range []string{"resources", "bases"} {
			list, _ := lookup(f, src, key)
			for _, item := range asList(list) {
				if name, ok := item.(string); ok {
					uses[dir] = append(uses[dir], path.Join(dir, name))
				}
			}
		}
	}
	if _, ok := uses[app.Dir]; ok {
		return app.Dir, nil
	}
	var bases []string
	for _, dir := range sortedKeys(uses) {
		used := slices.ContainsFunc(sortedKeys(uses), func(by string) bool { return slices.Contains(uses[by], dir) })
		builds := slices.ContainsFunc(uses[dir], func(d string) bool { _, ok := uses[d]; return ok })
		if !builds && (used || len(uses) == 1) {
			bases = append(bases, dir)
		}
	}
	if len(bases) != 1 {
		return "", finding.Errorf(finding.Position{File: app.Dir}, "", "has overlays, but not one base that all of them list; set layout.applications to the directory of the base")
	}
	return bases[0], nil
}

// deploysManifests refuses a directory in which nothing deploys manifests: one that only holds values of a chart from elsewhere.
func deploysManifests(r *repo.Repo, app *repo.App) error {
	files, err := r.Files(app.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	values := ""
	for _, f := range files {
		if ext := path.Ext(f); ext != ".yaml" && ext != ".yml" && ext != ".json" {
			continue
		}
		src, err := r.ReadFile(f)
		if err != nil {
			return err
		}
		docs, _ := repo.ParseDocuments(f, src)
		if slices.ContainsFunc(docs, func(d *repo.Document) bool { return d.Kind() != "" && d.APIVersion() != "" }) {
			return nil
		}
		if values == "" && strings.Contains(path.Base(f), "values") {
			values = f
		}
	}
	if values == "" {
		return nil
	}
	return finding.Errorf(finding.Position{File: values}, "",
		"the directory only contains values of a chart from elsewhere, so a manifest in it would not be deployed; run `redis-gitops generate application %[1]s-redis` and `redis-gitops generate resource %[1]s-redis redis`, then add the printed variables to these values",
		app.Name)
}
