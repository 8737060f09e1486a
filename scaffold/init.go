package scaffold

import (
	"embed"
	"io/fs"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

//go:embed skeleton
var skeleton embed.FS

// PlanInit plans a new devops repository. In one that exists it adds only what is missing: a file that is there stays,
// whatever it says, and so does a folder of generators, platform applications or an Argo CD root of the repository's own.
func PlanInit(r *repo.Repo) (*Plan, error) {
	p := &Plan{Command: "init"}
	files, err := skeletonFiles()
	if err != nil {
		return nil, err
	}
	have, err := r.Files(".")
	if err != nil {
		return nil, err
	}
	// A part that the repository has made in its own way is not made a second time.
	own := map[string]bool{}
	for _, f := range have {
		own[part(f)] = true
	}
	for _, f := range sortedKeys(files) {
		old, err := readIfThere(r, f)
		if err != nil {
			return nil, err
		}
		switch {
		case old != nil:
			p.write(f, old, old)
		case own[part(f)] && part(f) != f:
			p.Notes = append(p.Notes, f+" is skipped: "+part(f)+" already exists")
		default:
			p.write(f, nil, files[f])
		}
	}
	if p.Changed() {
		p.Next = []string{"set the URL of this repository in argocd-root.yaml and platform-applications/", "redis-gitops generate application APP"}
	}
	return p, nil
}

// part returns the part of the repository that a file belongs to: its folder, or at the top the file itself.
func part(file string) string {
	folder, _, ok := strings.Cut(file, "/")
	if !ok || strings.HasPrefix(folder, ".") {
		return file
	}
	return folder
}

// skeletonFiles returns the files of a new repository. Names that tools would take for their own here are stored without
// their dot.
func skeletonFiles() (map[string][]byte, error) {
	files := map[string][]byte{"applications/.gitkeep": {}}
	err := fs.WalkDir(skeleton, "skeleton", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := skeleton.ReadFile(path)
		name := strings.TrimPrefix(path, "skeleton/")
		for _, dotted := range []string{"github/", "gitlab-ci.yml", "pre-commit-config.yaml"} {
			if strings.HasPrefix(name, dotted) {
				name = "." + name
			}
		}
		files[name] = src
		return err
	})
	if err != nil {
		return nil, err
	}
	if files[cue.ConfigFile], err = cue.ConfigTemplate(); err != nil {
		return nil, err
	}
	config, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		return nil, err
	}
	o, err := cue.OperatorNamed(config.Operator.Name)
	if err != nil {
		return nil, err
	}
	for _, typ := range o.Types {
		files["generators/resources/"+typ+".yaml"] = o.Template(typ)
	}
	return files, nil
}
