package helmcheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/spf13/afero"
	"helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	deputil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"github.com/redis-gitops/redis-gitops/render"
	"github.com/redis-gitops/redis-gitops/repo"
	"github.com/redis-gitops/redis-gitops/repo/rootfs"
)

// exceptions are the charts on which we do not want to be equal to Helm, by the end of their folder's name, and why.
var exceptions = map[string]string{
	"testdata/invalidchartfile": "Chart.yaml sets a key twice; Helm takes the last, for us that is a finding",
}

// fixed are our results for what depends on chance, for Helm.
var fixed = template.FuncMap{
	"randAlphaNum": func(n int) string { return strings.Repeat("a", n) },
	"randAlpha":    func(n int) string { return strings.Repeat("a", n) },
	"uuidv4":       func() string { return "00000000-0000-4000-8000-000000000000" },
	"now":          func() time.Time { return time.Unix(0, 0).UTC() },
}

// TestCharts holds our engine against Helm's, byte for byte, on every chart that there is: our example, the public ones
// beside the repository, and those with which Helm tests itself.
func TestCharts(t *testing.T) {
	helm := strings.TrimSpace(command(t, "go", "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v4"))
	counts := map[string]int{}
	used := map[string]bool{}
	for _, where := range []string{filepath.Join(root, "examples"), filepath.Join(shared, "corpus"), helm} {
		for _, dir := range charts(t, where) {
			name := strings.TrimPrefix(dir, helm+"/")
			t.Run(name, func(t *testing.T) {
				if reason := exception(dir, used); reason != "" {
					counts["exceptions"]++
					t.Log("not compared: " + reason)
					return
				}
				dir := unpacked(t, dir)
				want, helmErr := helmTexts(dir)
				got, notices, problems := ourTexts(t, dir)
				switch {
				case helmErr != nil && len(problems) == 0:
					t.Errorf("Helm fails and we do not: %v", helmErr)
				case helmErr != nil:
					counts["failing alike"]++
				case len(problems) > 0:
					t.Errorf("Helm renders it and we do not:\n%s", strings.Join(problems, "\n"))
				case !maps.Equal(got, want):
					t.Errorf("%s\n%s", difference(got, want), strings.Join(notices, "\n"))
				default:
					counts["equal"]++
					counts["files"] += len(got)
				}
			})
		}
	}
	for suffix := range exceptions {
		if !used[suffix] {
			t.Errorf("exception %q is no chart any more; remove it", suffix)
		}
	}
	t.Logf("charts: %v", counts)
}

func exception(dir string, used map[string]bool) string {
	for suffix, reason := range exceptions {
		if strings.HasSuffix(dir, suffix) {
			used[suffix] = true
			return reason
		}
	}
	return ""
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// charts returns the folders with a Chart.yaml that are no subcharts.
func charts(t *testing.T, root string) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "Chart.yaml" {
			return err
		}
		dir := filepath.Dir(path)
		if filepath.Base(filepath.Dir(dir)) == "charts" {
			if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(dir)), "Chart.yaml")); err == nil {
				return nil
			}
		}
		dirs = append(dirs, dir)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return dirs
}

// unpacked returns a chart with its packed subcharts as folders, which is all that we render.
func unpacked(t *testing.T, dir string) string {
	t.Helper()
	packed := func(dir string) []string {
		var found []string
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".tgz" && filepath.Base(filepath.Dir(path)) == "charts" {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if len(packed(dir)) == 0 {
		return dir
	}
	twin := filepath.Join(t.TempDir(), filepath.Base(dir))
	command(t, "cp", "-rL", dir, twin)
	command(t, "chmod", "-R", "u+w", twin)
	for all := packed(twin); len(all) > 0; all = packed(twin) {
		for _, file := range all {
			command(t, "tar", "-xzf", file, "-C", filepath.Dir(file))
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	return twin
}

// helmTexts renders a chart as helm template does.
func helmTexts(dir string) (map[string]string, error) {
	c, err := loader.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	return helmChart(c, c.Name())
}

func helmChart(c *chart.Chart, release string) (map[string]string, error) {
	if err := deputil.ProcessDependencies(c, common.Values{}); err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: "default", Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValues(c, nil, options, nil)
	if err != nil {
		return nil, err
	}
	return engine.Engine{CustomTemplateFuncs: fixed}.RenderWithContext(context.Background(), c, values)
}

func ourTexts(t *testing.T, dir string) (texts map[string]string, notices, problems []string) {
	t.Helper()
	fsys, err := rootfs.Open(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	return ourChart(t, fsys, filepath.Base(dir))
}

func ourChart(t *testing.T, fsys afero.Fs, dir string) (texts map[string]string, notices, problems []string) {
	t.Helper()
	r, err := repo.Open(fsys, repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	options := render.Options{KubeVersion: common.DefaultCapabilities.KubeVersion.Version}
	result, err := render.Render(t.Context(), r, render.Target{Dir: dir, Kind: repo.Chart}, options)
	if err != nil {
		return nil, nil, []string{err.Error()}
	}
	for _, p := range result.Problems {
		if p.Code == repo.CodeDuplicateKey {
			continue // we render it too, with the last one
		}
		if p.Code == render.CodeFails || p.Code != render.CodeNotYAML && !strings.Contains(p.File, "/templates/") && !strings.Contains(p.File, "/crds/") {
			problems = append(problems, p.Error())
		}
	}
	for _, n := range result.Notices {
		notices = append(notices, n.Error())
	}
	return result.Texts(), notices, problems
}

// difference names the files that differ and shows the first.
func difference(got, want map[string]string) string {
	names := slices.Collect(maps.Keys(got))
	for name := range want {
		if _, ok := got[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		g, inGot := got[name]
		w, inWant := want[name]
		switch {
		case !inGot:
			fmt.Fprintf(&b, "%s is missing\n", name)
		case !inWant:
			fmt.Fprintf(&b, "%s should not be there\n", name)
		case g != w:
			fmt.Fprintf(&b, "%s: got\n%s\nwant as Helm\n%s\n", name, g, w)
		}
	}
	return b.String()
}
