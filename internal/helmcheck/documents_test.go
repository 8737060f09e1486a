package helmcheck

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	chartutil "helm.sh/helm/v4/pkg/chart/common"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// TestDocuments holds the documents of a chart, their text and order against those of helm template: objects by kind, then hooks.
func TestDocuments(t *testing.T) {
	helm := strings.TrimSpace(command(t, "go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v4"))
	compared, hooks := 0, 0
	for _, where := range []string{filepath.Join(root, "examples"), filepath.Join(shared, "corpus"), helm} {
		for _, dir := range charts(t, where) {
			if exception(dir, map[string]bool{}) != "" {
				continue
			}
			dir := unpacked(t, dir)
			texts, err := helmTexts(dir)
			if err != nil {
				continue // as TestCharts has it
			}
			maps.DeleteFunc(texts, func(name, _ string) bool { return strings.HasSuffix(name, "NOTES.txt") })
			hooked, objects, err := releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
			if err != nil {
				continue // it is no YAML
			}
			var want []string
			for _, m := range objects {
				var object any
				if yaml.Unmarshal([]byte(m.Content), &object) == nil && object != nil { // else a comment
					want = append(want, fmt.Sprintf("# Source: %s\n%s", m.Name, strings.TrimSpace(m.Content)))
				}
			}
			for _, h := range hooked {
				want = append(want, fmt.Sprintf("# Source: %s\n%s", h.Path, strings.TrimSpace(h.Manifest)))
			}
			got := ourDocuments(t, dir)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s", dir, firstDifference(got, want))
			}
			compared += len(want)
			hooks += len(hooked)
		}
	}
	if compared < 40 || hooks == 0 {
		t.Errorf("%d documents compared, %d of them hooks", compared, hooks)
	}
	t.Logf("%d documents compared, %d of them hooks", compared, hooks)
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("document %d is missing:\n%s", i, want[i])
		case i >= len(want):
			return fmt.Sprintf("document %d is too much:\n%s", i, got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("document %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
	return "equal"
}

// ourDocuments returns the documents of a chart without those of its crds directory.
func ourDocuments(t *testing.T, dir string) []string {
	t.Helper()
	fsys, err := rootfs.Open(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	options := render.Options{KubeVersion: chartutil.DefaultCapabilities.KubeVersion.Version}
	result, err := render.Render(t.Context(), r, render.Target{Dir: filepath.Base(dir), Kind: repo.Chart}, options)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range result.Documents() {
		if !strings.Contains(d.Source, "/crds/") {
			all = append(all, fmt.Sprintf("# Source: %s\n%s", d.Source, d.Text))
		}
	}
	return all
}
