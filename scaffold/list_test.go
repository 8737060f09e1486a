package scaffold

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"

	"github.com/redis-gitops/redis-gitops/repo"
)

func list(t *testing.T, r *repo.Repo, app string) []Entry {
	t.Helper()
	entries, _, err := List(context.Background(), r, config(t, ""), app)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// summary writes an entry on a line.
func summary(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s %s (%s, %s): %s, %d files, %v\n", e.Application, e.Kind, e.Name, e.Generator, e.Operator, e.State, len(e.Files), e.References)
	}
	return b.String()
}

func TestList(t *testing.T) {
	r := newRepository(t, "shop")
	apply(t, r)(PlanApplication(r, ApplicationRequest{App: "reports", Kustomize: true}))
	write(t, r, "applications/own/Chart.yaml", "name: own\n")
	deployment(t, r, "web", "")
	generate(t, r, ResourceRequest{App: "shop"})
	write(t, r, "generators/resources/thing.yaml", oldGenerator)
	generate(t, r, ResourceRequest{App: "shop", Type: "thing"})
	generate(t, r, ResourceRequest{App: "reports"})
	want := `reports application reports (built-in application, ): current, 1 files, []
reports resource redis (generators/resources/redis.yaml, spotahome): current, 1 files, []
shop application shop (built-in application, ): current, 4 files, []
shop deployment web (generators/deployments/web.yaml, ): current, 1 files, []
shop resource redis (generators/resources/redis.yaml, spotahome): current, 1 files, []
shop resource thing (generators/resources/thing.yaml, ): current, 1 files, []
`
	if got := summary(list(t, r, "")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// By hand, by its generator, by both, and gone; references are those that destroy names.
	write(t, r, "applications/shop/templates/redis.yaml", "# ours\n"+read(t, r, "applications/shop/templates/redis.yaml"))
	write(t, r, "generators/resources/thing.yaml", strings.Replace(oldGenerator, "color: red", "color: blue", 1))
	if err := r.Fs().Remove("applications/shop/templates/deployment-web.yaml"); err != nil {
		t.Fatal(err)
	}
	write(t, r, "platform/routes.yaml", "a: redis://shop-redis-master\nb: redis://reports-redis-master\npath: applications/shop\n")
	write(t, r, "applications/shop/templates/alert.yaml", "kind: Alert\nlimit: {{ .Values.resources.redis.memory }}\nurl: {{ .Chart.Name }}-redis-master\n")
	want = `shop application shop (built-in application, ): current, 4 files, [platform/routes.yaml:3:7]
shop deployment web (generators/deployments/web.yaml, ): missing, 1 files, []
shop resource redis (generators/resources/redis.yaml, spotahome): edited, 1 files, [applications/shop/templates/alert.yaml:2:11 applications/shop/templates/alert.yaml:3:6 platform/routes.yaml:1:12]
shop resource thing (generators/resources/thing.yaml, ): outdated, 1 files, []
`
	if got := summary(list(t, r, "shop")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	write(t, r, "applications/shop/templates/thing.yaml", strings.Replace(read(t, r, "applications/shop/templates/thing.yaml"), "color: red", "color: green", 1))
	if got := summary(list(t, r, "shop")); !strings.Contains(got, "resource thing (generators/resources/thing.yaml, ): conflict,") {
		t.Errorf("got\n%s", got)
	}
	if got := summary(list(t, r, "reports")); !strings.Contains(got, "current, 1 files, [platform/routes.yaml:2:12]") {
		t.Errorf("got\n%s", got)
	}
	if _, _, err := List(context.Background(), r, config(t, ""), "nosuch"); err == nil || !strings.Contains(err.Error(), `application "nosuch" does not exist`) {
		t.Errorf("got %v", err)
	}
	// Only the records of an application are left.
	if err := r.Fs().RemoveAll("applications/reports"); err != nil {
		t.Fatal(err)
	}
	for _, app := range []string{"", "reports"} {
		if got := summary(list(t, r, app)); !strings.Contains(got, "reports resource redis (generators/resources/redis.yaml, spotahome): missing, 1 files, [platform/routes.yaml:2:12]") {
			t.Errorf("got\n%s", got)
		}
	}
	// What cannot be read is reported, for all applications at once.
	for _, file := range []string{".redis-gitops/generated/shop/redis.yaml", ".redis-gitops/generated/reports/redis.yaml"} {
		write(t, r, file, "version: 7\n")
	}
	if _, _, err := List(context.Background(), r, config(t, ""), ""); err == nil || strings.Count(err.Error(), "written by another version") != 2 {
		t.Errorf("got %v", err)
	}
}

// TestListAgrees: an entry is outdated or a conflict if and only if generate update would change or refuse it, and has references
// if and only if destroy refuses because of them.
func TestListAgrees(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(21, 22))
	seen := map[State]int{}
	for range 25 {
		r := newRepository(t, "shop")
		c := config(t, "")
		write(t, r, "generators/resources/thing.yaml", oldGenerator)
		for _, name := range []string{"thing", "redis", "redis-cache"} {
			if typ, suffix, _ := strings.Cut(name, "-"); random.IntN(4) > 0 {
				generate(t, r, ResourceRequest{App: "shop", Type: typ, Suffix: suffix})
			}
		}
		for _, e := range list(t, r, "shop")[1:] {
			switch file := e.Files[0]; random.IntN(4) {
			case 0:
				write(t, r, file, strings.Replace(read(t, r, file), "color: red", "color: green", 1)+"# ours\n")
			case 1:
				write(t, r, "platform/"+e.Name+".yaml", "host: shop-"+e.Name+"-master\n")
			case 2:
				write(t, r, "generators/resources/thing.yaml", strings.NewReplacer("color: red", "color: blue", "size: 1", "size: 2").Replace(read(t, r, "generators/resources/thing.yaml")))
			}
		}
		for _, e := range list(t, r, "shop")[1:] {
			seen[e.State]++
			p, err := PlanUpdate(context.Background(), r, c, UpdateRequest{App: "shop", Name: e.Name})
			var conflict *ConflictError
			refused := errors.As(err, &conflict)
			if err != nil && !refused {
				t.Fatal(err)
			}
			if refused != (e.State == Clashing) || !refused && p.Changed() != (e.State == Outdated) {
				t.Errorf("%s is %s; update: %v, changed %v", e.Name, e.State, err, p != nil && p.Changed())
			}
			p, err = PlanDestroy(context.Background(), r, DestroyRequest{App: "shop", Name: e.Name})
			if e.State == Edited || e.State == Clashing {
				continue // refused before it looks for references
			}
			if (err != nil) != (len(e.References) > 0) {
				t.Errorf("%s has references %v; destroy: %v", e.Name, e.References, err)
			}
			for i, ref := range e.References {
				if got := p.Conflicts[i].Position.String(); got != ref {
					t.Errorf("%s: list has %s, destroy %s", e.Name, ref, got)
				}
			}
		}
	}
	for _, s := range []State{Clashing, Outdated, Edited, Current} {
		if seen[s] == 0 {
			t.Errorf("%s never came", s)
		}
	}
}

// countingFs counts how often each file or directory is opened.
type countingFs struct {
	afero.Fs
	mu    sync.Mutex
	opens map[string]int
}

func (c *countingFs) Open(name string) (afero.File, error) {
	c.mu.Lock()
	c.opens[name]++
	c.mu.Unlock()
	return c.Fs.Open(name)
}

// TestListLinear: ten times the applications take ten times the reads, and no file of an application is read more often.
func TestListLinear(t *testing.T) {
	opens := func(n int) (total, most int) {
		mem := afero.NewMemMapFs()
		r, err := repo.Open(mem, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, r)(PlanInit(t.Context(), r, InitRequest{}))
		// One is generated; the others have the same files by their own names.
		apply(t, r)(PlanApplication(r, ApplicationRequest{App: "app-000"}))
		generate(t, r, ResourceRequest{App: "app-000"})
		files := everything(t, r)
		for i := 1; i < n; i++ {
			name := fmt.Sprintf("app-%03d", i)
			for file, text := range files {
				if strings.Contains(file, "app-000") && text != "folder" {
					write(t, r, strings.ReplaceAll(file, "app-000", name), strings.ReplaceAll(text, "app-000", name))
				}
			}
		}
		counting := &countingFs{Fs: mem, opens: map[string]int{}}
		if r, err = repo.Open(counting, repo.Options{}); err != nil {
			t.Fatal(err)
		}
		if entries := list(t, r, ""); len(entries) != 2*n {
			t.Fatalf("%d entries", len(entries))
		}
		for name, count := range counting.opens {
			total += count
			if strings.HasPrefix(name, "applications/app-") {
				most = max(most, count)
			}
		}
		return total, most
	}
	n := 50
	if testing.Short() {
		n = 5
	}
	few, mostOfFew := opens(n)
	many, mostOfMany := opens(10 * n)
	t.Logf("%d applications take %d reads, %d take %d; one file is read at most %d times", n, few, 10*n, many, mostOfMany)
	if many > 10*few || mostOfMany > mostOfFew {
		t.Errorf("%d applications take %d reads, at most %d of a file; %d take %d, at most %d", n, few, mostOfFew, 10*n, many, mostOfMany)
	}
}
