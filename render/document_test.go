package render

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// TestDocuments: every resource of public repositories and of the example is in one document, which is what the resource is; the
// comments of places change no value; and what a kustomization renders is what kustomize build prints.
func TestDocuments(t *testing.T) {
	t.Parallel()
	documents, placed, kustomizations := 0, 0, 0
	for _, root := range repositories(t) {
		fsys, err := rootfs.Open(root)
		if err != nil {
			t.Fatal(err)
		}
		defer fsys.Close()
		r, err := repo.Open(fsys, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		targets, _, err := Targets(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range targets {
			result, err := Render(t.Context(), r, target, Options{})
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for _, d := range result.Documents() {
				documents++
				seen += len(d.Resources)
				placed += checkDocument(t, root, d)
			}
			if dropped := len(result.Resources) - seen; dropped != 0 && !slices.ContainsFunc(result.Resources, func(r *Resource) bool { return textAt(r.Node, "metadata", "annotations", "helm.sh/hook") != "" }) {
				t.Errorf("%s: %s: %d resources are in no document", root, target.Dir, dropped)
			}
			if target.Kind == repo.Kustomize && kustomizeAgrees(t, root, target, result) {
				kustomizations++
			}
		}
	}
	t.Logf("%d documents, %d lines with a place, %d kustomizations as kustomize build prints them", documents, placed, kustomizations)
	if documents < 5 || placed < 50 || kustomizations == 0 {
		t.Error("too few were looked at")
	}
}

// checkDocument compares a document with its resources, and returns how many of its lines got a comment.
func checkDocument(t *testing.T, root string, d *Document) int {
	t.Helper()
	object, err := d.Object()
	if err != nil {
		t.Errorf("%s: %s: %v", root, d.Source, err)
		return 0
	}
	if len(d.Resources) == 1 && d.Resources[0].unknown == nil && !topList.Match(d.Text) {
		if want, err := value(d.Resources[0].Node); err != nil || !reflect.DeepEqual(object, want) {
			t.Errorf("%s: %s: the document is not the resource (%v):\n%s", root, d.Source, err, d.Text)
		}
	}
	with := d.WithPlaces()
	if !sameValues(with, d.Text) {
		t.Errorf("%s: %s: comments change values:\n%s", root, d.Source, with)
	}
	before, after := bytes.Split(d.Text, []byte("\n")), bytes.Split(with, []byte("\n"))
	if len(before) != len(after) {
		t.Errorf("%s: %s: comments change the number of lines", root, d.Source)
		return 0
	}
	lines := 0
	for i, line := range before {
		if !bytes.HasPrefix(after[i], bytes.TrimRight(line, " \t\r")) {
			t.Errorf("%s: %s: line %d was %q and is %q", root, d.Source, i+1, line, after[i])
		}
		if len(after[i]) > len(line) {
			lines++
		}
	}
	return lines
}

// kustomizeAgrees compares with kustomize itself, where that needs nothing from outside and Flux changes nothing.
func kustomizeAgrees(t *testing.T, root string, target Target, result *Result) bool {
	t.Helper()
	if len(result.Notices)+len(result.Problems) > 0 || target.Deployment != nil && target.Deployment.Substitute != nil {
		return false
	}
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, target.Dir))
	if err != nil {
		return false
	}
	want, err := m.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range result.Documents() {
		got = append(got, string(d.Text)+"\n")
	}
	if text := strings.Join(got, "---\n"); text != string(want) {
		t.Errorf("%s: %s:\n%s\nwant\n%s", root, target.Dir, text, want)
	}
	return true
}

// repositories are the example and the public ones beside the project; each of these is a directory of shared/corpus.
func repositories(t *testing.T) []string {
	t.Helper()
	all := []string{"../examples/devops-repo", "testdata/documents"}
	entries, err := os.ReadDir("../../shared/corpus")
	if err != nil {
		t.Log("without public repositories: ", err)
	}
	for i, e := range entries {
		if e.IsDir() && (i%8 == 0 || !testing.Short()) {
			all = append(all, filepath.Join("../../shared/corpus", e.Name()))
		}
	}
	return all
}

// TestPlaces: the comment names the value, also through helpers, and the line of the template where there is none.
func TestPlaces(t *testing.T) {
	t.Parallel()
	text := renderedText(t, "testdata/documents")
	want, err := os.ReadFile("testdata/documents.want")
	if os.Getenv("UPDATE") != "" {
		err = os.WriteFile("testdata/documents.want", []byte(text), 0o644)
		want = []byte(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func renderedText(t *testing.T, root string) string {
	t.Helper()
	fsys, err := rootfs.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	targets, _, err := Targets(r)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, target := range targets {
		target.Parameters = []repo.Parameter{{Name: "redis.replicas", Value: "5"}}
		result, err := Render(t.Context(), r, target, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range result.Documents() {
			b.WriteString("---\n# Source: " + d.Source + "\n" + string(d.WithPlaces()) + "\n")
		}
	}
	return b.String()
}
