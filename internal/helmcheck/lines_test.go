package helmcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// lines counts how often the lines that we report are right.
type lines struct {
	keys, right         int // keys of mappings; those whose template line has the key
	byValue             int // those that a value brings, of which the line in the value file has the key
	computed            int // those that a function gives, such as include, on whose line they are then
	misses              []string
	values, rightValues int // scalars that are a value and nothing else; those whose line in the value file has them
	wrongValues         []string
}

// computes matches lines on which a function gives mappings that are no value: their keys are nowhere else.
var computes = regexp.MustCompile(`\{\{.*\b(include |template |tpl |toYaml \(|AsConfig|AsSecrets)`)

// TestLines holds the lines that we report against the files, for every key of every resource of every chart that there is,
// and for every value that is used as it is.
func TestLines(t *testing.T) {
	helm := strings.TrimSpace(command(t, "go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v4"))
	for _, where := range []struct{ name, dir string }{
		{"example", filepath.Join(root, "examples")},
		{"corpus", filepath.Join(shared, "corpus")},
		{"generators", generated(t)},
		{"Helm's own", helm},
	} {
		t.Run(where.name, func(t *testing.T) {
			var l lines
			for _, dir := range charts(t, where.dir) {
				l.chart(t, unpacked(t, dir))
			}
			t.Logf("keys: %d, in the template line %d, by a value %d, given by a function %d, missed %d; values: %d, right %d",
				l.keys, l.right, l.byValue, l.computed, len(l.misses), l.values, l.rightValues)
			for _, miss := range slices.Concat(l.misses, l.wrongValues) {
				t.Log(miss)
			}
			if l.keys == 0 {
				t.Skip("no charts here")
			}
			if len(l.misses)*100 > l.keys || len(l.wrongValues)*100 > l.values {
				t.Errorf("more than 1 %% of the lines are wrong")
			}
		})
	}
}

// generated makes a chart of every generator of Reclaim the Stack, as k does, with the values that it shows.
func generated(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, kind := range []string{"resources", "deployments"} {
		files, err := filepath.Glob(filepath.Join(corpus, "generators", kind, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text := strings.NewReplacer("%{application}", "shop", "%{camelName}", "main", "%{name}", "main", "%{suffix}", "-x", "%{deployment}", "web").Replace(readFile(t, file))
			_, example, found := strings.Cut(text, "# Example values.yaml:\n")
			if !found {
				continue
			}
			var values strings.Builder
			for line := range strings.Lines(example) {
				line, ok := strings.CutPrefix(line, "#")
				if !ok {
					break
				}
				values.WriteString(strings.TrimPrefix(line, " "))
			}
			chart := filepath.Join(dir, kind+"-"+strings.TrimSuffix(filepath.Base(file), ".yaml"))
			if err := os.MkdirAll(filepath.Join(chart, "templates"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "values.yaml": values.String(), "templates/t.yaml": text} {
				if err := os.WriteFile(filepath.Join(chart, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return dir
}

func (l *lines) chart(t *testing.T, dir string) {
	fsys, err := rootfs.Open(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := render.Render(t.Context(), r, render.Target{Dir: filepath.Base(dir), Kind: repo.Chart}, render.Options{})
	if err != nil {
		return
	}
	texts := map[string][]string{}
	line := func(file string, n int) string {
		if texts[file] == nil {
			src, err := r.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = strings.Split(string(src), "\n")
		}
		if n < 1 || n > len(texts[file]) {
			return ""
		}
		return texts[file][n-1]
	}
	for _, resource := range result.Resources {
		var visit func(n *yaml.Node)
		visit = func(n *yaml.Node) {
			for i, c := range n.Content {
				if n.Kind == yaml.MappingNode && i%2 == 0 {
					l.key(resource.Origin(c), c, line)
				} else {
					l.value(resource.Origin(c), c, line)
					visit(c)
				}
			}
		}
		visit(resource.Node)
	}
}

func (l *lines) key(o render.Origin, n *yaml.Node, line func(string, int) string) {
	l.keys++
	text := line(o.Source.File, o.Source.Line)
	switch {
	case strings.Contains(text, n.Value):
		l.right++
	case slices.ContainsFunc(o.Values, func(v render.ValueOrigin) bool {
		return v.Key.File != "" && strings.Contains(line(v.Key.File, v.Key.Line), n.Value)
	}):
		l.byValue++
	case computes.MatchString(text), n.Value == "global" && strings.Contains(text, "toYaml"): // Helm adds global to all values
		l.computed++
	default:
		l.misses = append(l.misses, fmt.Sprintf("key %q: %s: %s", n.Value, o.Source, text))
	}
}

func (l *lines) value(o render.Origin, n *yaml.Node, line func(string, int) string) {
	if !o.Alone {
		return
	}
	l.values++
	at := o.Values[0].At
	if text := line(at.File, at.Line); strings.Contains(text, n.Value) || strings.Contains(n.Value, "\n") || strings.Contains(text, `\`) {
		l.rightValues++
	} else {
		l.wrongValues = append(l.wrongValues, fmt.Sprintf("value %q: %s: %s", n.Value, at, text))
	}
}
