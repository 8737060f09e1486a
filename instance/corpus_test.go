package instance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/repo"
)

// corpus holds public repositories and manifests beside the repository; it is not part of it.
const corpus = "../../shared/corpus"

func openRepository(t testing.TB, dir string) *Repository {
	t.Helper()
	config, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	layout := repo.Layout{Applications: config.Layout.Applications, Generators: config.Layout.Generators, Platform: config.Layout.Platform, PlatformApplications: config.Layout.PlatformApplications}
	r, err := repo.Open(afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), dir)), repo.Options{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	found, err := Open(t.Context(), r, config)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The table has every Redis of every repository of the corpus, and what url and sentinel-url answer for it. UPDATE=1 writes it.
func TestCorpus(t *testing.T) {
	folders, err := filepath.Glob(corpus + "/*")
	if err != nil || len(folders) == 0 {
		t.Skip("no ../shared/corpus beside the repository")
	}
	var b strings.Builder
	b.WriteString("repository\tapplication\tkind\tnamespace/name\toperator\turl\tsentinels\tsecret\n")
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		r := openRepository(t, folder)
		all, err := r.All(context.Background())
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		var rows []string
		for _, in := range all {
			rows = append(rows, row(in))
			// Each is found by its name, alone or among others of that name.
			named, err := r.Named(context.Background(), in.Name)
			if err != nil || !slices.ContainsFunc(named, func(n *Instance) bool { return n.identity() == in.identity() }) && !slices.ContainsFunc(named, func(n *Instance) bool { return n.Name == in.Name || n.Application == in.Name }) {
				t.Errorf("%s: %s is not found by its name: %v", folder, in.Name, err)
			}
		}
		slices.Sort(rows)
		for _, row := range slices.Compact(rows) {
			fmt.Fprintf(&b, "%s\t%s\n", filepath.Base(folder), row)
		}
	}
	const golden = "testdata/corpus.tsv"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for _, line := range gotLines {
			if !slices.Contains(wantLines, line) {
				t.Errorf("new:  %s", line)
			}
		}
		for _, line := range wantLines {
			if !slices.Contains(gotLines, line) {
				t.Errorf("gone: %s", line)
			}
		}
	}
}

func row(in *Instance) string {
	answer := func(sentinel bool) string {
		text, err := in.Client("url", ClientOptions{Sentinel: sentinel})
		if err != nil {
			return "– " + err.Error()
		}
		return strings.TrimSpace(text)
	}
	secret := "–"
	if in.Auth != nil {
		secret = in.Auth.Secret + "/" + in.Auth.Key
	}
	sentinels := "–"
	if in.Sentinel != nil {
		sentinels = answer(true)
	}
	return strings.Join([]string{in.Application, in.Kind, in.Namespace + "/" + in.Name, in.Operator + " " + in.Version, answer(false), sentinels, secret}, "\t")
}
