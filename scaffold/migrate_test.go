package scaffold

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis-gitops/redis-gitops/repo"
)

// migrate plans and applies a stage.
func migrate(t *testing.T, r *repo.Repo, req MigrateRequest, stage int) *Plan {
	t.Helper()
	req.Stage = stage
	return apply(t, r)(PlanMigrate(t.Context(), r, config(t, ""), Deps{Random: rand.Reader, Now: time.Now()}, req))
}

// migration returns the stages, and their states as first letters.
func migrationOf(t *testing.T, r *repo.Repo, req MigrateRequest) (m *Migration, letters string) {
	t.Helper()
	m, err := Migrate(t.Context(), r, config(t, ""), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Stages.Stages {
		letters += string(s.State[:1])
	}
	return m, letters
}

// TestMigrate takes a Redis to another operator in every form of a values file and in a kustomization: a stage is refused before the one
// it waits for, changes nothing when it is run again, and is undone to the byte. Whatever stage is the last, destroy gives back the first
// bytes.
func TestMigrate(t *testing.T) {
	pairs := [][2]string{{"spotahome", "statefulset"}, {"spotahome", "opstree"}, {"opstree", "statefulset"}, {"freshworks", "statefulset"}, {"statefulset", "valkey"}, {"statefulset", "spotahome"}}
	var all []string
	for name := range valuesFiles {
		all = append(all, name)
	}
	slices.Sort(all)
	for n, name := range append(all, "kustomization", "kustomization", "kustomization") {
		pair := pairs[n%len(pairs)]
		auth := []Auth{{Method: Existing}, {Method: External, Store: "vault"}, {Method: NoAuth}}[n%3]
		until := 1 + n%3 // stages in Git
		if n%2 == 0 {
			until = 3
		}
		suffix := []string{"", "cache", "cache-9"}[n%3]
		t.Run(fmt.Sprintf("%s %s %s%s %d", name, strings.Join(pair[:], " "), auth.Method, suffix, until), func(t *testing.T) {
			r := shop(t, valuesFiles[name])
			if name == "kustomization" {
				r = openFiles(t, map[string]string{
					"applications/shop/kustomization.yaml": "# ours\nnamespace: prod\nresources:\n- deployment.yaml # first\n",
					"applications/shop/deployment.yaml":    strings.ReplaceAll(deployedBy, "{{ .Chart.Name }}", "shop"),
				})
			}
			first := everything(t, r)
			generated := ResourceRequest{App: "shop", Operator: pair[0], Suffix: suffix, Namespace: "prod", Auth: auth}
			if _, err := PlanResource(t.Context(), r, config(t, ""), deps, generated); err != nil {
				t.Skip(err) // a values file that generate refuses
			}
			generate(t, r, generated)
			req := MigrateRequest{App: "shop", Name: strings.TrimSuffix("redis-"+suffix, "-"), To: pair[1], Namespace: "prod"}
			m, letters := migrationOf(t, r, req)
			if letters != "npppp" {
				t.Fatalf("at the beginning: %s", letters)
			}
			want := map[string]string{"": "redis-v2", "cache": "redis-cache-2", "cache-9": "redis-cache-10"}[suffix]
			if m.To != want {
				t.Fatalf("the new one is %s", m.To)
			}
			for _, stage := range []int{MigrateClients, MigrateRemove} {
				early := req
				early.Stage = stage
				if _, err := PlanMigrate(t.Context(), r, config(t, ""), deps, early); err == nil || !strings.HasPrefix(err.Error(), "stage 1 comes first: add "+want) {
					t.Fatalf("stage %d at first: %v", stage, err)
				}
			}
			gone := ""
			for i := range until {
				stage := []int{MigrateAdd, MigrateClients, MigrateRemove}[i]
				before := everything(t, r)
				p := migrate(t, r, req, stage)
				if !p.Changed() {
					t.Fatalf("stage %d changes nothing", stage)
				}
				after := everything(t, r)
				back := &Plan{Command: "revert"} // what Git does
				for _, f := range p.Files {
					back.put(Changed(f.Path, f.New, f.Old))
				}
				apply(t, r)(back, nil)
				sameFiles(t, everything(t, r), before)
				migrate(t, r, req, stage)
				sameFiles(t, everything(t, r), after)
				if _, got := migrationOf(t, r, req); got != []string{"dnppp", "ddddn", "ddddd"}[i] {
					t.Fatalf("after stage %d: %s", stage, got)
				}
				if migrate(t, r, req, stage).Changed() {
					t.Fatalf("stage %d changes something again", stage)
				}
				if p := apply(t, r)(PlanUpdate(t.Context(), r, config(t, ""), UpdateRequest{})); p.Changed() {
					t.Fatalf("update after stage %d:\n%s", stage, p.Diff())
				}
				for _, e := range list(t, r, "shop") {
					if e.Kind == "resource" && e.State != Current {
						t.Fatalf("after stage %d %s is %s", stage, e.Name, e.State)
					}
				}
				if stage == MigrateRemove {
					gone = req.Name
				}
			}
			rest := []string{m.To, req.Name}
			if until == 2 && name != "kustomization" {
				if _, err := PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: m.To}); err == nil || !strings.Contains(err.Error(), "applications/shop/values.yaml:") {
					t.Fatalf("the new one is removed while clients use it: %v", err)
				}
				slices.Reverse(rest)
			}
			for _, name := range rest {
				if name != gone {
					apply(t, r)(PlanDestroy(t.Context(), r, DestroyRequest{App: "shop", Name: name}))
				}
			}
			sameFiles(t, everything(t, r), first)
		})
	}
}
