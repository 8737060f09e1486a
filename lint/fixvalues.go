package lint

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

// maxBeside is how many value files beside a chart are tried.
const maxBeside = 20

// valuesBeside returns the value files below a chart that nothing in the repository names: somebody may deploy with them all the
// same, from outside or by hand. A file counts when it is a mapping, is no Kubernetes object and sets a key that values.yaml has.
func (l *linter) valuesBeside(t render.Target, targets []render.Target) [][]string {
	first := slices.IndexFunc(targets, func(o render.Target) bool { return o.Dir == t.Dir && o.Kind == t.Kind })
	if first < 0 || targets[first].Deployment != t.Deployment {
		return nil // one way to deploy the chart is enough
	}
	own := l.topKeys(t.Dir + "/values.yaml")
	var sets [][]string
	for _, file := range l.filesBelow(t.Dir) {
		rel := strings.TrimPrefix(file, t.Dir+"/")
		top, _, below := strings.Cut(rel, "/")
		switch ext := path.Ext(file); {
		case ext != ".yaml" && ext != ".yml", below && slices.Contains([]string{"templates", "charts", "crds"}, top):
			continue
		case rel == "values.yaml" || rel == "Chart.yaml" || l.has(path.Dir(file)+"/Chart.yaml") && path.Dir(file) != t.Dir:
			continue
		case slices.ContainsFunc(targets, func(o render.Target) bool { return o.Dir == t.Dir && names(o, file) }):
			continue
		case slices.ContainsFunc(l.config.Values, func(set []string) bool {
			return len(set) == 1 && l.valueFile(t.Dir, set[0]) == file
		}):
			continue
		}
		if !slices.ContainsFunc(l.topKeys(file), func(key string) bool { return slices.Contains(own, key) }) {
			continue
		}
		if sets = append(sets, []string{rel}); len(sets) == maxBeside {
			break
		}
	}
	return sets
}

// names reports whether a target renders with a value file already.
func names(t render.Target, file string) bool {
	return slices.Contains(valueFiles(&t), file)
}

// topKeys returns the keys at the top of a value file; none for anything else.
func (l *linter) topKeys(file string) []string {
	src, err := l.repo.ReadFile(file)
	if err != nil {
		return nil
	}
	docs, err := repo.ParseDocuments(file, src)
	if err != nil || len(docs) != 1 || docs[0].Node.Kind != yaml.MappingNode || docs[0].Kind() != "" || docs[0].APIVersion() != "" {
		return nil
	}
	var keys []string
	for i := 0; i+1 < len(docs[0].Node.Content); i += 2 {
		keys = append(keys, docs[0].Node.Content[i].Value)
	}
	return keys
}
