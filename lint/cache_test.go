package lint_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
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
			store := memoryStore{}
			same := func(r *repo.Repo, what string) {
				opts := lint.Options{Config: config, Strict: true, Today: today}
				want := run(t, r, opts)
				opts.Cache = &cache
				for i := range 4 {
					if i > 1 { // one that writes and one that reads
						opts.Cache, opts.Keeper, opts.Jobs = nil, lint.NewKeeper(store, "test"), 1+3*(i-2)
					}
					got := run(t, r, opts)
					if a, b := print(t, r, "json", got.Findings), print(t, r, "json", want.Findings); a != b {
						t.Fatalf("%s: with what is kept:\n%s\nwithout:\n%s", what, a, b)
					}
					if got.Files != want.Files || got.Resources != want.Resources || len(got.Notices) != len(want.Notices) || len(got.Failures) != len(want.Failures) {
						t.Fatalf("%s: %d files, %d resources, %d notices and %d failures, without what is kept %d, %d, %d and %d", what,
							got.Files, got.Resources, len(got.Notices), len(got.Failures), want.Files, want.Resources, len(want.Notices), len(want.Failures))
					}
					for key, data := range store {
						if text := string(data); want.Secrets.Foreign(text) != text {
							t.Fatalf("%s: there are secrets in %s", what, key)
						}
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

// memoryStore is a store of what other processes would have left on a disk.
type memoryStore map[string][]byte

func (m memoryStore) Load(key string) []byte       { return m[key] }
func (m memoryStore) Save(key string, data []byte) { m[key] = bytes.Clone(data) }

// keptRun checks a repository with what a store keeps, and returns the report and how many targets were checked anew.
func keptRun(t *testing.T, r *repo.Repo, opts lint.Options, store lint.Store, id string) (text string, anew int) {
	t.Helper()
	opts.Keeper = lint.NewKeeper(store, id)
	res := run(t, r, opts)
	for _, p := range res.Phases {
		if p.Name == "render" {
			anew++
		}
	}
	return print(t, r, "json", res.Findings), anew
}

// TestKeeperSettings has a store forget nothing and take nothing for the result of other settings, rules, programs or configurations.
func TestKeeperSettings(t *testing.T) {
	t.Parallel()
	r, config := open(t, charts(t, 3))
	store := memoryStore{}
	strict := *config
	strict.Rules = map[string]cue.Rule{"auth/missing": {Severity: "error"}}
	for _, opts := range []lint.Options{{}, {Strict: true}, {Only: []string{"auth/missing"}}, {Enable: []string{"auth/missing"}}, {Disable: []string{"data/*"}}, {NoSuppressions: true}} {
		for _, c := range []struct {
			config *cue.Config
			id     string
		}{{config, "one"}, {config, "two"}, {&strict, "three"}} {
			opts.Config, opts.Today = c.config, today
			want := print(t, r, "json", run(t, r, opts).Findings)
			for i := range 3 {
				got, anew := keptRun(t, r, opts, store, c.id)
				if got != want {
					t.Errorf("%+v: got %s\nwant %s", opts, got, want)
				}
				if (anew > 0) != (i == 0) {
					t.Errorf("run %d of %s renders %d times", i, c.id, anew)
				}
			}
		}
	}
	if len(store) != 18 {
		t.Errorf("there are %d entries", len(store))
	}
}

// brokenStore gives something else than what was saved.
type brokenStore struct {
	memoryStore
	damage func([]byte) []byte
}

func (b brokenStore) Load(key string) []byte { return b.damage(bytes.Clone(b.memoryStore.Load(key))) }

// TestKeeperBroken reads entries that are cut off, of zeros, of random bytes and longer than they should be: nothing of them counts, and
// nothing fails.
func TestKeeperBroken(t *testing.T) {
	t.Parallel()
	r, config := open(t, charts(t, 3))
	opts := lint.Options{Config: config, Strict: true, Today: today}
	store := memoryStore{}
	want, _ := keptRun(t, r, opts, store, "test")
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 60 {
		damage := func(data []byte) []byte {
			switch n := random.IntN(max(1, len(data))); i % 5 {
			case 0:
				return data[:n]
			case 1:
				return append(data, 0)
			case 2:
				clear(data[n:])
			case 3:
				for j := range data {
					data[j] = byte(random.Uint32())
				}
			case 4:
				return []byte("\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
			}
			return data
		}
		if got, _ := keptRun(t, r, opts, brokenStore{memoryStore{}, func([]byte) []byte { return damage(bytes.Clone(store[keyOf(store)])) }}, "test"); i%5 != 2 && got != want {
			t.Fatalf("damage %d: got %s\nwant %s", i%5, got, want)
		}
	}
}

func keyOf(store memoryStore) string {
	for key := range store {
		return key
	}
	return ""
}

// TestKeeperChanged keeps nothing of a file that changes while it is read: no later run may take that for what it was.
func TestKeeperChanged(t *testing.T) {
	t.Parallel()
	r, config := open(t, charts(t, 2))
	opts := lint.Options{Config: config, Strict: true, Today: today}
	file := "applications/" + r.Layout().Generators
	files, err := r.Files("applications")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "/templates/redis.yaml") {
			file = f
		}
	}
	src, err := r.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.ReplaceAll(src, []byte("terminationGracePeriod: {{ add 60 $load | max 90 }}"), []byte("terminationGracePeriod: 1"))
	if bytes.Equal(src, other) {
		t.Fatal("nothing is changed")
	}
	store := memoryStore{}
	after, err := repo.Open(lint.Overlay(r.Fs(), map[string][]byte{file: other}), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := print(t, after, "json", run(t, after, opts).Findings)
	before := print(t, r, "json", run(t, r, opts).Findings)
	if want == before {
		t.Fatal("the change makes no difference")
	}
	for n := 1; n < 8; n++ { // it changes after the n-th time that it is opened
		during, err := repo.Open(&changing{Fs: r.Fs(), after: after.Fs(), file: file, left: n}, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = keptRun(t, during, opts, store, "test")
		if got, _ := keptRun(t, after, opts, store, "test"); got != want {
			t.Errorf("changed after %d readings: got %s\nwant %s", n, got, want)
		}
		if got, _ := keptRun(t, r, opts, store, "test"); got != before {
			t.Errorf("changed back after %d readings: got %s\nwant %s", n, got, before)
		}
		clear(store)
	}
}

// changing has one file be another one after some readings.
type changing struct {
	afero.Fs
	after afero.Fs
	file  string
	mu    sync.Mutex
	left  int
}

func (c *changing) Open(name string) (afero.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name != c.file {
		return c.Fs.Open(name)
	}
	if c.left--; c.left < 0 {
		return c.after.Open(name)
	}
	return c.Fs.Open(name)
}
