package scaffold

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/finding"
	"github.com/redis-gitops/redis-gitops/repo"
)

// operators has a directory for each operator that is installed in another way than the one of skeleton, with the files that differ.
//
//go:embed skeleton operators
var skeleton embed.FS

// InitRequest asks for a new repository.
type InitRequest struct {
	Operator string // that the repository installs and generates resources for; "" is the configuration's
}

// PlanInit plans a new devops repository. In one that exists it adds only what is missing: a file that is there stays,
// whatever it says, and so does a folder of generators, platform applications or an Argo CD root of the repository's own.
//
// What the repository has already decides what fits: the URL of its remote, Argo CD or Flux, the host of its CI, and where its applications are.
func PlanInit(ctx context.Context, r *repo.Repo, req InitRequest) (*Plan, error) {
	p := &Plan{Command: "init"}
	configured, err := configuredOperator(r)
	if err != nil {
		return nil, err
	}
	operator, err := generatable(cmp.Or(req.Operator, configured))
	if err != nil {
		return nil, err
	}
	files, err := skeletonFiles(operator)
	if err != nil {
		return nil, err
	}
	if operator.Name != cue.DefaultOperator() {
		p.Command += " --operator " + operator.Name
	}
	around, err := lookAround(ctx, r)
	if err != nil {
		return nil, err
	}
	next := around.fit(p, files)
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
		case own[part(f)] && part(f) != f && !around.beside[f]:
			p.Notes = append(p.Notes, f+" is skipped: "+part(f)+" already exists")
		default:
			p.write(f, nil, files[f])
		}
	}
	if old, err := readIfThere(r, cue.ConfigFile); err != nil {
		return nil, err
	} else if old != nil && configured != operator.Name {
		p.Notes = append(p.Notes, cue.ConfigFile+" is kept and is about operator "+quoted(configured)+"; set operator.name to "+operator.Name)
	}
	if p.Changed() {
		if status := operator.Status(); status.State == "commercial" {
			next = append(next, "install the operator "+quoted(operator.Name)+", which "+status.Note)
		}
		p.Next = append(next, "redis-gitops generate application APP")
	}
	return p, nil
}

// part returns the part of the repository that a file belongs to: its folder, or at the top the file itself. Each component of the platform
// is one of its own.
func part(file string) string {
	if component, ok := strings.CutPrefix(file, "platform/"); ok {
		name, _, _ := strings.Cut(component, "/")
		return "platform/" + name
	}
	folder, _, ok := strings.Cut(file, "/")
	if !ok || strings.HasPrefix(folder, ".") {
		return file
	}
	return folder
}

// configuredOperator returns the operator that the repository's configuration names, or the default one. Who uses a broken configuration
// reports what is wrong with it.
func configuredOperator(r *repo.Repo) (string, error) {
	src, err := readIfThere(r, cue.ConfigFile)
	if err != nil {
		return "", err
	}
	config, err := cue.LoadConfig(cue.ConfigFile, src)
	if err != nil {
		return cue.DefaultOperator(), nil
	}
	return config.Operator.Name, nil
}

// generatable returns an operator whose resources can be generated.
func generatable(name string) (*cue.Operator, error) {
	o, err := cue.OperatorNamed(name)
	if err == nil && len(o.Types) == 0 {
		err = &finding.Problem{Message: fmt.Sprintf("resources of operator %q cannot be generated; set --operator to %s", name, finding.OneOf(cue.GeneratedNames()))}
	}
	return o, err
}

// skeletonFiles returns the files of a new repository. Names that tools would take for their own here are stored without
// their dot.
func skeletonFiles(o *cue.Operator) (map[string][]byte, error) {
	files := map[string][]byte{"applications/.gitkeep": {}}
	if err := readSkeleton("skeleton", files); err != nil {
		return nil, err
	}
	own := map[string][]byte{}
	if err := readSkeleton("operators/"+o.Name, own); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// One with an Application of its own is installed from a chart, without the kustomization.
	if own["platform-applications/redis-operator.yaml"] != nil {
		maps.DeleteFunc(files, func(name string, _ []byte) bool { return strings.HasPrefix(name, "platform/") })
	}
	if len(own) == 0 && o.Name != cue.DefaultOperator() { // nothing to install, or nothing that we can
		maps.DeleteFunc(files, func(name string, _ []byte) bool {
			return strings.HasPrefix(name, "platform/") || name == "platform-applications/redis-operator.yaml"
		})
		files["platform-applications/.gitkeep"] = []byte{} // for argocd-root.yaml
		replaceIn(files, "README.md", "| `platform/` | shared components: the Redis operator |\n", "")
	}
	maps.Copy(files, own)
	config, err := cue.ConfigTemplate()
	if err != nil {
		return nil, err
	}
	if o.Name != cue.DefaultOperator() {
		config = bytes.Replace(config, []byte("\n# operator:\n"), []byte("\noperator:\n"), 1)
		config = bytes.Replace(config, []byte("\n#   name: "+cue.DefaultOperator()+"\n"), []byte("\n  name: "+o.Name+"\n"), 1)
	}
	files[cue.ConfigFile] = config
	for _, typ := range o.Types {
		files["generators/resources/"+typ+".yaml"] = o.Template(typ)
	}
	return files, nil
}

// readSkeleton adds the embedded files below a directory.
func readSkeleton(dir string, files map[string][]byte) error {
	return fs.WalkDir(skeleton, dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := skeleton.ReadFile(path)
		name := strings.TrimPrefix(path, dir+"/")
		for _, dotted := range []string{"github/", "gitattributes", "gitlab-ci.yml", "pre-commit-config.yaml"} {
			if strings.HasPrefix(name, dotted) {
				name = "." + name
			}
		}
		files[name] = src
		return err
	})
}
