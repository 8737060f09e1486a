package scaffold

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReferenceFilter holds a search that passes over files without a known text against one that looks at every line, over files of random
// parts, in directories of several depths.
func TestReferenceFilter(t *testing.T) {
	t.Parallel()
	parts := []string{
		"shop", "shop-redis", "shop-redis-master", "rfs-shop", "shop.svc", "-", " ", "\n", "\n", ": ", "\n  - ", "$(REDIS_URL)", "$(REDIS_URL", "$(", ")",
		"{{ .Chart.Name }}", "{{ .Chart.Name }}-redis-master", "applications/shop", "./applications//shop/values.yaml", "../shop", "../../applications/shop",
		"$values/applications/shop/x", "//../shop", "..", "./", "#", "resources:\n", "# shop", "https://x/applications/shop.git", "SHOP", "y",
	}
	files := []string{
		"a.yaml", "applications/kustomization.yaml", "applications/web/kustomization.yaml", "applications/shop/values.yaml", "applications/shop/templates/a.yaml",
		"applications/web/templates/b.tpl", "platform/x/y/Kustomization", "kustomization.yml",
	}
	targetsOf := func() []*target {
		return []*target{
			{app: "shop", chart: "shop", templates: "applications/shop/templates", words: []string{"shop-redis-master", "rfs-shop"}, env: []string{"REDIS_URL"}, plan: &Plan{}},
			{app: "shop", dir: "applications/shop", plan: &Plan{}},
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for range 3000 {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		file, text := files[random.IntN(len(files))], b.String()
		var results [2]string
		for i := range results {
			targets := targetsOf()
			x := newReferenceIndex(targets)
			if x.few == nil {
				t.Fatal("nothing to look for")
			}
			if i == 1 {
				x.few = nil
			}
			x.scan(file, []byte(text), nil)
			for _, target := range targets {
				results[i] += fmt.Sprintln(target.found)
				hits += len(target.found)
			}
		}
		if !reflect.DeepEqual(results[0], results[1]) {
			t.Fatalf("%s\n%s\ngot %s, want %s", file, text, results[0], results[1])
		}
	}
	if hits < 500 {
		t.Errorf("only %d references were found, which proves little", hits)
	}
}

// TestReferenceFilterGrowth counts the files whose lines are looked at: those of other applications that name none of the texts are not.
func TestReferenceFilterGrowth(t *testing.T) {
	t.Parallel()
	x := newReferenceIndex([]*target{{app: "shop", chart: "shop", templates: "applications/shop/templates", words: []string{"shop-redis-master"}, plan: &Plan{}}})
	for i := range 100 {
		if text := fmt.Sprintf("kind: RedisFailover\nmetadata: {name: app%d}\nurl: redis://app%d-redis-master\n", i, i); !x.nothingIn([]byte(text)) {
			t.Errorf("looks at the lines of\n%s", text)
		}
	}
	many := make([]*target, maxFew+1)
	for i := range many {
		many[i] = &target{words: []string{fmt.Sprintf("app%d", i)}, plan: &Plan{}}
	}
	if newReferenceIndex(many).nothingIn([]byte("nothing")) {
		t.Error("looks for more texts one by one than lines cost")
	}
}

// TestPathTokens holds the search for paths in a line against the expression that describes them.
func TestPathTokens(t *testing.T) {
	t.Parallel()
	want := regexp.MustCompile(`\$?[A-Za-z0-9_.~/-]+`)
	random := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		line := make([]byte, random.IntN(12))
		for i := range line {
			line[i] = "$$$aZ9_.~/- :é{"[random.IntN(16)]
		}
		var got []string
		for from, to := range pathTokens(string(line)) {
			got = append(got, string(line[from:to]))
		}
		if want := want.FindAllString(string(line), -1); !slices.Equal(got, want) {
			t.Fatalf("%q: got %q, want %q", line, got, want)
		}
	}
}
