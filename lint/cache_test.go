package lint_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/cue"
	"github.com/redis-gitops/redis-gitops/lint"
	"github.com/redis-gitops/redis-gitops/repo"
)

// TestCache changes one file after the other, and wants of a run that remembers what a run says that sees everything anew.
func TestCache(t *testing.T) {
	t.Parallel()
	repos := corpusRepos(t)
	example, err := repo.Open(afero.NewReadOnlyFs(afero.NewBasePathFs(afero.NewOsFs(), filepath.Join("..", "examples", "devops-repo"))), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repos["example"] = example
	config, err := cue.LoadConfig(cue.ConfigFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range sample(t, repos, "example") {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			files, err := r.Files(".")
			if err != nil {
				t.Fatal(err)
			}
			if len(files) > 400 {
				t.Skip("one of the others is enough")
			}
			var cache lint.Cache
			same := func(r *repo.Repo, what string) {
				opts := lint.Options{Config: config, Strict: true, Today: today}
				want := run(t, r, opts)
				opts.Cache = &cache
				for range 2 {
					got := run(t, r, opts)
					if a, b := print(t, r, "json", got.Findings), print(t, r, "json", want.Findings); a != b {
						t.Fatalf("%s: with what is kept:\n%s\nwithout:\n%s", what, a, b)
					}
					if got.Files != want.Files || got.Resources != want.Resources || len(got.Notices) != len(want.Notices) || len(got.Failures) != len(want.Failures) {
						t.Fatalf("%s: %d files, %d resources, %d notices and %d failures, without what is kept %d, %d, %d and %d", what,
							got.Files, got.Resources, len(got.Notices), len(got.Failures), want.Files, want.Resources, len(want.Notices), len(want.Failures))
					}
				}
			}
			same(r, "as it is")
			broken := files // each in turn, rendered or not; of other repositories some
			if name != "example" {
				broken = []string{files[random.IntN(len(files))]}
			}
			for _, file := range broken {
				src, err := r.ReadFile(file)
				if err != nil || strings.HasPrefix(file, ".redis-gitops") {
					continue
				}
				changed, err := repo.Open(lint.Overlay(r.Fs(), map[string][]byte{file: append(bytes.Clone(src), "\nbroken: [{{\n"...)}), repo.Options{})
				if err != nil {
					t.Fatal(err)
				}
				same(changed, "with "+file+" broken")
			}
			changes := map[string][]byte{}
			for range 6 {
				file := files[random.IntN(len(files))]
				src, err := r.ReadFile(file)
				if err != nil || strings.HasPrefix(file, ".redis-gitops") {
					continue
				}
				switch random.IntN(4) {
				case 0:
					changes[file] = nil
				case 1:
					changes[file] = src[:len(src)/2]
				case 2:
					changes[file] = bytes.ReplaceAll(src, []byte("redis"), []byte("rediss"))
				case 3:
					changes[filepath.ToSlash(filepath.Join(filepath.Dir(file), "new.yaml"))] = src
				}
				changed, err := repo.Open(lint.Overlay(r.Fs(), changes), repo.Options{})
				if err != nil {
					t.Fatal(err)
				}
				same(changed, "with "+file+" changed")
			}
			same(r, "as it was")
		})
	}
}
