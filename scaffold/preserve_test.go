package scaffold

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
)

var deps = Deps{Random: rand.Reader, Now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}

// shop makes a repository in memory with one application of the given values.
func shop(t *testing.T, values string) *repo.Repo {
	t.Helper()
	mem := afero.NewMemMapFs()
	for name, text := range map[string]string{
		"applications/shop/Chart.yaml":         "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
		"applications/shop/values.yaml":        values,
		"applications/shop/templates/.gitkeep": "",
	} {
		if err := afero.WriteFile(mem, name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := repo.Open(mem, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func config(t *testing.T, text string) *cue.Config {
	t.Helper()
	c, err := cue.LoadConfig(cue.ConfigFile, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, r *repo.Repo, name string) string {
	t.Helper()
	src, err := r.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// roundTrip generates two Redis instances in a values file and destroys them in the given order. What generate changed must be
// added lines, save those that held the collections, and what destroy leaves must be the original.
func roundTrip(t *testing.T, values string, order ...string) {
	t.Helper()
	r := shop(t, values)
	c := config(t, "")
	for _, name := range slices.Sorted(slices.Values(order)) {
		suffix := strings.TrimPrefix(strings.TrimPrefix(name, "redis"), "-")
		p, err := PlanResource(context.Background(), r, c, deps, ResourceRequest{App: "shop", Suffix: suffix})
		if err != nil {
			t.Errorf("generate: %v", err)
			return
		}
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
		again, err := PlanResource(context.Background(), r, c, deps, ResourceRequest{App: "shop", Suffix: suffix})
		if err != nil {
			t.Errorf("generate again: %v", err)
		} else if again.Changed() {
			t.Errorf("a second run changes something:\n%s", again.Diff())
		}
	}
	after := read(t, r, "applications/shop/values.yaml")
	if lost := lostLines(values, after); len(lost) > 2 {
		t.Errorf("lines are lost: %q", lost)
	} else {
		for _, l := range lost {
			if !mayChange.MatchString(l) {
				t.Errorf("the line %q is lost", l)
			}
		}
	}
	for _, name := range order {
		p, err := PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: name})
		if err != nil {
			t.Errorf("destroy %s: %v", name, err)
			return
		}
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
	}
	if back := read(t, r, "applications/shop/values.yaml"); back != values {
		t.Errorf("after destroy in the order %v:\n%q\nwant\n%q", order, back, values)
	}
}

// mayChange matches lines that cannot stay: collections that are empty or in flow style.
var mayChange = regexp.MustCompile(`^\x{feff}?(resources|env)\s*:.*[{\[~]|^(resources|env)\s*:\s*null`)

// lostLines returns the lines of before that are not in after, in order.
func lostLines(before, after string) []string {
	split := func(s string) []string {
		return strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	}
	var lost []string
	rest := split(after)
	for _, l := range split(before) {
		found := -1
		for i, r := range rest {
			if r == l {
				found = i
				break
			}
		}
		if found < 0 && l != "" {
			lost = append(lost, l)
			continue
		}
		if found >= 0 {
			rest = rest[found+1:]
		}
	}
	return lost
}

var valuesFiles = map[string]string{
	"fresh":              "deployments: {}\nresources: {}\nenvFrom: []\nenv: []\n",
	"empty":              "",
	"comments only":      "# nothing yet\n",
	"missing keys":       "image: shop:1 # pinned\n",
	"no final newline":   "image: shop:1\nresources: {}\nenv: []",
	"missing, no end":    "image: shop:1",
	"comments":           "# top\nresources: # of the shop\n  # the database\n  postgres:\n    disk: 1Gi # small\n  # spare:\n  #   disk: 2Gi\n\n# the environment\nenv: # of all\n  - name: RAILS_ENV # set\n    value: production\n  # - name: DEBUG\n\n# end\n",
	"4 spaces":           "resources:\n    postgres:\n        disk: 1Gi\nenv:\n    - name: A\n      value: b\n",
	"compact list":       "env:\n- name: A\n  value: b\nresources:\n  postgres:\n    disk: 1Gi\n",
	"CRLF":               "resources:\r\n  postgres:\r\n    disk: 1Gi\r\nenv: []\r\nlast: 1\r\n",
	"CRLF fresh":         "deployments: {}\r\nresources: {}\r\nenvFrom: []\r\nenv: []\r\n",
	"flow map":           "resources: { postgres: { disk: 1Gi } }\nenv: [ { name: A, value: b } ]\n",
	"flow with comments": "resources: { postgres: { disk: 1Gi } } # kept\nenv: [] # kept too\n",
	"anchors":            "base: &base\n  cpu: 100m\nresources: &r\n  postgres:\n    <<: *base\nenv: &e []\n",
	"null":               "resources:\nenv: ~\n",
	"null with comment":  "resources: # none\nenv: null # none\n",
	"byte order mark":    "\uFEFFresources: {}\nenv: []\n",
	"document start":     "---\nresources: {}\nenv: []\n",
	"literal at the end": "resources: {}\nenv: []\nscript: |\n  echo\n  # text\n",
}

func TestBytePreservation(t *testing.T) {
	for name, values := range valuesFiles {
		t.Run(name, func(t *testing.T) {
			roundTrip(t, values, "redis", "redis-cache")
			roundTrip(t, values, "redis-cache", "redis")
		})
	}
}

// TestBytePreservationCorpus takes every YAML mapping of the public repositories as a values file.
func TestBytePreservationCorpus(t *testing.T) {
	root := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpus of public manifests is not here")
	}
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		docs, err := repo.ParseDocuments("values.yaml", src)
		if err != nil || len(docs) != 1 || docs[0].Node.Kind != yaml.MappingNode {
			return nil
		}
		// Manifests whose `resources` or `env` is of another kind are no values files.
		for key, kind := range map[string]yaml.Kind{"resources": yaml.MappingNode, "env": yaml.SequenceNode} {
			if n := docs[0].Get(key); n != nil && n.Kind != kind {
				return nil
			}
		}
		if !strings.Contains(filepath.Base(path), "values") && files%7 != 0 {
			files++
			return nil // one in seven of the others: they differ little
		}
		files++
		t.Run(filepath.ToSlash(path[len(root)+1:]), func(t *testing.T) {
			order := []string{"redis", "redis-cache"}
			if docs[0].Get("resources", "redis") != nil {
				order = []string{"redis-one", "redis-two"} // it has those of k already
			}
			if files%2 == 0 {
				slices.Reverse(order)
			}
			roundTrip(t, string(src), order...)
			if strings.Contains(filepath.Base(path), "values") {
				slices.Reverse(order)
				roundTrip(t, string(src), order...)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were found", files)
	}
}

// TestRandomRequests checks what a person would check: names Kubernetes takes, a maxmemory Redis takes and that fits, and a
// second run that changes nothing.
func TestRandomRequests(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	memories := []string{"0.3Gi", "0.7Gi", "1.25Gi", "1500Mi", "2.2Gi", "32Mi", "33.5Mi", "100Mi", "8Gi", "64Gi"}
	c := config(t, "operator:\n  namespace: redis-operator\n")
	maxmemory := regexp.MustCompile(`(?m)^ *- maxmemory (\S+)$`)
	tooLong := 0
	for i := range 150 {
		memory := memories[random.IntN(len(memories))]
		if i%3 == 0 {
			memory = fmt.Sprintf("%.*f%s", random.IntN(3), 1+random.Float64()*40, []string{"Gi"}[0])
		}
		name := func(longest int) string {
			b := []byte{"abcxyz"[random.IntN(6)]}
			for range random.IntN(longest) {
				b = append(b, "abcdefxyz0189-"[random.IntN(14)])
			}
			return strings.TrimRight(string(b), "-")
		}
		app := name(30)
		req := ResourceRequest{App: app, Set: map[string]cue.LayerValue{"memory": {Value: memory}}}
		if random.IntN(2) == 0 {
			req.Suffix = name(30)
		}
		req.Profile = []string{"", "cache", "queue", "store", "dev"}[random.IntN(5)]
		if random.IntN(2) == 0 {
			req.Auth = Auth{Method: Existing, Secret: "some-secret"}
		}
		r := shop(t, valuesFiles["fresh"])
		created, err := PlanApplication(r, ApplicationRequest{App: app})
		if err == nil {
			err = created.Apply(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := PlanResource(context.Background(), r, c, deps, req)
		if length := len(app + "-" + req.Suffix); req.Suffix != "" && length > 48 {
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has %d characters, 48 allowed", length)) {
				t.Errorf("%+v: got %v", req, err)
			}
			tooLong++
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", req, err)
		}
		if err := p.Apply(r); err != nil {
			t.Fatal(err)
		}
		again, err := PlanResource(context.Background(), r, c, deps, req)
		if err != nil || again.Changed() {
			t.Fatalf("%+v: a second run: %v\n%s", req, err, again.Diff())
		}
		var values map[string]any
		if err := yaml.Unmarshal([]byte(read(t, r, "applications/"+app+"/values.yaml")), &values); err != nil {
			t.Fatal(err)
		}
		file := "redis"
		if req.Suffix != "" {
			file += "-" + req.Suffix
		}
		out, err := render.Template(context.Background(), file, read(t, r, "applications/"+app+"/templates/"+file+".yaml"), render.Input{Chart: app, Values: values})
		if err != nil {
			t.Fatalf("%+v: %v", req, err)
		}
		docs, err := repo.ParseDocuments(file, []byte(out))
		if err != nil {
			t.Fatalf("%+v: %v", req, err)
		}
		for _, d := range docs {
			if err := repo.CheckName("name", d.Name()); err != nil && d.Kind() == "RedisFailover" {
				t.Errorf("%+v: %v", req, err)
			}
			if len(d.Name()) > 63 {
				t.Errorf("%+v: the %s %s has %d characters", req, d.Kind(), d.Name(), len(d.Name()))
			}
		}
		m := maxmemory.FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("%+v: no maxmemory in\n%s", req, out)
		}
		mib, err := strconv.Atoi(strings.TrimSuffix(m[1], "mb"))
		if err != nil || mib < 1 || float64(mib) > 0.8*mebibytes(t, memory) {
			t.Errorf("%+v: maxmemory %s of %s", req, m[1], memory)
		}
	}
	if tooLong == 0 || tooLong > 75 {
		t.Errorf("%d of 150 names were too long: the test does not try what it says", tooLong)
	}
}

func mebibytes(t *testing.T, quantity string) float64 {
	t.Helper()
	factor := 1.0
	if strings.HasSuffix(quantity, "Gi") {
		factor = 1024
	}
	n, err := strconv.ParseFloat(quantity[:len(quantity)-2], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n * factor
}
